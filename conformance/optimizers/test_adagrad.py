"""adagrad: the clauses of spec/optimizers/adagrad.md as properties of a backend."""

import math
from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import SetOption, Step

RATE_DECAYS = some.decimals(0.0, 2.0, 0.1, 0.0, 1.0)
STARTS = some.one_of_these(0.0, 1.0, 0.1, 1e-4, 2.5)

SETTABLE = {
    "lr": some.TENSOR_RATES,
    "lr_decay": RATE_DECAYS,
    "weight_decay": some.ANY_DECAYS,
    "initial_accumulator_value": STARTS,
    "eps": some.EPSILONS,
    "maximize": some.BOOLEANS,
}
# Where the sum starts may be changed before the first step: the tests of optimizer.5 and adagrad.3 do that.
STEADY = {name: choice for name, choice in SETTABLE.items() if name != "initial_accumulator_value"}


def options(draw: some.Draw) -> dict[str, Any]:
    """Every option."""
    return some.options(draw, **SETTABLE)


def numbers(draw: some.Draw) -> dict[str, Any]:
    """What the laws below compute with: plain numbers, no decay of the parameter, a sum from zero."""
    return {
        "lr": draw(some.LEARNING_RATES),
        "lr_decay": draw(RATE_DECAYS),
        "eps": draw(some.EPSILONS),
        "maximize": draw(some.BOOLEANS),
    }


started = some.using(numbers, initial_accumulator_value=STARTS)

PROGRAMS = some.optimizer_programs("adagrad", options, settable=STEADY)


