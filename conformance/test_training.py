"""Training: the clauses of spec/training.md about an optimizer and its schedulers, for every scheduler."""

from dataclasses import replace

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.oracle import rule
from torchstone.conformance.program import (
    Group,
    SaveAndReload,
    Schedule,
    ScheduleStep,
    Step,
    TensorData,
    TrainingProgram,
)

ZERO, DOWN = TensorData("float64", (1,), (0.0,)), TensorData("float64", (1,), (-1.0,))


def measured(program, first):
    """A training program with a step of the optimizer after every event, and where `first` is true one before them.

    Each step moves a parameter of its own away from 0, in every group: to the rate that it uses, exactly.
    """
    schedule = [event for event in program.events if isinstance(event, ScheduleStep)][:4]
    if not schedule:
        schedule = [ScheduleStep(None if hasattr(rule("schedulers", program.component), "rate") else 1.0)]
    count = len(schedule) + first
    steps = [Step(tuple(DOWN if i == j else None for i in range(count)) * len(program.base_lrs)) for j in range(count)]
    events = [steps.pop(0)] if first else []
    for event, step in zip(schedule, steps, strict=True):
        events += [event, step]
    groups = tuple(Group((ZERO,) * count, {"lr": base}) for base in program.base_lrs)
    return TrainingProgram("sgd", {}, groups, (Schedule(program.component, program.options),), tuple(events))


def used(program, trace):
    """The rates that the steps used, a row each."""
    count = len(program.groups[0].params)
    params = [trace.param(i).item() for i in range(count * len(program.groups))]
    return torch.tensor(params, dtype=torch.float64).reshape(-1, count).T


def in_force(program, trace):
    """The rates in force at each step, a row each."""
    steps = [i for i, event in enumerate(program.events) if isinstance(event, Step)]
    return torch.stack([trace.lr(after=i) for i in steps])


@given(data=st.data())
def test_training_1_a_step_uses_the_rates_in_force(play, component, data):
    program = measured(data.draw(some.programs_of(component)), first=True)
    trace = play(program)

    assert some.same(used(program, trace), in_force(program, trace))


@given(data=st.data())
def test_training_2_the_scheduler_may_be_stepped_first(play, component, data):
    program = measured(data.draw(some.programs_of(component)), first=False)
    trace = play(program)

    assert some.same(used(program, trace), in_force(program, trace))


@given(data=st.data())
def test_training_3_a_schedule_is_the_same_rates_set_by_hand(play, component, data):
    program = data.draw(some.training_programs(some.programs_of(component)))
    program = some.with_events(program, program.events * 2)  # a step after each change, if there is any step
    by_hand = some.by_hand(program, play(program))
    group = data.draw(st.integers(0, len(program.groups) - 1))

    assert play.agree(program, f"param {group}", lambda other: other.param(group), by_hand)


@given(data=st.data())
def test_training_4_saving_and_reloading_both_changes_nothing(play, component, data):
    kinds = ("schedule", "step", "schedule", "step", "set")
    program = data.draw(some.training_programs(some.programs_of(component), kinds=kinds))
    at = data.draw(st.integers(0, len(program.events)))
    reloaded = replace(program, events=(*program.events[:at], SaveAndReload(), *program.events[at:]))
    group = data.draw(st.integers(0, len(program.groups) - 1))

    assert some.same(without(at + 1, some.rates(play(reloaded))), some.rates(play(program)))
    assert play.agree(reloaded, f"param {group}", lambda plain: plain.param(group), program)


def without(reload, rates):
    """The rates without those after the reload, which must be those before it."""
    assert some.same(rates[reload], rates[reload - 1])
    return torch.cat([rates[:reload], rates[reload + 1 :]])


@given(data=st.data(), of=st.sampled_from(["optimizer", "schedulers"]))
def test_training_19_loading_a_state_into_its_owner_changes_nothing(play, component, data, of):
    program = data.draw(some.training_programs(some.programs_of(component)))
    reloaded = some.reloaded(program, of)
    group = data.draw(st.integers(0, len(program.groups) - 1))
    found, rates = some.rates(play(reloaded)), some.rates(play(program))

    assert some.same(found[::2], rates)
    assert some.same(found[1::2], rates)
    assert play.agree(reloaded, f"param {group}", lambda plain: plain.param(group), program)
