"""The clauses of spec/optimizer.md, each over every optimizer."""

import dataclasses
import functools
import importlib
import itertools
import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import clauses
from torchstone.conformance import strategies as some
from torchstone.conformance.oracle import rule
from torchstone.conformance.program import (
    AddGroup,
    Group,
    OptimizerProgram,
    SaveAndReload,
    SetOption,
    Step,
    StepWithClosure,
    TensorData,
)
from torchstone.reference.optimizer import defaults, minimises

MANY = st.data()
WITH_AXES = ((2, 3), (3, 2), (2, 2), (4,), (4, 3), (3, 3), (2, 3, 2))  # so that an order of elements can be mistaken


def module(component: str) -> Any:
    """The test file of a component, which knows its options."""
    return importlib.import_module(f"torchstone.conformance.optimizers.test_{component}")


def programs(component: str, **how: Any) -> st.SearchStrategy[OptimizerProgram]:
    """Programs with every option of a component, of the kind that a clause is about."""
    own = module(component)
    return some.optimizer_programs(component, own.options, **{"settable": own.STEADY, **plain(component), **how})


def plain(component: str) -> dict[str, Any]:
    """The shapes and the spreads of a component's programs, where they are not those of most."""
    own = module(component)
    return {name.lower(): getattr(own, name) for name in ("SHAPES", "SPREADS", "SPARSE") if hasattr(own, name)}


def one_of(program: OptimizerProgram) -> st.SearchStrategy[int]:
    """One of the parameters that are there from the start, with elements if one of them has any."""
    params = [param for group in program.groups for param in group.params]
    return st.sampled_from([i for i, param in enumerate(params) if param.data] or [0])


@given(MANY)
def test_optimizer_1_a_group_has_options_of_its_own(play, component, data):
    program = data.draw(programs(component, kinds=("step", "set", "step", "add"), nones=False))
    assert play.conforms(program)


@given(MANY)
def test_optimizer_1_every_option_may_be_that_of_one_group(play, component, data):
    """One parameter in several groups, each of which has another value of one option."""
    if minimises(rule("optimizers", component)):
        pytest.skip("there is one group")
    own = module(component)
    one = data.draw(some.one_parameter(component, own.options, steps=(2, 4), **plain(component)))
    given = defaults(rule("optimizers", component)) | one.options
    other = {name: data.draw(value) for name, value in own.SETTABLE.items()} | own.options(data.draw)
    other |= {name: not value for name, value in given.items() if isinstance(value, bool)}
    changes = [{name: value} for name, value in other.items() if data.draw(some.BOOLEANS)]
    changes = [change for change in changes if some.compatible(given, change)]
    groups = tuple(Group(one.groups[0].params, change) for change in ({}, *changes))
    events = tuple(Step(event.grads * len(groups)) for event in one.events)

    assert play.conforms(dataclasses.replace(one, groups=groups, events=events))


@given(MANY)
def test_optimizer_2_splitting_groups_changes_nothing(play, component, data):
    if minimises(rule("optimizers", component)):
        pytest.skip("there is one group")
    program = data.draw(programs(component, kinds=("step", "reload", "closure")))
    alone = tuple(Group((param,), group.options) for group in program.groups for param in group.params)
    split = dataclasses.replace(program, groups=alone)
    which = data.draw(one_of(program))

    assert play.agree(program, f"param {which}", lambda other: other.param(which), split)


@given(MANY)
def test_optimizer_3_parameters_do_not_depend_on_each_other(play, component, data):
    if minimises(rule("optimizers", component)):
        pytest.skip("the parameters act together")
    program = data.draw(programs(component, kinds=("step", "set", "reload", "closure")))
    which = data.draw(one_of(program))

    assert play.agree(program, f"param {which}", lambda other: other.param(which), _others_changed(program, which))


