"""One file a scheduler; each has `check` and either `rate` or `init` and `update`. See `torchstone.reference.scheduler`."""
