"""rmsprop: the clauses of spec/optimizers/rmsprop.md as properties of a backend."""

import math
from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import SetOption

ALPHA = some.decimals(0.0, 1.0, 0.99, 0.9, 0.5, 0.0, 1.0)
# With a small alpha the variance of steady gradients is zero up to rounding: the test of rmsprop.5 goes there.
CENTERED_ALPHA = some.decimals(0.3, 0.99, 0.99, 0.9, 0.5)
DECAY = some.decimals(0.0, 1.0, 0.01, 0.1, 0.0)
MOMENTUM = some.decimals(0.1, 1.0, 0.9, 0.5)

SETTABLE = {
    "lr": some.TENSOR_RATES,
    "alpha": CENTERED_ALPHA,
    "eps": some.EPSILONS,
    "weight_decay": DECAY,
    "momentum": st.one_of(st.just(0.0), MOMENTUM),
    "centered": some.BOOLEANS,
    "maximize": some.BOOLEANS,
}
# What a parameter's first step was without may be switched on later: the tests of optimizer.5, rmsprop.15 and
# rmsprop.16 do that.
STEADY = {name: choice for name, choice in SETTABLE.items() if name not in ("momentum", "centered")}


def options(draw: some.Draw, **fixed: Any) -> dict[str, Any]:
    """Every option, but for those that are fixed."""
    chosen = {**some.options(draw, **SETTABLE), **fixed}
    if not chosen.get("centered"):
        chosen |= some.options(draw, alpha=ALPHA)
    return {**chosen, **fixed}


def numbers(draw: some.Draw, **fixed: Any) -> dict[str, Any]:
    """What the laws below compute with: plain numbers, no decay."""
    return {
        "lr": draw(some.LEARNING_RATES),
        "alpha": draw(CENTERED_ALPHA),
        "eps": draw(some.EPSILONS),
        "maximize": draw(some.BOOLEANS),
        **fixed,
    }


def every(draw: some.Draw, **fixed: Any) -> dict[str, Any]:
    """Plain numbers, centered or not, with momentum or without."""
    return numbers(draw, **{"centered": draw(some.BOOLEANS), "momentum": draw(SETTABLE["momentum"]), **fixed})


PROGRAMS = some.optimizer_programs("rmsprop", options, settable=STEADY)


@given(some.optimizer_programs("rmsprop", lambda draw: options(draw, weight_decay=draw(some.DECAYS))))
def test_rmsprop_1_decay_is_added_to_the_gradient_first(play, program):
    assert play.conforms(program)


@given(some.one_parameter("rmsprop", lambda draw: numbers(draw, alpha=draw(ALPHA)), starts=some.ZEROS))
def test_rmsprop_2_mean_square_starts_at_zero_and_is_not_corrected(play, program):
    assert play.conforms(program)


@given(some.one_parameter("rmsprop", lambda draw: numbers(draw, centered=True), steps=(2, 6)))
def test_rmsprop_3_the_mean_is_an_exponential_average(play, program):
    assert play.conforms(program)


@given(some.one_parameter("rmsprop", lambda draw: numbers(draw, centered=True), starts=some.ZEROS))
def test_rmsprop_4_centered_divides_by_the_standard_deviation(play, program):
    assert play.conforms(program)


@given(
    some.one_parameter(
        "rmsprop",
        lambda draw: numbers(
            draw, centered=True, alpha=draw(some.decimals(0.0, 0.3, 0.0, 0.01)), eps=draw(some.LARGE_EPSILONS)
        ),
        spreads=st.just("near"),
        starts=some.ZEROS,
    )
)
def test_rmsprop_5_a_variance_that_rounding_makes_negative_is_zero(play, program):
    steady = some.with_grads(program, [program.events[0].grads[0]] * len(program.events))

    assert play(steady).param(0).isfinite().all()


@given(some.one_parameter("rmsprop", lambda draw: every(draw, eps=draw(some.EPSILONS.filter(bool))), starts=some.ZEROS))
def test_rmsprop_6_epsilon_is_outside_the_root(play, program):
    assert play.conforms(program)


@given(
    some.optimizer_programs(
        "rmsprop",
        lambda draw: numbers(draw, momentum=draw(MOMENTUM)),
        settable={"momentum": MOMENTUM},
        kinds=("step", "set", "step", "reload"),
        groups=1,
        steps=(2, 12),
    )
)
def test_rmsprop_7_the_buffer_sums_divided_gradients(play, program):
    assert play.conforms(program)


@given(
    some.optimizer_programs(
        "rmsprop", every, settable={"lr": some.TENSOR_RATES}, kinds=("step", "set"), groups=1, steps=(2, 12)
    )
)
def test_rmsprop_8_the_rate_of_this_step_multiplies_the_whole_buffer(play, program):
    assert play.conforms(program)


@given(some.one_parameter("rmsprop", numbers, starts=some.ZEROS, spreads=some.TAME, dtypes=some.WIDE_DTYPES))
def test_rmsprop_9_a_constant_gradient_makes_shrinking_steps(play, program):
    grad, alpha, steps = program.events[0].grads[0], program.options["alpha"], len(program.events)
    steady = some.with_grads(program, [grad] * steps)
    direction = grad.torch(torch.float64) * (-1.0 if program.options["maximize"] else 1.0)
    sizes = [direction.abs() * (1 - alpha**t) ** 0.5 + program.options["eps"] for t in range(1, steps + 1)]

    assert play.agree(steady, "param 0", -program.options["lr"] * sum(direction / size for size in sizes))


