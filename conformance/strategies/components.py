"""The programs of a component, as its own test file draws them."""

import importlib
from typing import Any

from hypothesis import strategies as st

from torchstone.conformance import clauses


def batches_of(component: str) -> st.SearchStrategy[Any]:
    """The programs of a loss whose samples lie along the first axis of all its tensors, reduced by `none`."""
    page = clauses.component(component)
    module = importlib.import_module(f"torchstone.conformance.{page.kind}.test_{page.stem}")
    batches: st.SearchStrategy[Any] = module.BATCHES
    return batches


def programs_of(component: str) -> st.SearchStrategy[Any]:
    """The programs of a component as its own test file draws them."""
    programs: st.SearchStrategy[Any] = tests_of(component).PROGRAMS
    return programs


def tests_of(component: str) -> Any:
    """The module with the tests of a component, which also says what its programs are."""
    page = clauses.component(component)
    return importlib.import_module(f"torchstone.conformance.{page.kind}.test_{page.stem}")
