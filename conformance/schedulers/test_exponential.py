"""exponential: the clauses of spec/schedulers/exponential.md as properties of a backend."""

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some

PROGRAMS = some.schedule_programs("exponential", lambda draw: {"gamma": draw(some.GAMMAS)})
BAD = {"gamma": (-0.5, math.nan, math.inf)}


@given(PROGRAMS)
def test_exponential_1_rates_are_the_closed_form(play, program):
    assert play.conforms(program)


@given(PROGRAMS)
def test_exponential_2_the_first_step_is_the_first_to_multiply(play, program):
    program = some.stepped(program, 1)

    assert play(program).lr(0).tolist() == list(program.base_lrs)
    assert play.agree(program, "lr", lambda own: own.lr(0) * some.option(program, "gamma"), program)


@given(PROGRAMS, some.LEARNING_RATES)
def test_exponential_3_groups_keep_their_ratio(play, program, other):
    program = replace(program, base_lrs=(program.base_lrs[0], other))

    assert play.agree(program, "lr", lambda own: own.lr()[0] * some.base(program) / some.base(program)[0], program)


@given(PROGRAMS)
def test_exponential_4_gamma_zero_ends_at_zero(play, program):
    trace = play(replace(some.stepped(program, 4), options={"gamma": 0.0}))

    assert trace.lr(0).tolist() == list(program.base_lrs)
    assert all((trace.lr(t) == 0).all() for t in range(1, 5))


@given(PROGRAMS, st.sampled_from([1.0, 2.0, 1.5, 10.0]))
def test_exponential_5_gamma_of_one_or_more_is_accepted(play, program, gamma):
    trace = play(replace(some.stepped(program, 3), options={"gamma": gamma}))

    assert trace.lr().equal(trace.lr(0)) if gamma == 1 else (trace.lr() > trace.lr(2)).all()


@given(some.each_bad(PROGRAMS, BAD))
def test_exponential_6_gamma_must_be_finite_and_not_negative(play, programs):
    assert all(map(play.refuses, programs))
