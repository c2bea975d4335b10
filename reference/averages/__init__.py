"""One file an average, each with `check` and `average`. `torchstone.reference.average` has the rest."""
