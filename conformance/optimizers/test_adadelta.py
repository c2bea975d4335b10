"""adadelta: the clauses of spec/optimizers/adadelta.md as properties of a backend."""

import math
from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some

RHO = some.decimals(0.0, 1.0, 0.9, 0.5, 0.0, 1.0)
EPSILONS = some.one_of_these(1e-6, 1e-3, 0.0, 1.0, 1e-10)

SETTABLE = {
    "lr": some.TENSOR_RATES,
    "rho": RHO,
    "eps": EPSILONS,
    "weight_decay": some.ANY_DECAYS,
    "maximize": some.BOOLEANS,
}
STEADY = SETTABLE


def options(draw: some.Draw) -> dict[str, Any]:
    """Every option."""
    return some.options(draw, **SETTABLE)


def numbers(draw: some.Draw) -> dict[str, Any]:
    """What the laws below compute with: plain numbers, no decay."""
    return {
        "lr": draw(some.LEARNING_RATES),
        "rho": draw(RHO),
        "eps": draw(EPSILONS),
        "maximize": draw(some.BOOLEANS),
    }


def ascent(program: Any) -> torch.Tensor:
    """The first gradient times the learning rate, in the direction of ascent."""
    rate = some.number(program, "lr") * (-1.0 if program.options["maximize"] else 1.0)
    return rate * some.gradients(program)[0].torch(torch.float64)


PROGRAMS = some.optimizer_programs("adadelta", options, settable=STEADY)


@given(some.decaying("adadelta", options))
def test_adadelta_1_decay_is_added_to_the_gradient_first(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adadelta", numbers, starts=some.ZEROS))
def test_adadelta_2_mean_square_starts_at_zero_and_is_not_corrected(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adadelta", some.using(numbers, eps=EPSILONS.filter(bool)), starts=some.ZEROS))
def test_adadelta_3_epsilon_is_inside_both_roots(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adadelta", numbers, steps=(2, 12), starts=some.ZEROS))
def test_adadelta_4_directions_are_averaged_without_the_rate(play, program):
    assert play.conforms(program)


@given(some.changing("adadelta", numbers, lr=some.TENSOR_RATES, rho=RHO, eps=EPSILONS))
def test_adadelta_5_the_rate_of_this_step_multiplies_the_direction(play, program):
    assert play.conforms(program)


@given(
    some.one_parameter("adadelta", numbers, steps=(1, 1), starts=some.ZEROS, spreads=some.TAME, dtypes=some.WIDE_DTYPES)
)
def test_adadelta_6_the_first_step_is_moved_by_epsilon_alone(play, program):
    def displacement():
        rho, eps = some.number(program, "rho"), some.number(program, "eps")
        grad = some.gradients(program)[0].torch(torch.float64)
        return -ascent(program) * (eps / ((1 - rho) * grad**2 + eps)) ** 0.5

    assert play.agree(program, "param 0", displacement)


@given(
    some.one_parameter(
        "adadelta",
        some.using(numbers, rho=0.0, eps=st.sampled_from([1e-6, 1.0, 1e-3])),
        starts=some.ZEROS,
        spreads=st.just("near"),
        dtypes=some.WIDE_DTYPES,
    )
)
def test_adadelta_7_without_memory_steps_under_a_constant_gradient_grow(play, program):
    steady = some.steady(program)

    def displacement():
        eps, grad = some.number(program, "eps"), some.gradients(program)[0].torch(torch.float64)
        part = grad**2 / (grad**2 + eps)
        total, step = torch.zeros_like(grad), torch.zeros_like(grad)
        for t in range(1, len(steady.events) + 1):
            total = total + part**t
            step = step + (eps * total) ** 0.5
        return -ascent(program).sign() * some.number(program, "lr") * step

    assert play.agree(steady, "param 0", displacement)


@given(
    some.one_parameter(
        "adadelta",
        some.using(numbers, rho=1.0, eps=st.sampled_from([1e-6, 1.0, 1e-3]), weight_decay=some.ANY_DECAYS),
        dtypes=some.WIDE_DTYPES,
    )
)
def test_adadelta_8_without_averages_it_is_sgd(play, program):
    same = {name: program.options[name] for name in ("lr", "weight_decay", "maximize")}
    sgd = some.as_component(program, "sgd", same)

    assert play.agree(program, "param 0", lambda other: other.param(0), sgd)


@given(
    some.one_parameter("adadelta", some.using(numbers, weight_decay=some.DECAYS), spreads=some.TAME, starts=some.AWAY)
)
def test_adadelta_9_decay_is_an_l2_penalty(play, program):
    penalised = some.penalised(program, play(program))

    assert play.agree(program, "param 0", lambda other: other.param(0), penalised)


@given(some.one_parameter("adadelta", numbers, starts=some.ZEROS, spreads=some.TAME), st.sampled_from([0.5, 0.25]))
def test_adadelta_10_displacement_scales_with_the_rate(play, program, scale):
    scaled = some.having(program, lr=scale * program.options["lr"])

    assert play.agree(scaled, "param 0", lambda plain: scale * plain.param(0), program)


@given(some.one_parameter("adadelta", some.using(numbers, eps=some.LARGE_EPSILONS)))
def test_adadelta_11_zero_gradients_keep_the_parameter(play, program):
    assert (play(some.still(program)).param(0) == some.origin(program)).all()


@given(
    some.one_parameter(
        "adadelta",
        some.using(numbers, eps=0.0, rho=st.sampled_from([0.5, 0.9])),
        spreads=st.just("near"),
        steps=(1, 3),
    )
)
def test_adadelta_12_without_epsilon_nothing_moves(play, program):
    first, *others = some.gradients(program)
    moving = some.with_grads(program, [some.changed(first, lambda value: value or 1.0), *others])

    assert (play(moving).param(0) == some.origin(program)).all()


@given(some.one_parameter("adadelta", some.using(numbers, eps=0.0)))
def test_adadelta_12_zero_gradients_without_epsilon_give_nan(play, program):
    assert play(some.still(program)).param(0).isnan().all()


@given(some.one_parameter("adadelta", options), some.PLACES, some.SIGNS)
def test_adadelta_13_an_infinite_gradient_makes_its_element_nan(play, program, place, sign):
    trace = play(some.with_infinite_grad(program, place, sign))

    assert some.element(trace.param(0), place).isnan()


@given(
    some.one_parameter("adadelta", some.using(numbers, eps=some.LARGE_EPSILONS), spreads=some.TAME),
    some.PLACES,
    some.SIGNS,
)
def test_adadelta_14_an_infinite_element_stays_without_decay(play, program, place, sign):
    trace = play(some.with_infinite_start(program, place, sign))

    assert some.element(trace.param(0), place) == sign * math.inf


@given(some.NEGATIVE)
def test_adadelta_15_refuses_a_learning_rate_below_zero(play, lr):
    assert play.refuses(some.building("adadelta", lr=lr))


@given(st.sampled_from([-0.1, 1.5, 2.0, math.nan, -math.inf]))
def test_adadelta_16_refuses_a_rho_out_of_range(play, rho):
    assert play.refuses(some.building("adadelta", rho=rho))


@given(some.NEGATIVE)
def test_adadelta_17_refuses_an_epsilon_below_zero(play, eps):
    assert play.refuses(some.building("adadelta", eps=eps))


@given(some.NEGATIVE)
def test_adadelta_18_refuses_a_weight_decay_below_zero(play, weight_decay):
    assert play.refuses(some.building("adadelta", weight_decay=weight_decay))
