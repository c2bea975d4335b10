"""multi_step: the clauses of spec/schedulers/multi_step.md as properties of a backend."""

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some

MILESTONES = st.lists(st.integers(0, 9), max_size=5).map(tuple)  # in any order, some of them repeated
PROGRAMS = some.schedule_programs(
    "multi_step", lambda draw: {"milestones": draw(MILESTONES), **some.options(draw, gamma=some.GAMMAS)}
)
BAD = {
    "milestones": ((-1,), (2.5,), (math.nan,), (math.inf,), (1, -3), (4, 0.5), None),
    "gamma": (-0.5, math.nan, math.inf),
}


def with_milestones(program, *milestones):
    return some.having(program, milestones=milestones)


@given(PROGRAMS)
def test_multi_step_1_rates_are_the_closed_form(play, program):
    assert play.conforms(program)


@given(PROGRAMS, st.integers(1, 12))
def test_multi_step_2_the_step_that_reaches_a_milestone_multiplies(play, program, milestone):
    program = some.stepped(with_milestones(program, milestone), milestone)
    gamma = some.option(program, "gamma")

    assert play(program).lr(milestone - 1).tolist() == list(program.base_lrs)
    assert play.agree(program, "lr", lambda own: own.lr(milestone - 1) * gamma, program)


@given(PROGRAMS)
def test_multi_step_3_stays_the_same_number_between_milestones(play, program):
    milestones = some.option(program, "milestones")
    trace = play(some.stepped(program, 12))

    assert all(trace.lr(t).equal(trace.lr(t - 1)) for t in range(1, 13) if t not in milestones)


@given(PROGRAMS, st.randoms(use_true_random=False))
def test_multi_step_4_the_order_of_the_milestones_is_of_no_account(play, program, random):
    milestones = list(some.option(program, "milestones"))
    random.shuffle(milestones)

    assert play.agree(program, "lr", lambda shuffled: shuffled.lr(), with_milestones(program, *milestones))


@given(PROGRAMS, st.integers(0, 6), st.integers(1, 4))
def test_multi_step_5_a_repeated_milestone_multiplies_as_often(play, program, milestone, times):
    program = some.stepped(with_milestones(program, *(milestone,) * times), milestone)
    gamma = some.option(program, "gamma")

    assert play.agree(program, "lr", lambda plain: plain.lr() * gamma**times, with_milestones(program))


@given(PROGRAMS)
def test_multi_step_6_a_milestone_of_zero_acts_at_construction(play, program):
    program = with_milestones(some.stepped(program, 0), 0)
    gamma = some.option(program, "gamma")

    assert play.agree(program, "lr", lambda plain: plain.lr() * gamma, with_milestones(program))


@given(PROGRAMS.map(with_milestones))
def test_multi_step_7_without_milestones_nothing_changes(play, program):
    assert all(entry.tensors["lr"].tolist() == list(program.base_lrs) for entry in play(program).entries)


@given(PROGRAMS, st.integers(1, 9), st.sampled_from([0.0, 1.0, 2.0, 10.0]))
def test_multi_step_8_gamma_zero_ends_at_zero_and_one_or_more_is_accepted(play, program, milestone, gamma):
    program = replace(program, options={"milestones": (milestone,), "gamma": gamma})
    trace = play(some.stepped(program, milestone + 2))
    before, after = trace.lr(milestone - 1), trace.lr()

    assert before.tolist() == list(program.base_lrs)
    assert (after == 0).all() if gamma == 0 else after.equal(before) if gamma == 1 else (after > before).all()


@given(some.each_bad(PROGRAMS, {"milestones": BAD["milestones"]}))
def test_multi_step_9_milestones_must_be_whole_and_not_negative(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"gamma": BAD["gamma"]}))
def test_multi_step_10_gamma_must_be_finite_and_not_negative(play, programs):
    assert all(map(play.refuses, programs))