@given(some.one_parameter("rmsprop", every, spreads=some.TAME), st.sampled_from([0.5, 2.0, 0.25, 8.0]))
def test_rmsprop_10_scaling_gradients_and_epsilon_changes_nothing(play, program, scale):
    scaled = some.having(some.reworked(program, grad=some.times(scale)), eps=scale * program.options["eps"])

    assert play.agree(scaled, "param 0", play(program).param(0), also=(program,))


@given(
    some.one_parameter(
        "rmsprop", lambda draw: every(draw, weight_decay=draw(some.DECAYS)), spreads=some.TAME, starts=some.AWAY
    )
)
def test_rmsprop_11_decay_is_an_l2_penalty(play, program):
    decay = program.options["weight_decay"] * (-1 if program.options["maximize"] else 1)
    penalised = some.having(some.penalised(program, play(program), decay), weight_decay=0.0)

    assert play.agree(program, "param 0", play(penalised).param(0), also=(penalised,))


@given(some.one_parameter("rmsprop", numbers, starts=some.ZEROS))
def test_rmsprop_12_centered_steps_are_at_least_as_large(play, program):
    # The rate is zero up to the last step, so that both are at zero when they make it.
    *before, last = program.events
    held = some.with_events(some.having(program, lr=0.0), [*before, SetOption(0, "lr", program.options["lr"]), last])
    plain = play(held).param(0).abs()
    centered = play(some.having(held, centered=True)).param(0).abs()

    assert not (centered < plain).any()


@given(some.one_parameter("rmsprop", every, starts=some.ZEROS, spreads=some.TAME), st.sampled_from([0.5, 0.25]))
def test_rmsprop_13_displacement_scales_with_the_rate(play, program, scale):
    scaled = some.having(program, lr=scale * program.options["lr"])

    assert play.agree(scaled, "param 0", scale * play(program).param(0).double(), also=(program,))


@given(
    some.one_parameter(
        "rmsprop",
        lambda draw: numbers(draw, alpha=0.0),
        starts=some.ZEROS,
        spreads=some.TAME,
        dtypes=some.WIDE_DTYPES,
    )
)
def test_rmsprop_14_without_memory_each_step_is_the_normalised_gradient(play, program):
    steps = [some.normalised(some.with_events(program, [event])) for event in program.events]

    assert play.agree(program, "param 0", -sum(steps))


@given(some.one_parameter("rmsprop", every, steps=(3, 6)), some.SWITCHES)
def test_rmsprop_15_the_buffer_waits_while_momentum_is_zero(play, program, switches):
    assert play.conforms(some.switching(program, "momentum", [0.9 if on else 0.0 for on in switches]))


@given(some.one_parameter("rmsprop", every, steps=(3, 6)), some.SWITCHES)
def test_rmsprop_16_the_mean_waits_while_centered_is_off(play, program, switches):
    assert play.conforms(some.switching(program, "centered", switches))


@given(some.one_parameter("rmsprop", lambda draw: every(draw, eps=draw(some.LARGE_EPSILONS))))
def test_rmsprop_17_zero_gradients_keep_the_parameter(play, program):
    still = some.reworked(program, grad=some.times(0.0))

    assert (play(still).param(0) == program.groups[0].params[0].torch()).all()


@given(some.one_parameter("rmsprop", lambda draw: every(draw, eps=0.0)))
def test_rmsprop_18_zero_gradients_without_epsilon_give_nan(play, program):
    assert play(some.reworked(program, grad=some.times(0.0))).param(0).isnan().all()


@given(some.one_parameter("rmsprop", every), some.PLACES, some.SIGNS)
def test_rmsprop_19_an_infinite_gradient_makes_its_element_nan(play, program, place, sign):
    first, *others = (event.grads[0] for event in program.events)
    infinite = some.with_grads(program, [some.planted(first, place, sign * math.inf), *others])
    reached = play(infinite).param(0).flatten()

    assert reached[place % len(reached)].isnan()


@given(
    some.one_parameter("rmsprop", lambda draw: every(draw, eps=draw(some.LARGE_EPSILONS)), spreads=some.TAME),
    some.PLACES,
    some.SIGNS,
)
def test_rmsprop_20_an_infinite_element_stays_without_decay(play, program, place, sign):
    infinite = some.reworked(program, param=lambda data: some.planted(data, place, sign * math.inf))
    kept = play(infinite).param(0).flatten()

    assert kept[place % len(kept)] == sign * math.inf


@given(some.NEGATIVE)
def test_rmsprop_21_refuses_a_learning_rate_below_zero(play, lr):
    assert play.refuses(some.building("rmsprop", lr=lr))


@given(st.sampled_from([-0.1, 1.5, 2.0, math.nan, -math.inf]))
def test_rmsprop_22_refuses_an_alpha_out_of_range(play, alpha):
    assert play.refuses(some.building("rmsprop", alpha=alpha))


@given(some.NEGATIVE)
def test_rmsprop_23_refuses_an_epsilon_below_zero(play, eps):
    assert play.refuses(some.building("rmsprop", eps=eps))


@given(some.NEGATIVE)
def test_rmsprop_24_refuses_a_weight_decay_below_zero(play, weight_decay):
    assert play.refuses(some.building("rmsprop", weight_decay=weight_decay))


@given(some.NEGATIVE)
def test_rmsprop_25_refuses_a_momentum_below_zero(play, momentum):
    assert play.refuses(some.building("rmsprop", momentum=momentum))
