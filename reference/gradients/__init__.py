"""One file a way to change gradients, each with `check` and `clip`, which changes no tensor in place."""
