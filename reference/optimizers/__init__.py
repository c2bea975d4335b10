"""One file an optimizer, each with `check`, `init` and `update`. `torchstone.reference.optimizer` has the rest."""
