"""One file a scheduler; each has `check`, and `rate` or `init` and `update`. See `torchstone.reference.scheduler`."""