def _others_changed(program: OptimizerProgram, which: int) -> OptimizerProgram:
    """The same program with another start and other gradients for all parameters but one."""

    def moved(data: Any) -> Any:
        return None if data is None else some.changed(data, lambda value: 1.0 - 20.0 * value)

    place = itertools.count()
    groups = [
        Group(tuple(param if next(place) == which else moved(param) for param in group.params), group.options)
        for group in program.groups
    ]
    events = [
        dataclasses.replace(e, grads=tuple(g if i == which else moved(g) for i, g in enumerate(e.grads)))
        if isinstance(e, Step | StepWithClosure)
        else e
        for e in program.events
    ]
    return dataclasses.replace(program, groups=tuple(groups), events=tuple(events))


@given(MANY, some.PLACES)
def test_optimizer_4_elements_are_parameters_of_their_own(play, component, data, place):
    if "act together" in clauses.component(component).text:
        pytest.skip("the elements of a parameter act together")
    program = data.draw(programs(component, kinds=("step",), groups=1, params=1, nones=False, empties=False))
    column = some.reworked(program, param=some.as_column, grad=some.as_column)
    first, *others = some.gradients(column)
    broken = some.with_grads(column, [some.planted(first, place, math.nan), *others])
    count = some.origin(program).numel()
    reached = torch.arange(count).reshape(-1, 1) == place % count

    assert play.agree(broken, "param 0", lambda plain: plain.param(0).reshape(-1, 1).where(~reached, math.nan), program)


@given(MANY)
def test_optimizer_4_a_large_parameter_is_many_elements(play, component, data):
    if "act together" in clauses.component(component).text or "sparse" in plain(component):
        pytest.skip("the elements of a parameter act together, or its gradients are no dense tensors")
    program = data.draw(programs(component, kinds=("step", "reload"), groups=1, params=1, nones=False, empties=False))
    column = some.reworked(program, param=some.as_column, grad=some.as_column)
    rows = torch.arange(some.LARGE) % some.origin(program).numel()
    tiled = functools.partial(some.reshaped, change=lambda tensor: tensor[rows])
    large = some.reworked(column, param=tiled, grad=tiled)

    assert play.agree(large, "param 0", lambda small: small.param(0)[rows], column)


@given(MANY)
def test_optimizer_5_a_changed_option_acts_at_the_next_step(play, component, data):
    changes = module(component).SETTABLE
    assert play.conforms(data.draw(programs(component, settable=changes, kinds=("step", "set", "set"), steps=(2, 12))))


@given(MANY, st.sampled_from([0.25, 4.0, 0.0]))
def test_optimizer_5_a_changed_rate_acts_at_the_next_step(play, component, data, times):
    """On all that a step does with the rate: of parameters that are not zero, and decay where there is decay."""
    decay = {"weight_decay": some.DECAYS} if "weight_decay" in module(component).SETTABLE else {}
    options = some.using(module(component).options, lr=some.LEARNING_RATES, **decay)
    program = data.draw(some.one_parameter(component, options, starts=some.AWAY, steps=(2, 4), **plain(component)))
    *before, last = program.events
    change = SetOption(0, "lr", times * program.options["lr"])
    assert play.conforms(some.with_events(program, [*before, change, last]))


@given(MANY)
def test_optimizer_6_no_gradient_no_step(play, component, data):
    assert play.conforms(data.draw(programs(component, kinds=("step", "step", "closure", "reload"))))


@given(MANY)
def test_optimizer_7_a_gradient_of_zeros_is_a_step(play, component, data):
    program = data.draw(programs(component, kinds=("step",), steps=(2, 12), groups=1))
    zero = data.draw(st.lists(some.BOOLEANS, min_size=len(program.events), max_size=len(program.events)))
    empty = some.times(0.0)
    events = [
        dataclasses.replace(event, grads=tuple(g and empty(g) for g in event.grads)) if still else event
        for still, event in zip([*zero[1:], False], program.events, strict=True)
    ]

    assert play.conforms(some.with_events(program, events))


@given(MANY)
def test_optimizer_8_a_late_group_starts_afresh(play, component, data):
    if minimises(rule("optimizers", component)):
        pytest.skip("there is one group")
    program = data.draw(programs(component, kinds=("step", "add"), steps=(3, 12), groups=1))
    assert play.conforms(program)


