"""Planted faults are refused within a rehearsal of some forty steps; other correct ways to train are not."""

from dataclasses import replace

import pytest
import torch

from tests.test_training_run import SMALL, clusters
from torchstone.conformance.training import lockstep
from torchstone.conformance.training.data import Dataset
from torchstone.conformance.training.faults import CORRECT, FAULTS, Backend, fault, with_parts
from torchstone.conformance.training.loop import around

RECIPE = replace(with_parts(SMALL), epochs=5)  # so that the schedule takes two of its steps


@pytest.fixture(scope="module")
def steps() -> list[lockstep.Window]:
    """What the reference says about the first steps and a rehearsal; each is asked of every fault."""
    torch.set_num_threads(1)
    given = Dataset("mnist", "MNIST", "memory", clusters(300, 0), clusters(60, 1))
    return list(lockstep.windows(RECIPE, given).values())


def outcomes(steps: list[lockstep.Window], backend: Backend) -> set[str]:
    make = around(backend, RECIPE)
    return {
        each.outcome
        for window in steps
        for dtype in lockstep.DTYPES
        for each in window.agreement("steps", {"backend": make}, dtype)
    }


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_refused(steps, name):
    with fault(name) as backend:
        assert "fail" in outcomes(steps, backend)


@pytest.mark.parametrize("name", CORRECT)
def test_another_correct_implementation_is_not(steps, name):
    assert outcomes(steps, Backend(name, CORRECT[name])) == {"pass"}


def test_there_are_enough_faults():
    assert len(FAULTS) == len(set(FAULTS)) >= 20
