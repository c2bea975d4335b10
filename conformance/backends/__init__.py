"""One file a backend, with its declared deviations beside it as NAME.known.toml."""
