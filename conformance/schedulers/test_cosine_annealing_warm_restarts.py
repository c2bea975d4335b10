"""cosine_annealing_warm_restarts: the clauses of its page as properties of a backend."""

import math
from dataclasses import replace

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import ScheduleStep

FIRST = some.one_of_these(2, 1, 3, 5, 4, 10)
TIMES = some.one_of_these(1, 2, 3, 5, 10)
FLOORS = some.decimals(0.0, 2.0, 0.1, 1.0, 1e-3, 1e-12)
# A number of epochs, or that and a share of the batches of the next.
EPOCHS = st.one_of(st.integers(0, 200), st.builds(lambda n, i: n + i / 16, st.integers(0, 40), st.integers(1, 15)))
GIVEN = st.one_of(st.none(), EPOCHS)


def walked(program, *epochs):
    """The same scheduler, each step given its t, or None for the next."""
    return replace(program, events=tuple(ScheduleStep(epoch=epoch) for epoch in epochs))


PLAIN = some.schedule_programs(
    "cosine_annealing_warm_restarts",
    lambda draw: {"T_0": draw(FIRST), **some.options(draw, T_mult=TIMES, eta_min=FLOORS)},
)
WALKS = st.builds(lambda program, epochs: walked(program, *epochs), PLAIN, st.lists(GIVEN, max_size=6))
PROGRAMS = st.one_of(PLAIN, PLAIN, WALKS)
BAD = {
    "T_0": (0, -1, 2.5, math.nan, math.inf),
    "T_mult": (0, -1, 1.5, math.nan, math.inf),
    "eta_min": (-1.0, math.nan, math.inf),
}


def floor(program):
    return torch.full_like(some.base(program), some.option(program, "eta_min"))


def restart(program, n):
    """The t at which cycle n starts."""
    first, times = some.option(program, "T_0"), some.option(program, "T_mult")
    return sum(first * times**i for i in range(n))


@given(PROGRAMS)
def test_cosine_annealing_warm_restarts_1_rates_are_the_closed_form(play, program):
    assert play.conforms(program)


@given(PLAIN, st.integers(0, 3))
def test_cosine_annealing_warm_restarts_2_starts_again_with_the_step_that_ends_a_cycle(play, program, n):
    program = some.stepped(program, min(restart(program, n), restart(program, 1) * (n + 1), 60))
    starts = [restart(program, i) for i in range(len(program.events) + 1)]
    starts = [t for t in starts if t <= len(program.events)]

    assert play.agree(program, "lr", some.base(program), after=starts[-1])
    assert play.conforms(program)


@given(PLAIN)
def test_cosine_annealing_warm_restarts_3_the_first_cycle_is_cosine_annealing(play, program):
    program = some.stepped(program, some.option(program, "T_0") - 1)
    options = {"T_max": some.option(program, "T_0"), "eta_min": some.option(program, "eta_min")}
    annealing = replace(program, component="cosine_annealing", options=options)

    assert play.agree(program, "lr", lambda plain: plain.lr(), annealing)


@given(PLAIN, st.integers(0, 5), st.integers(1, 3))
def test_cosine_annealing_warm_restarts_4_is_periodic_where_cycles_keep_their_length(play, program, t, rounds):
    program = some.having(program, T_mult=1)
    program = some.stepped(program, t + rounds * some.option(program, "T_0"))

    assert play.agree(program, "lr", lambda own: own.lr(t), program)


@given(PLAIN, st.sampled_from([2, 3, 5, 10]), st.integers(1, 3), st.integers(0, 31))
def test_cosine_annealing_warm_restarts_5_later_cycles_are_the_first_stretched(play, program, times, n, share):
    program = some.having(program, T_mult=times)
    first = some.option(program, "T_0")
    x = first * share / 32
    program = walked(program, x, restart(program, n) + times**n * x)

    assert play.agree(program, "lr", lambda own: own.lr(1), program)


@given(PROGRAMS)
def test_cosine_annealing_warm_restarts_6_stays_between_eta_min_and_the_base_rate(play, program):
    low, high = torch.minimum(some.base(program), floor(program)), torch.maximum(some.base(program), floor(program))

    assert play.agree(program, "lr", lambda own: own.lr().clamp(low, high), program)


@given(PLAIN, st.lists(EPOCHS, min_size=1, max_size=4), EPOCHS)
def test_cosine_annealing_warm_restarts_7_a_given_t_sets_its_rate_wherever_it_comes_from(play, program, before, epoch):
    at_once, later = walked(program, epoch), walked(program, *before, epoch)

    assert play.agree(later, "lr", lambda direct: direct.lr(), at_once)
    assert play.conforms(at_once)


@given(PLAIN, st.integers(0, 5))
def test_cosine_annealing_warm_restarts_8_a_given_start_of_a_cycle_has_the_base_rate(play, program, n):
    program = walked(program, restart(program, n))

    assert play.agree(program, "lr", some.base(program))


@given(PLAIN, st.sampled_from([(3, 5), (10, 3), (2, 3)]))
def test_cosine_annealing_warm_restarts_8_a_logarithm_does_not_tell_the_cycle(play, program, cycle):
    times, n = cycle  # log(3**5, 3) and log(10**3, 10) are less than 5 and 3 in float64
    program = some.having(program, T_0=1, T_mult=times)

    assert play.agree(walked(program, restart(program, n)), "lr", some.base(program))


@given(PLAIN, EPOCHS, st.integers(1, 4))
def test_cosine_annealing_warm_restarts_9_goes_on_from_a_given_t(play, program, epoch, count):
    gone_on, given = walked(program, epoch, *(None,) * count), walked(program, epoch + count)

    assert play.agree(gone_on, "lr", lambda direct: direct.lr(), given)


@given(PLAIN, st.lists(GIVEN, max_size=2), st.sampled_from([-1, -0.5, math.nan, math.inf, -math.inf]))
def test_cosine_annealing_warm_restarts_10_a_given_t_must_be_finite_and_not_negative(play, program, before, bad):
    assert play.refuses(walked(program, *before, bad), after=len(before) + 1)


@given(PLAIN)
def test_cosine_annealing_warm_restarts_11_cycles_of_one_step_keep_the_base_rate(play, program):
    program = some.having(program, T_0=1, T_mult=1)

    assert play.agree(program, "lr", some.base(program))


@given(PLAIN, st.sampled_from([0.0, 0.5, 3.0]))
def test_cosine_annealing_warm_restarts_12_rises_towards_an_eta_min_above_the_base_rate(play, program, above):
    program = some.having(replace(program, base_lrs=program.base_lrs[:1]), eta_min=program.base_lrs[0] + above)
    program = some.stepped(program, some.option(program, "T_0") - 1)
    trace = play(program)

    assert play.conforms(program)
    assert not above or all((trace.lr(t) > trace.lr(t - 1)).all() for t in range(1, len(program.events) + 1))
    assert above or play.agree(program, "lr", some.base(program))


@given(some.each_bad(PLAIN, {"T_0": BAD["T_0"]}))
def test_cosine_annealing_warm_restarts_13_t_0_must_be_a_whole_positive_number(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PLAIN, {"T_mult": BAD["T_mult"]}))
def test_cosine_annealing_warm_restarts_14_t_mult_must_be_a_whole_positive_number(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PLAIN, {"eta_min": BAD["eta_min"]}))
def test_cosine_annealing_warm_restarts_15_eta_min_must_be_finite_and_not_negative(play, programs):
    assert all(map(play.refuses, programs))
