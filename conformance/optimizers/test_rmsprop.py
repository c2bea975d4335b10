"""rmsprop: the clauses of spec/optimizers/rmsprop.md as properties of a backend."""

import math
from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import SetOption

ALPHA = some.decimals(0.0, 1.0, 0.99, 0.9, 0.5, 0.0, 1.0)
# With a small alpha the variance is zero up to rounding: the tests of rmsprop.5 go there.
CENTERED_ALPHA = some.decimals(0.3, 0.99, 0.99, 0.9, 0.5)

SETTABLE = {
    "lr": some.TENSOR_RATES,
    "alpha": CENTERED_ALPHA,
    "eps": some.EPSILONS,
    "weight_decay": some.ANY_DECAYS,
    "momentum": st.one_of(st.just(0.0), some.MOMENTA),
    "centered": some.BOOLEANS,
    "maximize": some.BOOLEANS,
}
# What a parameter's first step was without may be switched on later: the tests of optimizer.5, rmsprop.15 and
# rmsprop.16 do that.
STEADY = {name: choice for name, choice in SETTABLE.items() if name not in ("momentum", "centered")}


def options(draw: some.Draw) -> dict[str, Any]:
    """Every option. A small alpha comes with `centered` off, and `centered` with an alpha, so that a group that has one
    of them of its own does not bring together what must not meet."""
    others = {name: choice for name, choice in SETTABLE.items() if name not in ("alpha", "centered")}
    chosen = some.options(draw, **others)
    match draw(st.sampled_from(["plain", "not centered", "centered"])):
        case "not centered":
            return chosen | {"alpha": draw(ALPHA), "centered": False}
        case "centered":
            return chosen | {"alpha": draw(CENTERED_ALPHA), "centered": True}
    return chosen | some.options(draw, alpha=CENTERED_ALPHA)


def numbers(draw: some.Draw) -> dict[str, Any]:
    """What the laws below compute with: plain numbers, no decay."""
    return {
        "lr": draw(some.LEARNING_RATES),
        "alpha": draw(CENTERED_ALPHA),
        "eps": draw(some.EPSILONS),
        "maximize": draw(some.BOOLEANS),
    }


def every(draw: some.Draw) -> dict[str, Any]:
    """Plain numbers, centered or not, with momentum or without."""
    return {**numbers(draw), "centered": draw(some.BOOLEANS), "momentum": draw(SETTABLE["momentum"])}


PROGRAMS = some.optimizer_programs("rmsprop", options, settable=STEADY)


@given(some.decaying("rmsprop", options))
def test_rmsprop_1_decay_is_added_to_the_gradient_first(play, program):
    assert play.conforms(program)


@given(some.one_parameter("rmsprop", some.using(numbers, alpha=ALPHA), starts=some.ZEROS))
def test_rmsprop_2_mean_square_starts_at_zero_and_is_not_corrected(play, program):
    assert play.conforms(program)


@given(some.one_parameter("rmsprop", some.using(numbers, centered=True), steps=(2, 6)))
def test_rmsprop_3_the_mean_is_an_exponential_average(play, program):
    assert play.conforms(program)


@given(some.one_parameter("rmsprop", some.using(numbers, centered=True), starts=some.ZEROS))
def test_rmsprop_4_centered_divides_by_the_standard_deviation(play, program):
    assert play.conforms(program)


@given(
    some.one_parameter(
        "rmsprop",
        some.using(numbers, centered=True, alpha=some.decimals(0.0, 0.3, 0.0, 0.01), eps=some.LARGE_EPSILONS),
        spreads=st.just("near"),
        starts=some.ZEROS,
    )
)
def test_rmsprop_5_a_variance_that_rounding_makes_negative_is_zero(play, program):
    assert play(some.steady(program)).param(0).isfinite().all()


@given(
    some.one_parameter(
        "rmsprop",
        some.using(numbers, centered=True, alpha=some.decimals(0.1, 0.7, 0.5, 0.3), eps=some.LARGE_EPSILONS),
        steps=(4, 6),
        spreads=st.just("near"),
        starts=some.ZEROS,
    )
)
def test_rmsprop_5_a_variance_that_a_stale_mean_makes_negative_is_zero(play, program):
    first, *others = some.gradients(program)
    fading = some.with_grads(program, [first, *map(some.times(2.0**-6), others)])
    stale = some.switching(fading, "centered", [True, *[False] * (len(others) - 1), True])

    assert play(stale).param(0).isfinite().all()
    assert play.conforms(stale)