@given(MANY)
def test_optimizer_9_a_closure_brings_the_gradients_and_the_loss(play, component, data):
    program = data.draw(programs(component, kinds=("closure", "step"), steps=(2, 12), groups=2))
    assert play.conforms(program)


@given(MANY)
def test_optimizer_10_a_closure_is_called_with_gradients_enabled(play, component, data):
    program = data.draw(programs(component, kinds=("closure",), steps=(2, 3), groups=2))
    trace = play(program)  # a backend that calls it otherwise breaks a rule of the interface
    for index, event in enumerate(program.events):
        if isinstance(event, StepWithClosure):
            assert float(trace.entries[index + 1].tensors["loss"]) == event.loss


@given(MANY)
def test_optimizer_11_a_reload_changes_nothing(play, component, data):
    program = data.draw(programs(component, kinds=("step", "step", "reload", "set", "add"), steps=(4, 12)))
    half = len(program.events) // 2
    assert play.conforms(some.with_events(program, (*program.events[:half], SaveAndReload(), *program.events[half:])))


@given(MANY)
def test_optimizer_11_a_reload_after_every_event_changes_nothing(play, component, data):
    program = data.draw(programs(component, kinds=("step", "step", "set", "add"), groups=2, steps=(1, 4)))
    assert play.conforms(some.reloaded(program))


@given(MANY)
def test_optimizer_12_gradients_stay_the_caller_s(play, component, data):
    program = data.draw(programs(component, kinds=("step", "closure", "step"), steps=(2, 12), nones=False))
    trace = play(program)  # a backend may refuse to go on once a gradient has changed, or show it as it is afterwards
    for entry, event in zip(trace.entries[1:], program.events, strict=True):
        for i, grad in enumerate(getattr(event, "grads", ())):
            now = entry.tensors.get(f"grad {i}")
            assert now is None or grad is None or ((now == grad.torch().to_dense()) | now.isnan()).all()
    assert play.conforms(program)  # though a backend may do with a gradient what it likes once the step is made


@given(MANY)
def test_optimizer_13_the_layout_makes_no_difference(play, component, data):
    axes = {"shapes": WITH_AXES, **plain(component)}
    program = data.draw(programs(component, **axes, kinds=("step", "step", "reload"), groups=1, layouts=True))
    assert play.conforms(program)


@given(MANY)
def test_optimizer_14_parameters_keep_dtype_and_shape(play, component, data):
    program = data.draw(programs(component))
    trace = play(program)
    given = [param for group in program.groups for param in group.params]
    for entry in trace.entries:
        for i, param in enumerate(given):
            now = entry.tensors[f"param {i}"]
            assert (str(now.dtype), tuple(now.shape)) == (f"torch.{param.dtype}", param.shape)


@given(MANY)
def test_optimizer_15_maximize_negates_the_gradient_alone(play, component, data):
    if "maximize" not in defaults(rule("optimizers", component)):
        pytest.skip("there is no maximize")
    program = data.draw(programs(component, kinds=("step", "set", "reload"), groups=1))
    decays = "weight_decay" in defaults(rule("optimizers", component)) and data.draw(some.BOOLEANS)
    decay = {"weight_decay": 0.1} if decays else {}  # what is not the gradient must not be negated
    up = some.reworked(program, options=lambda given: {**given, **decay, "maximize": True})
    down = some.reworked(program, grad=some.times(-1.0), options=lambda given: {**given, **decay, "maximize": False})

    assert play.agree(up, "param 0", lambda other: other.param(0), down)


def multiplies(component: str) -> bool:
    """Whether the learning rate multiplies the steps of a component, and not their first size alone, by its page."""
    return "the learning rate" in learning_rate(component).meaning


def learning_rate(component: str) -> clauses.Parameter:
    """What the page of a component says about `lr`."""
    return next(option for option in clauses.component(component).parameters if option.name == "lr")


