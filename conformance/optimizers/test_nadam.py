"""nadam: the clauses of spec/optimizers/nadam.md as properties of a backend."""

import math
from typing import Any

import torch
from hypothesis import given

from torchstone.conformance import strategies as some

MOMENTUM_DECAYS = some.decimals(0.0, 2.0, 4e-3, 0.0, 1.0, 1000.0)

SETTABLE = {
    "lr": some.TENSOR_RATES,
    "betas": some.BETAS,
    "eps": some.EPSILONS,
    "weight_decay": some.ANY_DECAYS,
    "momentum_decay": MOMENTUM_DECAYS,
    "decoupled_weight_decay": some.BOOLEANS,
    "maximize": some.BOOLEANS,
}
STEADY = SETTABLE


def options(draw: some.Draw) -> dict[str, Any]:
    """Every option."""
    return some.options(draw, **SETTABLE)


numbers = some.using(some.adam_numbers, momentum_decay=MOMENTUM_DECAYS)  # what the laws compute with: no decay

PROGRAMS = some.optimizer_programs("nadam", options, settable=STEADY)


def weights(program: Any, count: int) -> list[torch.Tensor]:
    """The weights of the steps up to `count`, and of the next one."""
    beta1 = torch.tensor(program.options["betas"][0], dtype=torch.float64)
    return [beta1 * (1 - 0.5 * 0.96 ** (k * some.number(program, "momentum_decay"))) for k in range(1, count + 2)]


@given(some.decaying("nadam", options, decoupled_weight_decay=False))
def test_nadam_1_coupled_decay_is_added_to_the_gradient_first(play, program):
    assert play.conforms(program)


@given(some.optimizer_programs("nadam", some.using(options, weight_decay=some.DECAYS, decoupled_weight_decay=True)))
def test_nadam_2_decoupled_decay_acts_on_the_parameter_alone(play, program):
    assert play.conforms(program)


@given(some.optimizer_programs("nadam", numbers, kinds=("step", "step", "add", "reload"), steps=(2, 12)))
def test_nadam_3_each_parameter_counts_its_own_steps(play, program):
    assert play.conforms(program)


@given(some.changing("nadam", numbers, momentum_decay=MOMENTUM_DECAYS))
def test_nadam_4_weights_rise_from_half_of_beta_to_beta(play, program):
    assert play.conforms(program)


@given(some.changing("nadam", numbers, momentum_decay=MOMENTUM_DECAYS, betas=some.FIRST_BETAS))
def test_nadam_5_the_product_holds_the_weights_that_the_steps_had(play, program):
    assert play.conforms(program)


@given(some.one_parameter("nadam", some.using(numbers, betas=some.FIRST_BETAS), steps=(2, 6)))
def test_nadam_6_first_moment_is_an_exponential_average(play, program):
    assert play.conforms(program)


@given(some.one_parameter("nadam", some.using(numbers, betas=some.SECOND_BETAS), steps=(2, 6)))
def test_nadam_7_second_moment_is_an_exponential_average_of_squares(play, program):
    assert play.conforms(program)


@given(some.one_parameter("nadam", numbers, starts=some.ZEROS))
def test_nadam_8_the_step_looks_one_step_ahead(play, program):
    assert play.conforms(program)


@given(some.changing("nadam", numbers, betas=some.SECOND_BETAS))
def test_nadam_9_second_moment_is_corrected_with_the_beta_of_this_step(play, program):
    assert play.conforms(program)


@given(some.one_parameter("nadam", some.using(numbers, eps=some.EPSILONS.filter(bool)), starts=some.ZEROS))
def test_nadam_10_epsilon_is_outside_the_root_and_the_correction(play, program):
    assert play.conforms(program)


@given(some.one_parameter("nadam", numbers, starts=some.ZEROS, spreads=some.TAME, dtypes=some.WIDE_DTYPES))
def test_nadam_11_a_constant_gradient_makes_steps_of_known_length(play, program):
    count = len(program.events)

    def displacement():
        mu, product, length = weights(program, count), 1.0, 0.0
        beta1 = torch.tensor(program.options["betas"][0], dtype=torch.float64)
        for t in range(1, count + 1):
            product = product * mu[t - 1]
            length = length + mu[t] * (1 - beta1**t) / (1 - product * mu[t]) + (1 - mu[t - 1]) / (1 - product)
        return -length * some.normalised(program)

    assert play.agree(some.steady(program), "param 0", displacement)