@given(some.one_parameter("rmsprop", some.using(every, eps=some.EPSILONS.filter(bool)), starts=some.ZEROS))
def test_rmsprop_6_epsilon_is_outside_the_root(play, program):
    assert play.conforms(program)


@given(
    some.optimizer_programs(
        "rmsprop",
        some.using(numbers, momentum=some.MOMENTA),
        settable={"momentum": some.MOMENTA},
        kinds=("step", "set", "step", "reload"),
        groups=1,
        steps=(2, 12),
    )
)
def test_rmsprop_7_the_buffer_sums_divided_gradients(play, program):
    assert play.conforms(program)


@given(some.changing("rmsprop", some.using(every, momentum=some.MOMENTA), lr=some.TENSOR_RATES))
def test_rmsprop_8_the_rate_of_this_step_multiplies_the_whole_buffer(play, program):
    assert play.conforms(program)


@given(some.one_parameter("rmsprop", numbers, starts=some.ZEROS, spreads=some.TAME, dtypes=some.WIDE_DTYPES))
def test_rmsprop_9_a_constant_gradient_makes_shrinking_steps(play, program):
    grad = some.gradients(program)[0].torch(torch.float64)
    rate = program.options["lr"] * (-1.0 if program.options["maximize"] else 1.0)

    def displacement():
        roots = [(1 - some.number(program, "alpha") ** t) ** 0.5 for t in range(1, len(program.events) + 1)]
        return -sum(rate * grad / (grad.abs() * root + program.options["eps"]) for root in roots)

    assert play.agree(some.steady(program), "param 0", displacement)


@given(some.one_parameter("rmsprop", every, spreads=some.TAME), some.SCALES)
def test_rmsprop_10_scaling_gradients_and_epsilon_changes_nothing(play, program, scale):
    assert play.agree(some.scaled(program, scale), "param 0", lambda plain: plain.param(0), program)


@given(some.one_parameter("rmsprop", some.using(every, weight_decay=some.DECAYS), spreads=some.TAME, starts=some.AWAY))
def test_rmsprop_11_decay_is_an_l2_penalty(play, program):
    penalised = some.penalised(program, play(program))

    assert play.agree(program, "param 0", lambda other: other.param(0), penalised)


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

    assert play.agree(scaled, "param 0", lambda plain: scale * plain.param(0), program)


@given(
    some.one_parameter(
        "rmsprop", some.using(numbers, alpha=0.0), starts=some.ZEROS, spreads=some.TAME, dtypes=some.WIDE_DTYPES
    )
)
def test_rmsprop_14_without_memory_each_step_is_the_normalised_gradient(play, program):
    alone = [some.with_events(program, [event]) for event in program.events]

    assert play.agree(program, "param 0", lambda: -sum(map(some.normalised, alone)))


@given(some.one_parameter("rmsprop", every, steps=(3, 6)), some.SWITCHES)
def test_rmsprop_15_the_buffer_waits_while_momentum_is_zero(play, program, switches):
    assert play.conforms(some.switching(program, "momentum", [0.9 if on else 0.0 for on in switches]))


@given(some.one_parameter("rmsprop", every, steps=(3, 6)), some.SWITCHES)
def test_rmsprop_16_the_mean_waits_while_centered_is_off(play, program, switches):
    assert play.conforms(some.switching(program, "centered", switches))


@given(some.one_parameter("rmsprop", some.using(every, eps=some.LARGE_EPSILONS)))
def test_rmsprop_17_zero_gradients_keep_the_parameter(play, program):
    assert (play(some.still(program)).param(0) == some.origin(program)).all()


@given(some.one_parameter("rmsprop", some.using(every, eps=0.0)))
def test_rmsprop_18_zero_gradients_without_epsilon_give_nan(play, program):
    assert play(some.still(program)).param(0).isnan().all()


@given(some.one_parameter("rmsprop", every), some.PLACES, some.SIGNS)
def test_rmsprop_19_an_infinite_gradient_makes_its_element_nan(play, program, place, sign):
    trace = play(some.with_infinite_grad(program, place, sign))

    assert some.element(trace.param(0), place).isnan()


@given(
    some.one_parameter("rmsprop", some.using(every, eps=some.LARGE_EPSILONS), spreads=some.TAME),
    some.PLACES,
    some.SIGNS,
)
def test_rmsprop_20_an_infinite_element_stays_without_decay(play, program, place, sign):
    trace = play(some.with_infinite_start(program, place, sign))

    assert some.element(trace.param(0), place) == sign * math.inf


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
