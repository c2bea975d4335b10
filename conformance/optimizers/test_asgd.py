"""asgd: the clauses of spec/optimizers/asgd.md as properties of a backend."""

import math
from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import SetOption

LAMBDS = some.decimals(0.0, 1.0, 1e-4, 0.1, 0.0, 0.5)
POWERS = some.decimals(-1.0, 2.0, 0.75, 1.0, 0.0, 0.5, -0.5)
STARTS = some.one_of_these(1e6, 0.0, 1.0, -1.0, 2.5, -3.5)
EARLY = some.one_of_these(0.0, -1.0, 1.0, 2.0)  # whole numbers that a few steps reach

SETTABLE = {
    "lr": some.TENSOR_RATES,
    "lambd": LAMBDS,
    "alpha": POWERS,
    "t0": STARTS,
    "weight_decay": some.ANY_DECAYS,
    "maximize": some.BOOLEANS,
}
STEADY = SETTABLE


def options(draw: some.Draw) -> dict[str, Any]:
    """Every option."""
    return some.options(draw, **SETTABLE)


def numbers(draw: some.Draw) -> dict[str, Any]:
    """What the laws below compute with: plain numbers, no coupled decay."""
    return {
        "lr": draw(some.LEARNING_RATES),
        "lambd": draw(LAMBDS),
        "alpha": draw(POWERS),
        "t0": draw(STARTS),
        "maximize": draw(some.BOOLEANS),
    }


# The same with a rate that falls soon.
falling = some.using(numbers, lr=st.sampled_from([0.1, 0.5]), lambd=st.sampled_from([0.5, 1.0, 0.1]))

PROGRAMS = some.optimizer_programs("asgd", options, settable=STEADY)


def descent(program, decay):
    """The same steps for SGD with this decay, a tensor or a number."""
    same = {"lr": program.options["lr"], "maximize": program.options["maximize"], "weight_decay": float(decay)}
    return some.as_component(program, "sgd", same)


@given(some.decaying("asgd", options))
def test_asgd_1_decay_is_added_to_the_gradient_first(play, program):
    assert play.conforms(program)


@given(some.changing("asgd", numbers, lambd=LAMBDS))
def test_asgd_2_the_parameter_decays_with_the_rate_of_the_step(play, program):
    assert play.conforms(program)


@given(some.optimizer_programs("asgd", falling, kinds=("step", "step", "add", "reload"), steps=(3, 12)))
def test_asgd_3_each_parameter_counts_its_own_steps(play, program):
    assert play.conforms(program)


@given(some.one_parameter("asgd", numbers, starts=some.ZEROS), some.TENSOR_RATES)
def test_asgd_4_the_first_rate_is_that_of_the_first_step(play, program, other):
    before = SetOption(0, "lr", program.options["lr"])

    assert play.conforms(some.with_events(some.having(program, lr=other), [before, *program.events]))


@given(some.changing("asgd", numbers, lr=some.TENSOR_RATES, lambd=LAMBDS, alpha=POWERS))
def test_asgd_5_the_next_rate_is_made_of_the_options_of_this_step(play, program):
    assert play.conforms(program)


@given(some.changing("asgd", some.using(numbers, t0=EARLY), t0=STARTS))
def test_asgd_6_the_next_weight_is_made_of_the_options_of_this_step(play, program):
    assert play.conforms(program)


@given(some.one_parameter("asgd", some.using(options, t0=st.sampled_from([1e6, 11.0]))), some.PLACES, some.SIGNS)
def test_asgd_7_before_the_averaging_the_average_is_the_parameter(play, program, place, sign):
    trace = play(some.with_infinite_start(program, place, sign))
    for after in range(1, len(program.events) + 1):
        now, average = trace.param(0, after=after), trace.average(0, after=after)
        assert ((now == average) | (now.isnan() & average.isnan())).all()


@given(some.optimizer_programs("asgd", some.using(numbers, t0=EARLY), kinds=("step", "step", "reload"), steps=(4, 12)))
def test_asgd_8_the_average_moves_by_its_weight_towards_the_parameter(play, program):
    assert play.conforms(program)


@given(some.one_parameter("asgd", some.using(numbers, t0=EARLY), steps=(4, 12), spreads=some.TAME))
def test_asgd_9_the_average_is_the_mean_of_the_last_parameters(play, program):
    first = max(1, int(program.options["t0"]) + 2)
    last = len(program.events)

    def mean(trace):
        return torch.stack([trace.param(0, after=t) for t in range(first, last + 1)]).mean(dim=0)

    assert play.agree(program, "average 0", mean, program)


@given(some.one_parameter("asgd", some.using(options, t0=EARLY)), STARTS)
def test_asgd_10_what_is_averaged_moves_nothing(play, program, other):
    other = some.having(program, t0=other)

    assert play.agree(program, "param 0", lambda trace: trace.param(0), other)


@given(some.one_parameter("asgd", some.using(numbers, alpha=0.0, weight_decay=some.ANY_DECAYS)))
def test_asgd_11_without_a_power_it_is_descent_with_both_decays(play, program):
    both = some.number(program, "lambd") + some.number(program, "weight_decay")

    assert play.agree(program, "param 0", lambda trace: trace.param(0), descent(program, both))


@given(some.one_parameter("asgd", some.using(numbers, lambd=0.0, weight_decay=some.ANY_DECAYS)))
def test_asgd_12_without_its_own_decay_it_is_descent(play, program):
    plain = descent(program, program.options["weight_decay"])

    assert play.agree(program, "param 0", lambda trace: trace.param(0), plain)


@given(some.one_parameter("asgd", falling, starts=some.AWAY, steps=(2, 6)))
def test_asgd_13_the_parameter_alone_decays_by_a_product_of_rates(play, program):
    def decayed():
        lr, lambd, alpha = (some.number(program, name) for name in ("lr", "lambd", "alpha"))
        left = some.origin(program)
        for k in range(len(program.events)):
            left = left * (1 - lambd * lr / (1 + lambd * lr * k) ** alpha)
        return left

    assert play.agree(some.still(program), "param 0", decayed)


@given(some.one_parameter("asgd", some.using(numbers, lambd=0.0)))
def test_asgd_14_zero_gradients_keep_the_parameter(play, program):
    assert (play(some.still(program)).param(0) == some.origin(program)).all()


@given(some.one_parameter("asgd", numbers, steps=(1, 1)), some.PLACES, some.SIGNS)
def test_asgd_15_an_infinite_gradient_makes_its_element_infinite(play, program, place, sign):
    trace = play(some.with_infinite_grad(program, place, sign))
    against = sign if program.options["maximize"] else -sign

    assert some.element(trace.param(0), place) == against * math.inf


@given(
    some.one_parameter("asgd", some.using(numbers, lambd=st.sampled_from([1e-4, 0.0, 0.1])), spreads=some.TAME),
    some.PLACES,
    some.SIGNS,
)
def test_asgd_16_an_infinite_element_stays_without_coupled_decay(play, program, place, sign):
    trace = play(some.with_infinite_start(program, place, sign))

    assert some.element(trace.param(0), place) == sign * math.inf


@given(some.NEGATIVE)
def test_asgd_17_refuses_a_learning_rate_below_zero(play, lr):
    assert play.refuses(some.building("asgd", lr=lr))


@given(some.NEGATIVE)
def test_asgd_18_refuses_a_lambd_below_zero(play, lambd):
    assert play.refuses(some.building("asgd", lambd=lambd))


@given(some.NEGATIVE)
def test_asgd_19_refuses_a_weight_decay_below_zero(play, weight_decay):
    assert play.refuses(some.building("asgd", weight_decay=weight_decay))