@given(some.decaying("adagrad", options))
def test_adagrad_1_decay_is_added_to_the_gradient_first(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adagrad", started, steps=(2, 12)))
def test_adagrad_2_squares_are_added_up(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adagrad", some.using(numbers, initial_accumulator_value=STARTS), starts=some.ZEROS))
def test_adagrad_3_the_sum_starts_from_the_value_of_the_first_step(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adagrad", some.using(numbers, initial_accumulator_value=STARTS), starts=some.ZEROS), STARTS)
def test_adagrad_3_a_change_counts_before_the_first_step_and_not_after(play, program, other):
    before = SetOption(0, "initial_accumulator_value", program.options["initial_accumulator_value"])
    after = SetOption(0, "initial_accumulator_value", other)
    first, *others = program.events
    changed = some.having(program, initial_accumulator_value=other)

    assert play.conforms(some.with_events(changed, [before, first, after, *others]))


@given(some.optimizer_programs("adagrad", numbers, kinds=("step", "step", "add", "reload"), steps=(2, 12)))
def test_adagrad_4_each_parameter_counts_its_own_steps(play, program):
    assert play.conforms(program)


@given(some.changing("adagrad", started, lr=some.TENSOR_RATES, lr_decay=RATE_DECAYS))
def test_adagrad_5_the_rate_falls_with_the_count(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adagrad", some.using(started, eps=some.EPSILONS.filter(bool)), starts=some.ZEROS))
def test_adagrad_6_epsilon_is_outside_the_root(play, program):
    assert play.conforms(program)


@given(
    some.one_parameter("adagrad", numbers, steps=(1, 1), starts=some.ZEROS, spreads=some.TAME, dtypes=some.WIDE_DTYPES)
)
def test_adagrad_7_first_step_is_the_normalised_gradient(play, program):
    assert play.agree(program, "param 0", lambda: -some.normalised(program))


@given(some.one_parameter("adagrad", some.using(numbers, eps=0.0), steps=(1, 1)))
def test_adagrad_7_a_first_step_of_zero_over_zero_is_nan(play, program):
    still = some.still(program)

    assert play.agree(still, "param 0", lambda: -some.normalised(still))


@given(some.one_parameter("adagrad", numbers, starts=some.ZEROS, spreads=some.TAME, dtypes=some.WIDE_DTYPES))
def test_adagrad_8_a_constant_gradient_makes_shrinking_steps(play, program):
    grad = some.gradients(program)[0].torch(torch.float64)
    direction = -1.0 if program.options["maximize"] else 1.0

    def displacement():
        rate, decay = direction * some.number(program, "lr"), some.number(program, "lr_decay")
        eps = some.number(program, "eps")
        counts = range(1, len(program.events) + 1)
        return -sum(rate / (1 + (t - 1) * decay) * grad / (grad.abs() * t**0.5 + eps) for t in counts)

    assert play.agree(some.steady(program), "param 0", displacement)


@given(
    some.one_parameter("adagrad", some.using(started, eps=some.EPSILONS.filter(bool)), steps=(3, 6), starts=some.ZEROS)
)
def test_adagrad_9_the_order_of_earlier_gradients_makes_no_difference(play, program):
    # The rate is zero up to the last step, so that the parameter is where it was when the step is made. (Without an
    # epsilon a zero that comes first makes it NaN, as adagrad.15 says, and a zero that comes later does not.)
    *before, last = program.events
    wake = SetOption(0, "lr", program.options["lr"])
    held = some.having(program, lr=0.0)
    there = some.with_events(held, [*before, wake, last])
    back = some.with_events(held, [*reversed(before), wake, last])

    assert play.agree(there, "param 0", lambda other: other.param(0), back)


@given(
    some.one_parameter("adagrad", some.using(numbers, lr_decay=0.0), spreads=some.TAME),
    st.sampled_from([1.0, 0.5, 2.0]),
)
def test_adagrad_10_the_initial_value_is_the_square_of_one_more_gradient(play, program, root):
    first = some.changed(some.gradients(program)[0], lambda _: root)
    more = [Step((first,)), SetOption(0, "lr", program.options["lr"]), *program.events]
    grown = some.with_events(some.having(program, lr=0.0), more)
    started = some.having(program, initial_accumulator_value=root**2)

    assert play.agree(started, "param 0", lambda other: other.param(0), grown)


@given(some.one_parameter("adagrad", started, spreads=some.TAME), some.SCALES)
def test_adagrad_11_scaling_gradients_epsilon_and_start_changes_nothing(play, program, scale):
    start = scale**2 * program.options["initial_accumulator_value"]
    scaled = some.having(some.scaled(program, scale), initial_accumulator_value=start)

    assert play.agree(scaled, "param 0", lambda plain: plain.param(0), program)


@given(
    some.one_parameter("adagrad", some.using(started, weight_decay=some.DECAYS), spreads=some.TAME, starts=some.AWAY)
)
def test_adagrad_12_decay_is_an_l2_penalty(play, program):
    penalised = some.penalised(program, play(program))

    assert play.agree(program, "param 0", lambda other: other.param(0), penalised)


@given(some.one_parameter("adagrad", started, starts=some.ZEROS, spreads=some.TAME), st.sampled_from([0.5, 0.25]))
def test_adagrad_13_displacement_scales_with_the_rate(play, program, scale):
    scaled = some.having(program, lr=scale * program.options["lr"])

    assert play.agree(scaled, "param 0", lambda plain: scale * plain.param(0), program)


@given(
    some.one_parameter("adagrad", numbers),
    st.sampled_from([(0.001, 0.0), (0.0, 1.0), (1.0, 0.0), (0.1, 0.1)]),
)
def test_adagrad_14_zero_gradients_keep_the_parameter(play, program, denominator):
    eps, start = denominator
    still = some.having(some.still(program), eps=eps, initial_accumulator_value=start)

    assert (play(still).param(0) == some.origin(program)).all()


@given(some.one_parameter("adagrad", some.using(numbers, eps=0.0)))
def test_adagrad_15_zero_gradients_without_epsilon_give_nan(play, program):
    assert play(some.still(program)).param(0).isnan().all()


@given(some.one_parameter("adagrad", options), some.PLACES, some.SIGNS)
def test_adagrad_16_an_infinite_gradient_makes_its_element_nan(play, program, place, sign):
    trace = play(some.with_infinite_grad(program, place, sign))

    assert some.element(trace.param(0), place).isnan()


@given(
    some.one_parameter("adagrad", some.using(started, eps=some.LARGE_EPSILONS), spreads=some.TAME),
    some.PLACES,
    some.SIGNS,
)
def test_adagrad_17_an_infinite_element_stays_without_decay(play, program, place, sign):
    trace = play(some.with_infinite_start(program, place, sign))

    assert some.element(trace.param(0), place) == sign * math.inf


@given(some.NEGATIVE)
def test_adagrad_18_refuses_a_learning_rate_below_zero(play, lr):
    assert play.refuses(some.building("adagrad", lr=lr))


@given(some.NEGATIVE)
def test_adagrad_19_refuses_a_decay_of_the_rate_below_zero(play, lr_decay):
    assert play.refuses(some.building("adagrad", lr_decay=lr_decay))


@given(some.NEGATIVE)
def test_adagrad_20_refuses_a_weight_decay_below_zero(play, weight_decay):
    assert play.refuses(some.building("adagrad", weight_decay=weight_decay))


@given(some.NEGATIVE)
def test_adagrad_21_refuses_an_initial_value_below_zero(play, initial):
    assert play.refuses(some.building("adagrad", initial_accumulator_value=initial))


@given(some.NEGATIVE)
def test_adagrad_22_refuses_an_epsilon_below_zero(play, eps):
    assert play.refuses(some.building("adagrad", eps=eps))