@given(MANY)
def test_optimizer_16_a_rate_of_zero_moves_nothing(play, component, data):
    if not multiplies(component):
        pytest.skip("the learning rate multiplies no step")
    if learning_rate(component).domain.startswith("(0"):
        pytest.skip("a learning rate of zero is out of domain")
    program = data.draw(programs(component, spreads=some.TAME))
    trace = play(some.reworked(program, options=lambda given: {**given, "lr": 0.0}))
    for i, start in enumerate(param for group in program.groups for param in group.params):
        end = trace.param(i)
        assert ((end == start.torch()) | ~end.isfinite()).all()


@given(MANY)
def test_optimizer_17_numbers_are_computed_in_float64(play, component, data):
    program = data.draw(
        programs(component, kinds=("step",), groups=1, params=1, dtypes=DOUBLE, starts=some.ZEROS, spreads=some.TAME)
    )
    assert play.conforms(program)


DOUBLE = st.just("float64")


def tensors_allowed(component: str) -> set[str]:
    """The options that may be tensors, as the page says."""
    return {option.name for option in clauses.component(component).parameters if "tensor" in option.domain}


@given(MANY, some.BOOLEANS)
def test_optimizer_18_a_tensor_acts_as_the_number_it_holds(play, component, data, both):
    rates = {"lr": some.TENSOR_RATES}
    kinds = ("step", "step", "set", "reload")
    dtypes = st.sampled_from(["float64", "float32", "float64", "bfloat16", "float16"])  # where a rounded option is seen
    program = data.draw(programs(component, settable=rates, kinds=kinds, steps=(3, 8), groups=1, dtypes=dtypes))
    allowed = tensors_allowed(component)

    def tensor(value: Any) -> Any:
        if isinstance(value, tuple):
            return (tensor(value[0]), tensor(value[1]) if both else value[1])
        return value if isinstance(value, TensorData) else some.as_tensor(value)

    def held(given: dict[str, Any]) -> dict[str, Any]:
        return {name: tensor(value) if name in allowed else value for name, value in given.items()}

    assert play.conforms(some.reworked(program, options=held))


@given(MANY)
def test_optimizer_19_an_integer_acts_as_the_number_it_is(play, component, data):
    program = data.draw(programs(component, kinds=("step", "set", "reload"), groups=2))

    def whole(name: str, value: Any) -> Any:
        if name == "centered":
            return False  # with an alpha of zero there is no variance to divide by
        if isinstance(value, tuple):
            return tuple(it if it is None or it != int(it) else int(it) for it in value)
        return math.ceil(value) if isinstance(value, float) else value

    def rounded(given: dict[str, Any]) -> dict[str, Any]:
        return {name: whole(name, value) for name, value in given.items()}

    assert play.conforms(some.reworked(program, options=rounded))


@given(MANY, some.PLACES)
def test_optimizer_21_a_nan_stays_for_good(play, component, data, place):
    own = module(component)
    program = data.draw(some.one_parameter(component, own.options, **plain(component)))
    grads = [event.grads[0] for event in program.events]
    when = data.draw(st.integers(0, len(grads) - 1))
    grads[when] = some.planted(grads[when], place, math.nan)
    trace = play(some.with_grads(program, grads))
    for after in range(when + 1, len(grads) + 1):
        assert some.element(trace.param(0, after=after), place).isnan()


@given(MANY)
def test_optimizer_22_empty_groups_and_parameters_are_accepted(play, component, data):
    program = data.draw(programs(component, kinds=("step", "set", "reload"), groups=2))
    nothing = TensorData(program.dtype, (0, 3), ())
    grad = some.gradient_for(component, nothing)
    groups = (*program.groups, Group(()), Group((nothing,)))
    if minimises(rule("optimizers", component)):
        groups = (Group((*program.groups[0].params, nothing)),)
    events = [
        dataclasses.replace(event, grads=(*event.grads, grad)) if isinstance(event, Step | StepWithClosure) else event
        for event in program.events
    ]

    assert play.conforms(dataclasses.replace(program, groups=groups, events=tuple(events)))


