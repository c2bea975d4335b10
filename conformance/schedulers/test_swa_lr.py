"""swa_lr: the clauses of spec/schedulers/swa_lr.md as properties of a backend."""

import math
from dataclasses import replace

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import Group, Schedule, ScheduleStep, TensorData, TrainingProgram

RATES = some.decimals(0.0, 2.0, 0.05, 1.0, 0.0, 1e-3)
STRATEGIES = some.one_of_these("cos", "linear")
EPOCHS = some.one_of_these(4, 1, 2, 0, 3, 10, 20)
PROGRAMS = some.schedule_programs(
    "swa_lr",
    lambda draw: {"swa_lr": draw(RATES), **some.options(draw, anneal_epochs=EPOCHS, anneal_strategy=STRATEGIES)},
    each={"swa_lr": RATES},
)
BAD = {
    "swa_lr": (-1.0, math.nan, math.inf),
    "anneal_epochs": (-1, 2.5, math.nan, math.inf),
    "anneal_strategy": ("cosine", None, "Linear"),
}


def goal(program):
    """The rates at the end."""
    return torch.tensor(some.option(program, "swa_lr"), dtype=torch.float64).expand(len(program.base_lrs))


def epochs(program):
    return some.option(program, "anneal_epochs")


def done(t, program):
    """The share of the way that is done after t steps."""
    x = torch.tensor(min(1.0, t / epochs(program)) if epochs(program) else 1.0, dtype=torch.float64)
    return x if some.option(program, "anneal_strategy") == "linear" else (1 - torch.cos(torch.pi * x)) / 2


@given(PROGRAMS, st.integers(1, 20), st.data())
def test_swa_lr_1_linear_rates_lie_on_a_straight_line(play, program, total, data):
    t = data.draw(st.integers(0, total))
    program = some.stepped(some.having(program, anneal_epochs=total, anneal_strategy="linear"), t)
    start, end = some.base(program), goal(program)

    assert play.agree(program, "lr", lambda: start * (1 - t / total) + end * (t / total))


@given(PROGRAMS)
def test_swa_lr_1_agrees_with_the_reference(play, program):
    assert play.conforms(some.having(program, anneal_strategy="linear"))


@given(PROGRAMS, st.integers(1, 20), st.data())
def test_swa_lr_2_cosine_rates_lie_on_half_a_cosine(play, program, total, data):
    program = some.having(program, anneal_epochs=total, anneal_strategy="cos")
    t = data.draw(st.integers(0, total))

    assert play.conforms(some.stepped(program, t))


@given(PROGRAMS, st.integers(1, 4), st.sampled_from([(0.5, 1, 2), (0.25, 1, 3), (0.75, 2, 3)]))
def test_swa_lr_2_cosine_passes_known_points(play, program, thirds, point):
    share, part, parts = point
    program = some.having(program, anneal_epochs=parts * thirds, anneal_strategy="cos")
    start, end = some.base(program), goal(program)
    program = some.stepped(program, part * thirds)

    assert play.agree(program, "lr", lambda: start * (1 - share) + end * share)


@given(PROGRAMS)
def test_swa_lr_3_starts_at_the_base_rate(play, program):
    program = some.having(program, anneal_epochs=epochs(program) or 1)

    assert some.same(play(program).lr(after=0), some.base(program))


@given(PROGRAMS, st.sampled_from([0, 1, 5]))
def test_swa_lr_4_ends_at_the_fixed_rate(play, program, beyond):
    program = some.stepped(program, epochs(program) + beyond)

    assert some.same(play(program).lr(), goal(program))


@given(PROGRAMS)
def test_swa_lr_5_without_a_way_the_rate_is_fixed_at_once(play, program):
    program = some.having(program, anneal_epochs=0)

    assert (some.rates(play(program)) == goal(program)).all()


@given(PROGRAMS, st.data())
def test_swa_lr_6_rates_as_far_from_both_ends_add_up(play, program, data):
    early = data.draw(st.integers(0, epochs(program) // 2))
    program = some.stepped(program, epochs(program) - early)
    ends = some.base(program) + goal(program)

    if epochs(program):
        assert play.agree(program, "lr", lambda own: ends - own.lr(early), program)


@given(PROGRAMS)
def test_swa_lr_7_nothing_changes_between_equal_rates(play, program):
    program = replace(program, base_lrs=tuple(goal(program).tolist()))

    for after in range(len(program.events) + 1):
        assert play.agree(program, "lr", some.base(program), after=after)


@given(PROGRAMS, some.PARTS, st.integers(0, 5), st.integers(1, 12))
def test_swa_lr_8_goes_on_from_where_another_scheduler_left(play, program, before, first, then):
    zero = TensorData("float64", (1,), (0.0,))
    groups = tuple(Group((zero,), {"lr": base}) for base in program.base_lrs)
    schedules = (before, Schedule("swa_lr", some.having(program, anneal_epochs=epochs(program) or 1).options))
    events = (ScheduleStep(index=0),) * first + (ScheduleStep(index=1),) * then
    both = TrainingProgram("sgd", {}, groups, schedules, events)
    alone = some.having(program, anneal_epochs=epochs(program) or 1)
    share = done(then, alone)

    assert play.agree(both, "lr", lambda own: share * goal(program) + (1 - share) * own.lr(after=first), both)


@given(some.each_bad(PROGRAMS, {"swa_lr": BAD["swa_lr"]}))
def test_swa_lr_9_refuses_rates_that_are_none(play, programs):
    assert all(map(play.refuses, programs))


@given(PROGRAMS, st.sampled_from(BAD["anneal_epochs"]))
def test_swa_lr_10_refuses_counts_that_are_none(play, program, count):
    assert play.refuses(some.having(program, anneal_epochs=count))


@given(PROGRAMS, st.sampled_from(BAD["anneal_strategy"]))
def test_swa_lr_11_refuses_other_strategies(play, program, strategy):
    assert play.refuses(some.having(program, anneal_strategy=strategy))
