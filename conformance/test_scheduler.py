"""Schedulers: the clauses of spec/scheduler.md, for every component that they hold for."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.clauses import components
from torchstone.conformance.oracle import rule
from torchstone.conformance.program import (
    Group,
    Schedule,
    ScheduleStep,
    SetOption,
    Step,
    TensorData,
    TrainingProgram,
)
from torchstone.reference.optimizer import defaults

RATES = {
    "eta_min": 0.0,
    "min_lr": 0,
    "eps": 0.0,
    "swa_lr": 0.0,
}  # options that are rates, and what makes them of no account
NARROW = st.sampled_from(["float32", "bfloat16", "float16"])
LAST_EPOCHS = {"last_epoch": (-2, -5, 0.5, 2.5, math.nan, math.inf)}


def closed(component):
    return hasattr(rule("schedulers", component), "rate")


def closed_forms_only(component):
    if not closed(component):
        pytest.skip(f"{component} is no closed form")


def resumed_only(component):
    closed_forms_only(component)
    if not getattr(rule("schedulers", component), "RESUMES", True):
        pytest.skip(f"{component} has no last_epoch")


def factors_only(component):
    if not closed(component) or getattr(rule("schedulers", component), "SETS", False):
        pytest.skip(f"{component} is no factor")


def single_only(component):
    if "schedulers" in defaults(rule("schedulers", component)):
        pytest.skip(f"{component} is made of others")


@st.composite
def rate_changed(draw, schedules):
    """A training program of scheduler steps, the same with a rate changed at some time, that time and the group."""
    program = draw(some.training_programs(schedules, dtypes=st.just("float64"), kinds=("schedule",)))
    at, group = draw(st.integers(0, len(program.events))), draw(st.integers(0, len(program.groups) - 1))
    change = SetOption(group, "lr", draw(some.LEARNING_RATES))
    return program, replace(program, events=(*program.events[:at], change, *program.events[at:])), at, group


def without_rates(program):
    """The same program with no option that is itself a rate; one whose rates are all options tells nothing here."""
    names = defaults(rule("schedulers", program.component))
    if "max_lr" in names:
        pytest.skip(f"the rates of {program.component} are its options")
    return some.having(program, **{name: value for name, value in RATES.items() if name in names})


def factors(component):
    return some.programs_of(component).map(without_rates)


def scheduled(program, trace):
    """The rates at the start and after each step of the first scheduler."""
    own = [i for i, e in enumerate(program.events, 1) if isinstance(e, ScheduleStep) and e.index == 0]
    return torch.stack([trace.lr(after=i) for i in [0, *own]])


@given(data=st.data())
def test_scheduler_1_sets_the_first_rates_when_built(play, component, data):
    program = data.draw(some.programs_of(component))

    assert play.conforms(replace(program, events=()))


@given(data=st.data())
def test_scheduler_2_every_step_counts_once(play, component, data):
    closed_forms_only(component)
    program = some.stepped(data.draw(some.programs_of(component)), data.draw(st.integers(1, 20)))

    assert play.conforms(program)


@given(data=st.data())
def test_scheduler_3_every_rate_is_the_closed_form(play, component, data):
    closed_forms_only(component)

    assert play.conforms(data.draw(some.programs_of(component)))


@given(data=st.data())
def test_scheduler_4_what_the_optimizer_does_is_of_no_account(play, component, data):
    closed_forms_only(component)
    program = data.draw(some.training_programs(some.programs_of(component)))

    alone = some.rates(play(some.schedule_alone(program)))

    assert some.same(scheduled(program, play(program)), alone)


@given(data=st.data())
def test_scheduler_5_groups_do_not_know_of_each_other(play, component, data):
    program = data.draw(some.programs_of(component))
    alone = [some.rates(play(some.with_groups(program, [i]))) for i in range(len(program.base_lrs))]

    assert some.same(some.rates(play(program)), torch.cat(alone, dim=1))


@given(data=st.data())
def test_scheduler_6_permuting_the_groups_permutes_the_rates(play, component, data):
    program = data.draw(some.programs_of(component))
    order = range(len(program.base_lrs))[::-1]

    assert some.same(some.rates(play(some.with_groups(program, order))), some.rates(play(program))[:, order])


@given(data=st.data())
def test_scheduler_7_rates_scale_with_the_base_rates(play, component, data):
    program = data.draw(factors(component))
    by = data.draw(st.sampled_from([2.0, 0.5, 4.0, 2.0**-20]))
    scaled = replace(program, base_lrs=tuple(base * by for base in program.base_lrs))

    assert play.agree(scaled, "lr", lambda plain: plain.lr() * by, program)


@given(data=st.data())
def test_scheduler_8_a_base_rate_of_zero_stays_zero(play, component, data):
    program = data.draw(some.programs_of(component))
    if closed(component):
        program = without_rates(program)
    program = replace(program, base_lrs=(0.0, *program.base_lrs[1:]))

    assert (some.rates(play(program))[:, 0] == 0).all()


@given(data=st.data())
def test_scheduler_9_the_next_step_uses_the_reported_rate(play, component, data):
    program = data.draw(some.programs_of(component))
    zero, down = TensorData("float64", (1,), (0.0,)), TensorData("float64", (1,), (-1.0,))
    groups = tuple(Group((zero, zero), {"lr": base}) for base in program.base_lrs)
    # Each of the two steps moves a parameter of its own from 0, to the rate exactly.
    events = (Step((down, None) * len(groups)), *program.events, Step((None, down) * len(groups)))
    trace = play(TrainingProgram("sgd", {}, groups, (Schedule(component, program.options),), events))
    first, last = (torch.cat([trace.param(2 * i + j) for i in range(len(groups))]) for j in (0, 1))

    assert some.same(first, trace.lr(after=0))
    assert some.same(last, trace.lr(after=-2))


@given(data=st.data())
def test_scheduler_10_changes_nothing_but_the_rates(play, component, data):
    program = data.draw(some.training_programs(some.programs_of(component)))
    by_hand = some.by_hand(program, play(program))
    group = data.draw(st.integers(0, len(program.groups) - 1))

    assert play.agree(program, f"param {group}", lambda other: other.param(group), by_hand)


@given(data=st.data())
def test_scheduler_11_rates_are_computed_in_float64(play, component, data):
    own = some.programs_of(component)
    program = data.draw(some.training_programs(own, dtypes=NARROW, kinds=("schedule", "schedule", "reload")))
    alone = some.rates(play(some.schedule_alone(program)))

    assert some.same(scheduled(program, play(program)), alone)


@given(data=st.data())
def test_scheduler_12_factors_multiply(play, component, data):
    factors_only(component)
    beside = data.draw(st.sampled_from([("exponential",), ("step", "exponential"), ("cosine_annealing",)]))
    programs = (
        factors(component).map(lambda p: some.with_groups(p, range(len(p.base_lrs[:2])))),
        *map(factors, beside),
    )
    program = data.draw(some.training_programs(*programs, dtypes=st.just("float64"), kinds=("schedule",)))

    assert play.conforms(some.turned(program, data.draw(st.integers(0, len(program.schedules) - 1))))


@given(data=st.data())
def test_scheduler_13_factors_multiply_a_changed_rate(play, component, data):
    factors_only(component)
    single_only(component)
    program, changed, at, group = data.draw(rate_changed(factors(component)))
    assume(play.exact(program).lr(after=at)[group] > 0)
    new = changed.events[at].value

    def law(plain):
        lrs = plain.lr().clone()
        lrs[group] = lrs[group] * new / plain.lr(after=at)[group]
        return lrs

    assert play.agree(changed, "lr", law, program)


@given(data=st.data())
def test_scheduler_13_goes_on_from_a_changed_rate(play, component, data):
    single_only(component)
    if getattr(rule("schedulers", component), "SETS", False):
        pytest.skip(f"{component} does not go on: scheduler.23")
    program, changed, at, group = data.draw(rate_changed(some.programs_of(component)))
    assume(play.exact(program).lr(after=at)[group] > 0)

    assert play.conforms(changed)


@given(data=st.data())
def test_scheduler_23_returns_after_a_changed_rate(play, component, data):
    single_only(component)
    if not getattr(rule("schedulers", component), "SETS", False):
        pytest.skip(f"{component} goes on: scheduler.13")
    program, changed, at, _ = data.draw(rate_changed(some.programs_of(component)))
    assume(at < len(program.events))

    assert play.agree(changed, "lr", lambda plain: plain.lr(), program)


@given(data=st.data())
def test_scheduler_14_saving_and_loading_changes_no_rate(play, component, data):
    program = data.draw(some.programs_of(component))
    steps = [event for event in program.events if isinstance(event, ScheduleStep)]
    if component == "reduce_on_plateau" and data.draw(st.booleans()):
        steps = [ScheduleStep(1.0)] * 9  # bad epochs in a row, of which none may be forgotten
        program = some.having(program, patience=data.draw(st.sampled_from([2, 1, 3])), factor=0.5, eps=0.0, min_lr=0.0)
    plain = replace(program, events=tuple(steps))
    found, rates = some.rates(play(some.reloaded(plain))), some.rates(play(plain))

    assert some.same(found[::2], rates)
    assert some.same(found[1::2], rates)


@given(data=st.data())
def test_scheduler_15_resumes_where_the_last_rates_are_in_force(play, component, data):
    resumed_only(component)

    assert play.conforms(data.draw(some.resumed_programs(component, 0)))


@given(data=st.data())
def test_scheduler_16_resumes_where_the_next_rates_are_in_force(play, component, data):
    resumed_only(component)

    assert play.conforms(data.draw(some.resumed_programs(component, 1)))


@given(data=st.data())
def test_scheduler_17_rates_keep_within_their_budget(play, component, data):
    program = data.draw(some.programs_of(component))
    if closed(component):
        program = some.stepped(program, data.draw(st.sampled_from([20, 40])))

    assert play.conforms(program)


@given(data=st.data())
def test_scheduler_18_options_out_of_domain_are_refused_at_once(play, component, data):
    bad = some.tests_of(component).BAD

    assert play.refuses(data.draw(some.programs_with_bad(some.programs_of(component), bad)))


@given(data=st.data())
def test_scheduler_21_a_list_must_have_a_value_for_each_group(play, component, data):
    names = getattr(rule("schedulers", component), "EACH", ())
    if not names:
        pytest.skip(f"no option of {component} may list one value a group")
    program = data.draw(some.programs_of(component))
    name, count = data.draw(st.sampled_from(names)), len(program.base_lrs) + data.draw(st.sampled_from([1, -1]))
    value = some.option(program, name)
    value = value[0] if isinstance(value, tuple) else value

    assert play.refuses(some.having(program, **{name: (value,) * count}))


@given(data=st.data())
def test_scheduler_22_a_momentum_that_is_not_there_cannot_be_cycled(play, component, data):
    if "cycle_momentum" not in defaults(rule("schedulers", component)):
        pytest.skip(f"{component} cycles no momentum")
    program = some.having(data.draw(some.programs_of(component)), cycle_momentum=True)
    options = {page.stem: defaults(rule("optimizers", page.stem)) for page in components("optimizers")}
    without = [stem for stem, known in options.items() if not {"betas", "momentum"} & set(known)]
    zero = TensorData("float64", (1,), (0.0,))
    groups = tuple(Group((zero,), {"lr": base}) for base in program.base_lrs)
    optimizer = data.draw(st.sampled_from(without))

    assert play.refuses(TrainingProgram(optimizer, {}, groups, (Schedule(component, program.options),)))


@given(data=st.data())
def test_scheduler_19_last_epoch_must_be_a_whole_number(play, component, data):
    resumed_only(component)
    program = data.draw(some.programs_with_bad(some.programs_of(component), LAST_EPOCHS))

    assert play.refuses(replace(program, lrs=data.draw(st.sampled_from([program.base_lrs, None]))))
