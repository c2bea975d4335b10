"""The reference: every component of the spec in plain torch operations, one equation a line."""
