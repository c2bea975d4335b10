"""cosine_annealing: the clauses of spec/schedulers/cosine_annealing.md as properties of a backend."""

import math
from dataclasses import replace

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some

FLOORS = some.decimals(0.0, 2.0, 0.1, 1.0, 1e-3, 1e-12)
PROGRAMS = some.schedule_programs(
    "cosine_annealing", lambda draw: {"T_max": draw(some.WHOLE), **some.options(draw, eta_min=FLOORS)}
)
BAD = {"T_max": (0, -1, 2.5, math.nan, math.inf), "eta_min": (-1.0, math.nan, math.inf)}


def floor(program):
    return torch.full_like(some.base(program), some.option(program, "eta_min"))


@given(PROGRAMS, st.sampled_from([None, 1, 2, 3]))
def test_cosine_annealing_1_rates_are_the_closed_form(play, program, rounds):
    if rounds:  # far enough to pass every t at which the documented recursion is 0/0
        program = some.stepped(program, rounds * some.option(program, "T_max") + 1)

    assert play.conforms(program)


@given(PROGRAMS)
def test_cosine_annealing_2_starts_at_the_base_rate(play, program):
    program = some.stepped(program, 0)

    assert play.agree(program, "lr", some.base(program))


@given(PROGRAMS)
def test_cosine_annealing_3_reaches_eta_min_with_step_t_max(play, program):
    program = some.stepped(program, some.option(program, "T_max"))

    assert play.agree(program, "lr", floor(program))


@given(PROGRAMS, st.data())
def test_cosine_annealing_4_rates_as_far_from_both_ends_add_up(play, program, data):
    T_max = some.option(program, "T_max")
    early = data.draw(st.integers(0, T_max // 2))
    program = some.stepped(program, T_max - early)

    assert play.agree(program, "lr", lambda own: some.base(program) + floor(program) - own.lr(early), program)


@given(PROGRAMS, st.data())
def test_cosine_annealing_5_goes_back_up_the_way_it_came(play, program, data):
    T_max = some.option(program, "T_max")
    beyond = data.draw(st.integers(1, T_max))
    program = some.stepped(program, T_max + beyond)

    assert play.agree(program, "lr", lambda own: own.lr(T_max - beyond), program)


@given(PROGRAMS, st.integers(0, 5))
def test_cosine_annealing_6_is_periodic(play, program, t):
    period = 2 * some.option(program, "T_max")
    program = some.stepped(program, period + t)

    assert play.agree(program, "lr", lambda own: own.lr(t), program)


@given(PROGRAMS)
def test_cosine_annealing_7_stays_between_eta_min_and_the_base_rate(play, program):
    low, high = torch.minimum(some.base(program), floor(program)), torch.maximum(some.base(program), floor(program))

    assert play.agree(program, "lr", lambda own: own.lr().clamp(low, high), program)


@given(PROGRAMS, st.sampled_from([0.0, 0.5, 3.0]))
def test_cosine_annealing_8_rises_to_an_eta_min_above_the_base_rate(play, program, above):
    program = some.having(replace(program, base_lrs=program.base_lrs[:1]), eta_min=program.base_lrs[0] + above)
    T_max = some.option(program, "T_max")
    trace = play(some.stepped(program, T_max))

    assert play.conforms(program)
    assert not above or all((trace.lr(t) > trace.lr(t - 1)).all() for t in range(1, T_max + 1))
    assert above or play.agree(program, "lr", some.base(program))


@given(PROGRAMS, st.integers(0, 9))
def test_cosine_annealing_9_alternates_with_t_max_one(play, program, count):
    program = some.stepped(some.having(program, T_max=1), count)

    assert play.agree(program, "lr", floor(program) if count % 2 else some.base(program))


@given(some.each_bad(PROGRAMS, {"T_max": BAD["T_max"]}))
def test_cosine_annealing_10_t_max_must_be_a_whole_positive_number(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"eta_min": BAD["eta_min"]}))
def test_cosine_annealing_11_eta_min_must_be_finite_and_not_negative(play, programs):
    assert all(map(play.refuses, programs))
