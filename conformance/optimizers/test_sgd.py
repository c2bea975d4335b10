"""sgd: the clauses of spec/optimizers/sgd.md as properties of a backend."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import Group, OptimizerProgram, Step, TensorData

DAMPENING = some.decimals(-0.5, 1.0, 0.5, 1.0, 0.0)
MOMENTUM = some.decimals(0.0, 1.0, 0.9, 0.5, 0.0)

SETTABLE = {"lr": some.TENSOR_RATES, "momentum": MOMENTUM, "weight_decay": some.ANY_DECAYS, "maximize": some.BOOLEANS}
STEADY = SETTABLE  # all of them may change at any time


def options(draw: some.Draw) -> dict[str, Any]:
    """Every option; Nesterov's momentum only where it is allowed."""
    chosen = some.options(draw, lr=some.TENSOR_RATES, weight_decay=some.ANY_DECAYS, maximize=some.BOOLEANS)
    match draw(st.sampled_from(["plain", "heavy ball", "nesterov", "heavy ball"])):
        case "plain":
            return chosen | some.options(draw, dampening=DAMPENING)
        case "heavy ball":
            return chosen | {"momentum": draw(some.MOMENTA)} | some.options(draw, dampening=DAMPENING)
    return chosen | {"momentum": draw(some.MOMENTA), "nesterov": True}


def heavy(draw: some.Draw) -> dict[str, Any]:
    """Momentum, usually dampened, and no Nesterov."""
    return {
        "lr": draw(some.LEARNING_RATES),
        "momentum": draw(some.MOMENTA),
        **some.options(draw, dampening=DAMPENING, weight_decay=some.ANY_DECAYS, maximize=some.BOOLEANS),
    }


def constant(draw: some.Draw) -> dict[str, Any]:
    """Any options without decay, and a learning rate that is a plain number."""
    return {**options(draw), "lr": draw(some.LEARNING_RATES), "weight_decay": 0.0}


PROGRAMS = some.optimizer_programs("sgd", options, settable=SETTABLE)


@given(some.decaying("sgd", options))
def test_sgd_1_decay_is_added_to_the_gradient_first(play, program):
    assert play.conforms(program)


@given(some.optimizer_programs("sgd", lambda draw: some.options(draw, lr=some.LEARNING_RATES, dampening=DAMPENING)))
def test_sgd_2_without_momentum_the_direction_is_the_gradient(play, program):
    assert play.conforms(program)


@given(some.one_parameter("sgd", heavy, steps=(1, 1)))
def test_sgd_3_the_first_step_has_neither_momentum_nor_dampening(play, program):
    assert play.agree(program, "param 0", lambda plain: plain.param(0), some.having(program, momentum=0.0))


@given(some.one_parameter("sgd", heavy, steps=(2, 6)))
def test_sgd_4_the_buffer_decays_and_takes_the_dampened_gradient(play, program):
    assert play.conforms(program)


@given(
    some.one_parameter(
        "sgd", lambda draw: {"lr": draw(some.LEARNING_RATES), "momentum": draw(some.MOMENTA), "nesterov": True}
    )
)
def test_sgd_5_nesterov_looks_ahead(play, program):
    assert play.conforms(program)


@given(some.changing("sgd", heavy, lr=some.TENSOR_RATES))
def test_sgd_6_the_rate_of_this_step_multiplies_the_whole_buffer(play, program):
    assert play.conforms(program)


@given(
    some.one_parameter(
        "sgd",
        some.using(constant, weight_decay=some.DECAYS, maximize=some.BOOLEANS),
        spreads=some.TAME,
        starts=some.AWAY,
        steps=(2, 6),
    )
)
def test_sgd_7_decay_is_an_l2_penalty(play, program):
    penalised = some.penalised(program, play(program))

    assert play.agree(program, "param 0", lambda other: other.param(0), penalised)


@given(some.one_parameter("sgd", options, spreads=some.TAME), st.sampled_from([0.5, 0.25, -1.0, -0.5]))
def test_sgd_8_scales_with_start_and_gradients(play, program, scale):
    scaled = some.reworked(program, param=some.times(scale), grad=some.times(scale))

    assert play.agree(scaled, "param 0", lambda plain: scale * plain.param(0), program)


@given(some.one_parameter("sgd", constant, starts=some.ZEROS, spreads=some.TAME), st.sampled_from([0.5, 0.25]))
def test_sgd_9_displacement_scales_with_the_rate(play, program, scale):
    scaled = some.having(program, lr=scale * program.options["lr"])

    assert play.agree(scaled, "param 0", lambda plain: scale * plain.param(0), program)


@given(
    some.one_parameter(
        "sgd",
        lambda draw: {"lr": draw(some.LEARNING_RATES), "momentum": draw(some.MOMENTA), "dampening": 1.0},
        starts=some.ZEROS,
        spreads=some.TAME,
    )
)
def test_sgd_10_full_dampening_keeps_the_first_gradient_alone(play, program):
    grad, steps = some.gradients(program)[0].torch(torch.float64), range(len(program.events))

    def displacement():
        return -some.number(program, "lr") * sum(some.number(program, "momentum") ** k for k in steps) * grad

    assert play.agree(program, "param 0", displacement)


