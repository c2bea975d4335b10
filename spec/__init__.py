"""The spec, as Markdown pages; `torchstone.conformance.clauses` reads them."""
