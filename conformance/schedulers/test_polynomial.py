"""polynomial: the clauses of spec/schedulers/polynomial.md as properties of a backend."""

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some

ITERS = some.one_of_these(2, 1, 3, 0, 5, 7, 12, 30)
POWERS = some.decimals(0.0, 4.0, 1.0, 2.0, 0.9, 0.5, 0.0, 10.0)
PROGRAMS = some.schedule_programs("polynomial", lambda draw: some.options(draw, total_iters=ITERS, power=POWERS))
UNDERWAY = PROGRAMS.filter(lambda p: some.option(p, "total_iters") > 0)
BAD = {"total_iters": (-1, 2.5, math.nan, math.inf), "power": (-1.0, math.nan, math.inf)}


@given(UNDERWAY)
def test_polynomial_1_rates_are_a_power_of_what_is_left(play, program):
    assert play.conforms(some.stepped(program, some.option(program, "total_iters") - 1))


@given(PROGRAMS, st.sampled_from([0, 1, 2, 5]))
def test_polynomial_2_stays_at_the_end_of_the_way(play, program, beyond):
    program = some.stepped(program, some.option(program, "total_iters") + beyond)

    assert play.agree(program, "lr", some.base(program) * (some.option(program, "power") == 0))


@given(UNDERWAY)
def test_polynomial_3_starts_at_the_base_rate(play, program):
    assert play(some.stepped(program, 0)).lr().tolist() == list(program.base_lrs)
    assert play.conforms(some.stepped(program, 1))


@given(PROGRAMS, st.integers(0, 8))
def test_polynomial_4_power_one_is_a_straight_line(play, program, t):
    program = some.stepped(some.having(program, power=1.0), t)
    line = {"start_factor": 1.0, "end_factor": 0.0, "total_iters": some.option(program, "total_iters")}
    linear = replace(program, component="linear", options=line)

    assert play.agree(program, "lr", lambda straight: straight.lr(), linear)


@given(PROGRAMS, st.integers(1, 6), POWERS, POWERS)
def test_polynomial_5_powers_add_up(play, program, t, p, q):
    program = some.stepped(program, t)
    first, second = some.having(program, power=p), some.having(program, power=q)
    both = replace(some.having(program, power=p + q), base_lrs=tuple(base * base for base in program.base_lrs))

    assert play.agree(both, "lr", lambda one, other: one.lr() * other.lr(), first, second)


@given(PROGRAMS)
def test_polynomial_6_falls_to_zero_and_not_below(play, program):
    found = some.rates(play(some.stepped(program, some.option(program, "total_iters") + 2)))

    assert (found[1:] <= found[:-1]).all()
    assert (found >= 0).all()


@given(PROGRAMS, st.sampled_from([0, 1, 2]))
def test_polynomial_7_power_zero_changes_nothing(play, program, beyond):
    program = some.stepped(some.having(program, power=0.0), some.option(program, "total_iters") + beyond)

    assert some.rates(play(program)).tolist() == [list(program.base_lrs)] * (len(program.events) + 1)


@given(PROGRAMS.map(lambda p: some.having(p, total_iters=0)))
def test_polynomial_8_a_way_of_no_steps_is_over_at_construction(play, program):
    expected = some.base(program) * (some.option(program, "power") == 0)

    assert play.agree(program, "lr", expected, after=0)
    assert play.agree(program, "lr", expected)


@given(some.each_bad(PROGRAMS, {"total_iters": BAD["total_iters"]}))
def test_polynomial_9_total_iters_must_be_whole_and_not_negative(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"power": BAD["power"]}))
def test_polynomial_10_power_must_be_finite_and_not_negative(play, programs):
    assert all(map(play.refuses, programs))
