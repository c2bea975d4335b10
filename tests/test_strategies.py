"""Strategies reach what they should, and shrink to what a person can read."""

import math

import pytest
import torch
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.clauses import KINDS, components
from torchstone.conformance.oracle import rule
from torchstone.conformance.program import AddGroup, Average, SaveAndReload, SetOption, Step, StepWithClosure
from torchstone.reference.optimizer import minimises

SEARCH = settings(
    max_examples=3000, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
REACH = settings(SEARCH, phases=[Phase.generate])
STEMS = {kind: [page.stem for page in components(kind)] for kind in KINDS}


def find_any(strategy, condition):
    """Some value that meets the condition; hypothesis raises where it finds none."""
    return find(strategy, condition, settings=REACH)


def minimal(strategy, condition):
    """The simplest value that meets the condition."""
    return find(strategy, condition, settings=SEARCH)


@st.composite
def tensors(draw, dtype="float32"):
    return some.tensor(draw, dtype, some.shape(draw))


@st.composite
def shapes(draw):
    return some.shape(draw)


def steps(program):
    return [event for event in program.events if isinstance(event, Step | StepWithClosure)]


@pytest.mark.parametrize(
    "condition",
    [
        lambda shape: shape == (),
        lambda shape: 0 in shape,
        lambda shape: math.prod(shape) > 64,
        lambda shape: len(shape) == 3 and min(shape) > 1,
    ],
)
def test_shapes_are_empty_small_and_large(condition):
    find_any(shapes(), condition)


@pytest.mark.parametrize(
    "condition",
    [
        lambda t: any(0 < abs(v) < torch.finfo(torch.float32).tiny for v in t.data),
        lambda t: any(abs(v) > 1e36 for v in t.data),
        lambda t: any(0 < abs(v) < 1e-6 for v in t.data) and any(abs(v) >= 1 for v in t.data),
        lambda t: t.layout == "transposed" and len(t.shape) > 1,
        lambda t: t.layout == "strided" and len(t.data) > 1,
        lambda t: t.layout == "broadcast" and t.shape[0] > 1,
    ],
)
def test_tensors_reach_every_magnitude_and_layout(condition):
    find_any(tensors(), condition)


def test_tensors_are_exact_in_their_dtype():
    for dtype in ("bfloat16", "float16"):
        tensor = find_any(tensors(dtype), lambda t: len(t.data) > 3)
        again = torch.tensor(tensor.data, dtype=getattr(torch, dtype)).tolist()
        assert list(tensor.data) == again


def test_a_tensor_shrinks_to_the_one_element_that_matters():
    tensor = minimal(tensors(), lambda t: any(abs(v) > 2 for v in t.data))
    assert len(tensor.data) == 1
    assert tensor.layout == "contiguous"
    assert abs(tensor.data[0]) == 3


def several_groups(program):
    return len(program.groups) > 1 and program.groups[1].options


def late_groups(program):
    return any(isinstance(event, AddGroup) for event in program.events[1:])


@pytest.mark.parametrize("stem", STEMS["optimizers"])
@pytest.mark.parametrize(
    "condition",
    [
        lambda p: p.dtype == "float64",
        lambda p: p.dtype == "bfloat16",
        several_groups,
        lambda p: len(steps(p)) >= 8,
        lambda p: len({sum(g is not None for g in gs) for gs in zip(*(s.grads for s in steps(p)), strict=False)}) > 1,
        lambda p: any(isinstance(e, SaveAndReload) for e in p.events[1:]),
        lambda p: any(isinstance(e, SetOption) and e.name == "lr" for e in p.events[1:]),
        late_groups,
        lambda p: any(isinstance(e, StepWithClosure) for e in p.events),
        lambda p: any(not any(param.data) and param.data for param in p.groups[0].params),
        lambda p: any(len(param.data) > 64 for group in p.groups for param in group.params),
    ],
)
def test_optimizer_programs_reach_what_hides_bugs(stem, condition):
    if minimises(rule("optimizers", stem)) and condition in (several_groups, late_groups):
        pytest.skip("there is one group")
    find_any(some.programs_of(stem), condition)


@pytest.mark.parametrize("stem", STEMS["optimizers"])
def test_an_optimizer_program_shrinks_to_one_step(stem):
    program = minimal(some.programs_of(stem), lambda p: any(any(g.data) for s in steps(p) for g in s.grads if g))
    assert not program.options or len(program.options) == 1
    assert len(program.groups) == 1
    assert len(program.events) == 1
    assert len(program.groups[0].params) == 1


@pytest.mark.parametrize("stem", STEMS["schedulers"])
@pytest.mark.parametrize(
    "condition",
    [
        lambda p: len(p.base_lrs) > 1,
        lambda p: len(p.events) > 10,
        lambda p: any(isinstance(e, SaveAndReload) for e in p.events),
    ],
)
def test_schedule_programs_reach_what_hides_bugs(stem, condition):
    find_any(some.programs_of(stem), condition)


@pytest.mark.parametrize("stem", STEMS["losses"])
@pytest.mark.parametrize(
    "condition",
    [
        lambda p: p.dtype == "float64",
        lambda p: p.dtype == "float16",
        lambda p: len(set(p.upstream)) > 1,
        lambda p: any(t.layout == "transposed" for t in p.tensors.values()),
        lambda p: any(t.layout == "broadcast" for t in p.tensors.values()),
        lambda p: any(len(t.data) > 64 for t in p.tensors.values()),
        lambda p: any(len(t.data) == 0 for t in p.tensors.values()),
        lambda p: next(iter(p.tensors)) in p.differentiate,
    ],
)
def test_loss_programs_reach_what_hides_bugs(stem, condition):
    find_any(some.programs_of(stem), condition)


@pytest.mark.parametrize("stem", STEMS["gradients"])
@pytest.mark.parametrize(
    "condition",
    [
        lambda p: p.dtype == "bfloat16",
        lambda p: len(p.grads) > 2,
        lambda p: p.grads[0] is None,
        lambda p: p.grads[-1] is None,
        lambda p: any(g and not g.data for g in p.grads) and any(g and g.data for g in p.grads),
        lambda p: any(g and g.layout == "transposed" and len(g.shape) > 1 for g in p.grads),
        lambda p: any(g and len(g.data) > 64 for g in p.grads),
    ],
)
def test_gradient_programs_reach_what_hides_bugs(stem, condition):
    find_any(some.programs_of(stem), condition)


@pytest.mark.parametrize("stem", STEMS["averages"])
@pytest.mark.parametrize(
    "condition",
    [
        lambda p: p.dtype == "bfloat16",
        lambda p: len(p.params) > 1 and p.buffers,
        lambda p: sum(isinstance(event, Average) for event in p.events) > 7,
        lambda p: any(isinstance(event, SaveAndReload) for event in p.events[1:-1]),
        lambda p: p.options.get("use_buffers") and p.buffers and p.buffers[0].data,
        lambda p: any(len(param.data) > 64 for param in p.params),
    ],
)
def test_average_programs_reach_what_hides_bugs(stem, condition):
    find_any(some.programs_of(stem), condition)
