"""Whole training runs: data, network, the loop, and what is accepted. The clauses are in spec/training.md."""
