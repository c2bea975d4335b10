"""One file an optimizer, each with `check`, `init` and `update`. What all share is in `torchstone.reference.optimizer`."""