def descent(param: TensorData, grad: TensorData, lr: float) -> OptimizerProgram:
    """One plain step."""
    return OptimizerProgram("sgd", {"lr": lr}, (Group((param,)),), (Step((grad,)),))


@given(st.data(), st.sampled_from([1, 2, 4, 8, 16]), some.LEARNING_RATES)
def test_sgd_11_descent_on_the_squared_error_shrinks_it_by_a_constant(play, data, count, lr):
    error = some.tensor(data.draw, data.draw(some.DTYPES), (count,), "near", layouts=False)
    program = descent(error, some.times(2 / count)(error), lr)

    def shrunk():
        return (1 - 2 * some.number(program, "lr") / count) * some.origin(program)

    assert play.agree(program, "param 0", shrunk)


# A widely read run by hand: nine elements, learning rate 1, its start as it was printed after the first step. It was
# made in float32, where the last losses have five digits.
START = (0.2943, 0.1191, 0.7827, 0.3981, 0.4318, 0.5430, 0.5266, 0.1810, 0.5937)
END = (0.1016, 0.1993, 0.3041, 0.4000, 0.4994, 0.5995, 0.6985, 0.7948, 0.8974)
TARGET = torch.arange(1, 10, dtype=torch.float64) / 10
FIRST_LOSS = 0.08802667
LOSSES = {2: "5.3251e-02", 3: "3.2213e-02", 4: "1.9487e-02", 5: "1.1788e-02", 16: "4.6804e-05"}
LOSSES |= {17: "2.8313e-05", 18: "1.7128e-05", 19: "1.0361e-05", 20: "6.2679e-06"}


def test_sgd_11_a_published_run_of_twenty_steps(play):
    error = torch.tensor(START, dtype=torch.float64) - TARGET
    error = error * (FIRST_LOSS / (error**2).mean()) ** 0.5  # what was printed with four digits, with the loss it had
    param = TARGET + error
    for step in range(2, 21):
        grad = 2 * (param - TARGET) / 9
        program = descent(*(TensorData("float64", (9,), tuple(each.tolist())) for each in (param, grad)), lr=1.0)
        assert play.conforms(program)
        param = play(program).param(0)
        if step in LOSSES:
            assert f"{((param - TARGET) ** 2).mean():.4e}" == LOSSES[step]
    assert [f"{number:.4f}" for number in param.tolist()] == [f"{number:.4f}" for number in END]


@given(some.one_parameter("sgd", heavy, steps=(3, 6)), some.SWITCHES)
def test_sgd_12_momentum_set_to_zero_and_back_finds_its_buffer(play, program, switches):
    assert play.conforms(some.switching(program, "momentum", [0.9 if on else 0.0 for on in switches]))


@given(some.optimizer_programs("sgd", heavy, kinds=("step", "add", "step", "reload"), steps=(2, 12)))
def test_sgd_13_each_parameter_has_a_first_step_of_its_own(play, program):
    assert play.conforms(program)


@given(some.one_parameter("sgd", constant), some.PLACES, some.SIGNS)
def test_sgd_14_an_infinite_first_gradient_sends_its_element_to_infinity(play, program, place, sign):
    trace = play(some.with_infinite_grad(program, place, sign))
    away = sign if program.options.get("maximize") else -sign

    assert some.element(trace.param(0, after=1), place) == away * math.inf


@given(some.one_parameter("sgd", constant))
def test_sgd_15_zero_gradients_keep_the_parameter(play, program):
    assert (play(some.still(program)).param(0) == some.origin(program)).all()


@given(some.one_parameter("sgd", constant, spreads=some.TAME), some.PLACES, some.SIGNS)
def test_sgd_16_an_infinite_element_stays_without_decay(play, program, place, sign):
    trace = play(some.with_infinite_start(program, place, sign))

    assert some.element(trace.param(0), place) == sign * math.inf


@given(some.NEGATIVE)
def test_sgd_17_refuses_a_learning_rate_below_zero(play, lr):
    assert play.refuses(some.building("sgd", lr=lr))


@given(some.NEGATIVE)
def test_sgd_18_refuses_a_momentum_below_zero(play, momentum):
    assert play.refuses(some.building("sgd", momentum=momentum))


@given(some.NEGATIVE)
def test_sgd_19_refuses_a_weight_decay_below_zero(play, weight_decay):
    assert play.refuses(some.building("sgd", weight_decay=weight_decay))


@pytest.mark.parametrize("wrong", [{}, {"momentum": 0.0}, {"momentum": 0.9, "dampening": 0.5}], ids=str)
def test_sgd_20_refuses_nesterov_without_pure_momentum(play, wrong):
    assert play.refuses(some.building("sgd", nesterov=True, **wrong))
