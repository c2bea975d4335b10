"""The clauses of spec/training.md that programs can test: an optimizer and its scheduler in any interleaving."""

import dataclasses

from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import (
    Group,
    OptimizerProgram,
    SaveAndReload,
    Schedule,
    ScheduleStep,
    SetOption,
    Step,
    TensorData,
    TrainingProgram,
)


def one_step(program, count):
    """The first `count` steps of a scheduler, then a step of plain SGD from zero with gradients of one, in float64."""
    steps = [event for event in program.events if isinstance(event, ScheduleStep)][:count]
    zero, one = (TensorData("float64", (1,), (value,)) for value in (0.0, 1.0))
    groups = tuple(Group((zero,), {"lr": lr}) for lr in program.base_lrs)
    events = (*steps, Step((one,) * len(groups)))
    return TrainingProgram("sgd", {}, groups, (Schedule(program.component, program.options),), events)


@given(data=st.data(), count=st.sampled_from([2, 1, 0, 5, 13]))
def test_training_1_a_step_uses_the_rates_in_force(play, component, data, count):
    trace = play(one_step(data.draw(some.programs_of(component)), count))

    for index, rate in enumerate(trace.lr(after=-2).tolist()):
        assert trace.param(index).item() == -rate


@given(data=st.data())
def test_training_2_the_scheduler_may_be_stepped_first(play, component, data):
    program = data.draw(some.training_programs(some.programs_of(component)))
    metrics = [event for event in program.events if isinstance(event, ScheduleStep)]
    assume(metrics)

    assert play.conforms(dataclasses.replace(program, events=(metrics[0], *program.events)))


@given(data=st.data())
def test_training_3_a_schedule_is_the_same_rates_set_by_hand(play, component, data):
    program = data.draw(some.training_programs(some.programs_of(component), kinds=("step", "schedule", "set")))
    trace = play(program)
    rates = [entry.tensors["lr"].tolist() for entry in trace.entries]
    events = [SetOption(group, "lr", lr) for group, lr in enumerate(rates[0])]
    for event, after in zip(program.events, rates[1:], strict=True):
        scheduled = isinstance(event, ScheduleStep)
        events += [SetOption(group, "lr", lr) for group, lr in enumerate(after)] if scheduled else [event]
    by_hand = OptimizerProgram(program.component, program.options, program.groups, tuple(events))

    for index in range(len(program.groups)):
        assert play.agree(by_hand, f"param {index}", trace.param(index), also=(program,))


@given(data=st.data())
def test_training_4_saving_and_reloading_both_changes_nothing(play, component, data):
    program = data.draw(some.training_programs(some.programs_of(component)))
    place = data.draw(st.integers(0, len(program.events)))
    reloaded = dataclasses.replace(program, events=(*program.events[:place], SaveAndReload(), *program.events[place:]))
    trace = play(program)

    assert (play(reloaded).lr() == trace.lr()).all()
    for index in range(len(program.groups)):
        assert play.agree(reloaded, f"param {index}", trace.param(index), also=(program,))