@given(some.one_parameter("nadam", some.using(options, betas=some.BETA2.map(lambda beta2: (0.0, beta2)))))
def test_nadam_12_without_first_moment_it_is_adam(play, program):
    same = {name: value for name, value in program.options.items() if name != "momentum_decay"}
    adam = some.as_component(program, "adam", {"lr": 2e-3, **same})

    assert play.agree(program, "param 0", lambda other: other.param(0), adam)


@given(some.one_parameter("nadam", numbers, spreads=some.TAME), some.SCALES)
def test_nadam_13_scaling_gradients_and_epsilon_changes_nothing(play, program, scale):
    assert play.agree(some.scaled(program, scale), "param 0", lambda plain: plain.param(0), program)


@given(some.one_parameter("nadam", some.using(numbers, weight_decay=some.DECAYS), spreads=some.TAME, starts=some.AWAY))
def test_nadam_14_coupled_decay_is_an_l2_penalty(play, program):
    penalised = some.penalised(program, play(program))

    assert play.agree(program, "param 0", lambda other: other.param(0), penalised)


@given(
    some.one_parameter(
        "nadam",
        some.using(numbers, weight_decay=some.DECAYS, decoupled_weight_decay=True, eps=some.LARGE_EPSILONS),
        spreads=some.TAME,
        starts=some.AWAY,
    )
)
def test_nadam_15_decoupled_decay_alone_shrinks_the_parameter(play, program):
    def shrunk():
        part = 1 - some.number(program, "lr") * some.number(program, "weight_decay")
        return part ** len(program.events) * some.origin(program)

    assert play.agree(some.still(program), "param 0", shrunk)


@given(some.one_parameter("nadam", some.using(numbers, eps=some.LARGE_EPSILONS)))
def test_nadam_16_zero_gradients_keep_the_parameter(play, program):
    assert (play(some.still(program)).param(0) == some.origin(program)).all()


@given(some.one_parameter("nadam", some.using(numbers, eps=0.0)))
def test_nadam_17_zero_gradients_without_epsilon_give_nan(play, program):
    assert play(some.still(program)).param(0).isnan().all()


@given(some.one_parameter("nadam", options), some.PLACES, some.SIGNS)
def test_nadam_18_an_infinite_gradient_makes_its_element_nan(play, program, place, sign):
    trace = play(some.with_infinite_grad(program, place, sign))

    assert some.element(trace.param(0), place).isnan()


@given(
    some.one_parameter("nadam", some.using(numbers, eps=some.LARGE_EPSILONS), spreads=some.TAME),
    some.PLACES,
    some.SIGNS,
)
def test_nadam_19_an_infinite_element_stays_without_decay(play, program, place, sign):
    trace = play(some.with_infinite_start(program, place, sign))

    assert some.element(trace.param(0), place) == sign * math.inf


@given(some.NEGATIVE)
def test_nadam_20_refuses_a_learning_rate_below_zero(play, lr):
    assert play.refuses(some.building("nadam", lr=lr))


@given(some.NO_BETAS)
def test_nadam_21_refuses_betas_out_of_range(play, betas):
    assert play.refuses(some.building("nadam", betas=betas))


@given(some.NEGATIVE)
def test_nadam_22_refuses_an_epsilon_below_zero(play, eps):
    assert play.refuses(some.building("nadam", eps=eps))


@given(some.NEGATIVE)
def test_nadam_23_refuses_a_weight_decay_below_zero(play, weight_decay):
    assert play.refuses(some.building("nadam", weight_decay=weight_decay))


@given(some.NEGATIVE)
def test_nadam_24_refuses_a_momentum_decay_below_zero(play, momentum_decay):
    assert play.refuses(some.building("nadam", momentum_decay=momentum_decay))
