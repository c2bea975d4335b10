"""The suite: programs go in, traces come out, the judge compares them."""
