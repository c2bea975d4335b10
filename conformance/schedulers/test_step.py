"""step: the clauses of spec/schedulers/step.md as properties of a backend."""

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some

PROGRAMS = some.schedule_programs(
    "step", lambda draw: {"step_size": draw(some.WHOLE), **some.options(draw, gamma=some.GAMMAS)}
)
BAD = {"step_size": (0, -1, 2.5, math.nan, math.inf), "gamma": (-0.5, math.nan, math.inf)}


def as_exponential(program):
    options = {"gamma": some.option(program, "gamma")}
    return replace(program, component="exponential", options=options)


def as_multi_step(program, count):
    size = some.option(program, "step_size")
    options = {"milestones": tuple(range(size, count + 1, size)), "gamma": some.option(program, "gamma")}
    return replace(program, component="multi_step", options=options)


@given(PROGRAMS)
def test_step_1_rates_are_the_closed_form(play, program):
    assert play.conforms(program)


@given(PROGRAMS)
def test_step_2_the_step_that_reaches_the_size_is_the_first_to_multiply(play, program):
    size, gamma = some.option(program, "step_size"), some.option(program, "gamma")
    program = some.stepped(program, size)
    trace = play(program)

    assert all(trace.lr(t).tolist() == list(program.base_lrs) for t in range(size))
    assert play.agree(program, "lr", lambda own: own.lr(0) * gamma, program)


@given(PROGRAMS)
def test_step_3_stays_the_same_number_between_multiples(play, program):
    size = some.option(program, "step_size")
    trace = play(some.stepped(program, 3 * size))

    assert all(trace.lr(t).equal(trace.lr(t - 1)) for t in range(1, 3 * size) if t % size)


@given(PROGRAMS)
def test_step_4_starts_at_the_base_rate(play, program):
    assert play(some.stepped(program, 0)).lr().tolist() == list(program.base_lrs)


@given(PROGRAMS.map(lambda p: some.having(p, step_size=1)))
def test_step_5_a_size_of_one_is_exponential(play, program):
    assert play.agree(program, "lr", lambda exponential: exponential.lr(), as_exponential(program))


@given(PROGRAMS, st.integers(0, 20))
def test_step_6_equals_multi_step_at_the_multiples(play, program, count):
    program = some.stepped(program, count)

    assert play.agree(program, "lr", lambda multi_step: multi_step.lr(), as_multi_step(program, count))


@given(PROGRAMS.map(lambda p: some.having(p, gamma=0.0)))
def test_step_7_gamma_zero_ends_at_zero(play, program):
    size = some.option(program, "step_size")
    trace = play(some.stepped(program, 2 * size))

    assert trace.lr(size - 1).tolist() == list(program.base_lrs)
    assert all((trace.lr(t) == 0).all() for t in range(size, 2 * size + 1))


@given(PROGRAMS, st.sampled_from([1.0, 2.0, 1.5, 10.0]))
def test_step_8_gamma_of_one_or_more_is_accepted(play, program, gamma):
    size = some.option(program, "step_size")
    trace = play(some.stepped(some.having(program, gamma=gamma), size))

    assert trace.lr().equal(trace.lr(0)) if gamma == 1 else (trace.lr() > trace.lr(0)).all()


@given(some.each_bad(PROGRAMS, {"step_size": BAD["step_size"]}))
def test_step_9_step_size_must_be_a_whole_positive_number(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"gamma": BAD["gamma"]}))
def test_step_10_gamma_must_be_finite_and_not_negative(play, programs):
    assert all(map(play.refuses, programs))