OUTSIDE = {
    "[0, ∞)": (-1.0, -1e-9, -math.inf),
    "(0, ∞)": (0.0, -1.0, -math.inf),
    "[0, 1]": (-0.1, 1.5, 2.0),
    "two in [0, 1)": (-0.1, 1.0, 1.5),
}


def mistakes(component: str) -> st.SearchStrategy[dict[str, Any]]:
    """One option outside the domain that the page states."""
    found: list[dict[str, Any]] = []
    for option in clauses.component(component).parameters:
        for domain, values in OUTSIDE.items():
            for value in values if option.domain.startswith(domain) else ():
                pair = "two" in domain
                found += [{option.name: (0.9, value)}, {option.name: (value, 0.9)}] if pair else [{option.name: value}]
        if option.name == "dampening":
            found += [{"nesterov": True}, {"nesterov": True, "momentum": 0.9, "dampening": 0.5}]
    return st.sampled_from(found)


@some.every
@given(MANY)
def test_optimizer_23_refuses_a_default_out_of_domain(play, component, data):
    assert play.refuses(some.building(component, **data.draw(mistakes(component))))


@some.every
@given(MANY)
def test_optimizer_24_refuses_an_option_of_a_group_out_of_domain(play, component, data):
    program, wrong = some.building(component), data.draw(mistakes(component))
    group = Group(program.groups[0].params, wrong)
    if minimises(rule("optimizers", component)):
        assert play.refuses(dataclasses.replace(program, groups=(group,)))
    elif data.draw(some.BOOLEANS):
        late = some.with_events(program, [AddGroup(group)])
        assert play.refuses(late, after=1)
    else:
        assert play.refuses(dataclasses.replace(program, groups=(*program.groups, group)))


def numeric(component: str) -> list[str]:
    """The options that are numbers or pairs of numbers."""
    named = defaults(rule("optimizers", component)).items()
    return [name for name, value in named if not isinstance(value, bool) and isinstance(value, int | float | tuple)]


def replaced(component: str, name: str, value: Any, first: bool) -> dict[str, Any]:
    """An option with its number, or one number of its pair, replaced."""
    default = defaults(rule("optimizers", component))[name]
    if isinstance(default, tuple):
        return {name: (value, *default[1:]) if first else (*default[:-1], value)}
    return {name: value}


@some.every
@given(MANY, some.BOOLEANS)
def test_optimizer_25_refuses_nan(play, component, data, first):
    name = data.draw(st.sampled_from(numeric(component)))
    assert play.refuses(some.building(component, **replaced(component, name, math.nan, first)))


NOT_ONE = st.sampled_from([TensorData("float64", (2,), (0.5, 0.5)), TensorData("float64", (0,), ())])


@some.every
@given(MANY, NOT_ONE, some.BOOLEANS)
def test_optimizer_26_refuses_a_tensor_of_more_or_less_than_one(play, component, data, tensor, first):
    name = data.draw(st.sampled_from(numeric(component)))
    assert play.refuses(some.building(component, **replaced(component, name, tensor, first)))


@given(MANY, some.BOOLEANS)
def test_optimizer_31_refuses_a_second_group_where_parameters_act_together(play, component, data, late):
    if not minimises(rule("optimizers", component)):
        pytest.skip("there may be several groups")
    program = data.draw(programs(component, kinds=("step",)))
    second = Group((TensorData(program.dtype, (1,), (0.0,)),))
    if late:
        assert play.refuses(some.with_events(program, [AddGroup(second)]), after=1)
    else:
        assert play.refuses(dataclasses.replace(program, groups=(*program.groups, second)))


@given(MANY)
def test_optimizer_32_refuses_a_step_without_a_closure(play, component, data):
    if not minimises(rule("optimizers", component)):
        pytest.skip("a closure is not needed")
    program = data.draw(programs(component, kinds=("step",), steps=(1, 1)))

    assert play.refuses(some.with_events(program, [Step(program.events[0].grads)]), after=1)


def test_optimizer_28_refuses_to_have_no_groups(play, component):
    assert play.refuses(OptimizerProgram(component, {}, ()))
