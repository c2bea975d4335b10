"""One file an optimizer; each has `check`, `init` and `update`. What all share is in `torchstone.reference.optimizer`."""
