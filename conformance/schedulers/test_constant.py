"""constant: the clauses of spec/schedulers/constant.md as properties of a backend."""

import math

from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some

FACTORS = some.decimals(0.0, 1.0, 0.5, 0.1, 1.0, 0.0, 1e-310)
ITERS = some.one_of_these(2, 1, 3, 0, 5, 7, 12)
PROGRAMS = some.schedule_programs("constant", lambda draw: some.options(draw, factor=FACTORS, total_iters=ITERS))
UNDERWAY = PROGRAMS.filter(lambda p: some.option(p, "total_iters") > 0)
BAD = {"factor": (-0.5, 1.5, math.nan, math.inf), "total_iters": (-1, 2.5, math.nan, math.inf)}


@given(UNDERWAY)
def test_constant_1_the_factor_acts_from_construction_on(play, program):
    program = some.stepped(program, some.option(program, "total_iters") - 1)
    expected = some.base(program) * some.option(program, "factor")

    assert play.agree(program, "lr", expected, after=0)
    assert play.agree(program, "lr", expected)


@given(PROGRAMS, st.sampled_from([0, 1, 2, 5]))
def test_constant_2_the_last_step_brings_the_base_rate_back(play, program, beyond):
    program = some.stepped(program, some.option(program, "total_iters") + beyond)

    assert play.agree(program, "lr", some.base(program))


@given(UNDERWAY)
def test_constant_3_stays_the_same_number(play, program):
    total = some.option(program, "total_iters")
    trace = play(some.stepped(program, total - 1))

    assert all(trace.lr(t).equal(trace.lr(0)) for t in range(total))


@given(PROGRAMS, st.sampled_from([0, 1, 5]))
def test_constant_4_afterwards_the_factor_is_of_no_account(play, program, beyond):
    program = some.stepped(program, some.option(program, "total_iters") + beyond)

    assert play.agree(program, "lr", lambda plain: plain.lr(), some.having(program, factor=1.0))


@given(PROGRAMS.map(lambda p: some.having(p, factor=0.0)), st.sampled_from([0, 1, 2, 5]))
def test_constant_5_comes_back_from_a_factor_of_zero(play, program, beyond):
    total = some.option(program, "total_iters")
    program = some.stepped(program, total + beyond)
    trace = play(program)

    assert all((trace.lr(t) == 0).all() for t in range(total))
    assert play.agree(program, "lr", some.base(program))


@given(PROGRAMS.map(lambda p: some.having(p, factor=1.0)))
def test_constant_6_a_factor_of_one_changes_nothing(play, program):
    assert play.agree(program, "lr", some.base(program), after=0)
    assert play.agree(program, "lr", some.base(program))


@given(PROGRAMS.map(lambda p: some.having(p, total_iters=0)))
def test_constant_7_no_steps_leave_the_base_rate(play, program):
    assert play.agree(program, "lr", some.base(program), after=0)
    assert play.agree(program, "lr", some.base(program))


@given(some.each_bad(PROGRAMS, {"factor": BAD["factor"]}))
def test_constant_8_factor_must_be_from_zero_to_one(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"total_iters": BAD["total_iters"]}))
def test_constant_9_total_iters_must_be_whole_and_not_negative(play, programs):
    assert all(map(play.refuses, programs))
