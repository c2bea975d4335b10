"""linear: the clauses of spec/schedulers/linear.md as properties of a backend."""

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some

STARTS = some.decimals(0.001, 1.0, 1.0, 0.1, 0.5, 1e-6, 5e-324)
ENDS = some.decimals(0.1, 1.0, 0.0, 1.0, 0.5, 1e-6)
ITERS = some.one_of_these(2, 1, 3, 0, 5, 7, 12)


def programs(**fixed):
    choices = {"start_factor": STARTS, "end_factor": ENDS, "total_iters": ITERS} | fixed
    return some.schedule_programs("linear", lambda draw: some.options(draw, **choices))


PROGRAMS = programs()
UNDERWAY = PROGRAMS.filter(lambda p: some.option(p, "total_iters") > 0)
BAD = {
    "start_factor": (0.0, -0.5, 1.5, math.nan, math.inf),
    "end_factor": (-0.5, 1.5, math.nan, math.inf),
    "total_iters": (-1, 2.5, math.nan, math.inf),
}


@given(UNDERWAY)
def test_linear_1_rates_are_on_the_line(play, program):
    assert play.conforms(some.stepped(program, some.option(program, "total_iters") - 1))


@given(PROGRAMS, st.sampled_from([0, 1, 2, 5]))
def test_linear_2_stays_where_the_line_ends(play, program, beyond):
    program = some.stepped(program, some.option(program, "total_iters") + beyond)

    assert play.agree(program, "lr", some.base(program) * some.option(program, "end_factor"))


@given(UNDERWAY)
def test_linear_3_the_start_factor_acts_at_construction(play, program):
    program = some.stepped(program, 0)

    assert play.agree(program, "lr", some.base(program) * some.option(program, "start_factor"))


@given(UNDERWAY, st.data())
def test_linear_4_every_step_is_as_large_as_the_others(play, program, data):
    start, end, total = (some.option(program, name) for name in ("start_factor", "end_factor", "total_iters"))
    program = some.stepped(program, data.draw(st.integers(1, total)))

    assert play.agree(program, "lr", lambda own: own.lr(-2) + some.base(program) * (end - start) / total, program)


@given(PROGRAMS, STARTS)
def test_linear_5_equal_factors_change_nothing(play, program, factor):
    program = some.having(program, start_factor=factor, end_factor=factor)

    assert play.agree(program, "lr", some.base(program) * factor)


@given(PROGRAMS, st.sampled_from([(1.0, 0.0), (1.0, 0.25), (0.5, 0.1), (0.3, 0.2)]), st.sampled_from([2, 4, 6]))
def test_linear_6_falls_on_the_line_on_which_it_rises(play, program, highest_lowest, total):
    high, low = highest_lowest
    program = replace(program, options={"start_factor": high, "end_factor": low, "total_iters": total})
    program = some.stepped(program, total // 2)
    trace = play(program)

    assert all((trace.lr(t) < trace.lr(t - 1)).all() for t in range(1, total // 2 + 1))
    assert play.agree(program, "lr", lambda: some.base(program) * (high + low) / 2)


@given(programs(total_iters=st.just(0)).map(lambda p: some.having(p, total_iters=0)))
def test_linear_7_a_way_of_no_steps_is_over_at_construction(play, program):
    expected = some.base(program) * some.option(program, "end_factor")

    assert play.agree(program, "lr", expected, after=0)
    assert play.agree(program, "lr", expected)


@given(programs(end_factor=st.sampled_from([0.0, 1e-18])))
def test_linear_8_is_never_negative(play, program):
    assert all((entry.tensors["lr"] >= 0).all() for entry in play(program).entries)


@given(some.each_bad(PROGRAMS, {"start_factor": BAD["start_factor"]}))
def test_linear_9_start_factor_must_be_above_zero_and_at_most_one(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"end_factor": BAD["end_factor"]}))
def test_linear_10_end_factor_must_be_from_zero_to_one(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"total_iters": BAD["total_iters"]}))
def test_linear_11_total_iters_must_be_whole_and_not_negative(play, programs):
    assert all(map(play.refuses, programs))
