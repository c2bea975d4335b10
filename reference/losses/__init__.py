"""One file a loss; the function has the file's name. What all losses share is in `torchstone.reference.loss`."""
