"""adamax: the clauses of spec/optimizers/adamax.md as properties of a backend."""

import math
from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some

SETTABLE = {
    "lr": some.TENSOR_RATES,
    "betas": some.BETAS,
    "eps": some.EPSILONS,
    "weight_decay": some.ANY_DECAYS,
    "maximize": some.BOOLEANS,
}
STEADY = SETTABLE


def options(draw: some.Draw) -> dict[str, Any]:
    """Every option."""
    return some.options(draw, **SETTABLE)


PROGRAMS = some.optimizer_programs("adamax", options, settable=STEADY)


@given(some.decaying("adamax", options))
def test_adamax_1_decay_is_added_to_the_gradient_first(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adamax", some.using(some.adam_numbers, betas=some.FIRST_BETAS), steps=(2, 6)))
def test_adamax_2_first_moment_is_an_exponential_average(play, program):
    assert play.conforms(program)


@given(
    some.one_parameter(
        "adamax",
        some.using(some.adam_numbers, betas=st.sampled_from([(0.0, 0.5), (0.5, 0.9), (0.0, 0.1), (0.9, 0.999)])),
        steps=(2, 6),
        starts=some.ZEROS,
    )
)
def test_adamax_3_the_maximum_decays_and_epsilon_is_inside(play, program):
    assert play.conforms(program)


@given(some.optimizer_programs("adamax", some.adam_numbers, kinds=("step", "step", "add", "reload"), steps=(2, 12)))
def test_adamax_4_each_parameter_counts_its_own_steps(play, program):
    assert play.conforms(program)


@given(some.changing("adamax", some.adam_numbers, betas=some.BETAS))
def test_adamax_5_the_first_moment_alone_is_corrected_with_the_beta_of_this_step(play, program):
    assert play.conforms(program)


@given(some.changing("adamax", some.adam_numbers, lr=some.TENSOR_RATES, eps=some.EPSILONS))
def test_adamax_6_the_rate_of_this_step_multiplies_the_quotient(play, program):
    assert play.conforms(program)


@given(
    some.one_parameter(
        "adamax", some.adam_numbers, steps=(1, 1), starts=some.ZEROS, spreads=some.TAME, dtypes=some.WIDE_DTYPES
    )
)
def test_adamax_7_first_step_does_not_depend_on_the_betas(play, program):
    assert play.agree(program, "param 0", lambda: -some.normalised(program))


@given(some.one_parameter("adamax", some.adam_numbers, starts=some.ZEROS, spreads=some.TAME, dtypes=some.WIDE_DTYPES))
def test_adamax_8_a_constant_gradient_makes_equal_steps(play, program):
    steady, count = some.steady(program), len(program.events)

    assert play.agree(steady, "param 0", lambda: -count * some.normalised(program))


@given(
    some.one_parameter(
        "adamax",
        some.using(
            some.adam_numbers, eps=0.0, betas=st.tuples(some.BETA1, st.sampled_from([0.999, 0.5, 0.9])), maximize=False
        ),
        starts=some.ZEROS,
        spreads=st.just("near"),
    )
)
def test_adamax_9_one_gradient_holds_later_steps_down(play, program):
    first, *others = some.gradients(program)
    pulse = some.changed(first, lambda value: value or 1.0)
    single = some.with_grads(program, [pulse, *map(some.times(0.0), others)])
    direction = pulse.torch(torch.float64).sign()

    def displacement():
        beta1, beta2 = (torch.tensor(beta, dtype=torch.float64) for beta in program.options["betas"])
        steps = [(beta1 / beta2) ** (t - 1) * (1 - beta1) / (1 - beta1**t) for t in range(1, len(others) + 2)]
        return -some.number(program, "lr") * direction * sum(steps)

    assert play.agree(single, "param 0", displacement)


@given(
    some.one_parameter(
        "adamax",
        some.using(some.adam_numbers, betas=(0.0, 0.0)),
        starts=some.ZEROS,
        spreads=some.TAME,
        dtypes=some.WIDE_DTYPES,
    )
)
def test_adamax_10_without_memory_each_step_is_the_normalised_gradient(play, program):
    alone = [some.with_events(program, [event]) for event in program.events]

    assert play.agree(program, "param 0", lambda: -sum(map(some.normalised, alone)))


@given(some.one_parameter("adamax", some.adam_numbers, spreads=some.TAME), some.SCALES)
def test_adamax_11_scaling_gradients_and_epsilon_changes_nothing(play, program, scale):
    assert play.agree(some.scaled(program, scale), "param 0", lambda plain: plain.param(0), program)


@given(
    some.one_parameter(
        "adamax", some.using(some.adam_numbers, weight_decay=some.DECAYS), spreads=some.TAME, starts=some.AWAY
    )
)
def test_adamax_12_decay_is_an_l2_penalty(play, program):
    penalised = some.penalised(program, play(program))

    assert play.agree(program, "param 0", lambda other: other.param(0), penalised)


@given(some.one_parameter("adamax", some.using(some.adam_numbers, eps=some.LARGE_EPSILONS)))
def test_adamax_13_zero_gradients_keep_the_parameter(play, program):
    assert (play(some.still(program)).param(0) == some.origin(program)).all()


@given(some.one_parameter("adamax", some.using(some.adam_numbers, eps=0.0)))
def test_adamax_14_zero_gradients_without_epsilon_give_nan(play, program):
    assert play(some.still(program)).param(0).isnan().all()


@given(some.one_parameter("adamax", options), some.PLACES, some.SIGNS)
def test_adamax_15_an_infinite_gradient_makes_its_element_nan(play, program, place, sign):
    trace = play(some.with_infinite_grad(program, place, sign))

    assert some.element(trace.param(0), place).isnan()


@given(
    some.one_parameter("adamax", some.using(some.adam_numbers, eps=some.LARGE_EPSILONS), spreads=some.TAME),
    some.PLACES,
    some.SIGNS,
)
def test_adamax_16_an_infinite_element_stays_without_decay(play, program, place, sign):
    trace = play(some.with_infinite_start(program, place, sign))

    assert some.element(trace.param(0), place) == sign * math.inf


@given(some.NEGATIVE)
def test_adamax_17_refuses_a_learning_rate_below_zero(play, lr):
    assert play.refuses(some.building("adamax", lr=lr))


@given(some.NO_BETAS)
def test_adamax_18_refuses_betas_out_of_range(play, betas):
    assert play.refuses(some.building("adamax", betas=betas))


@given(some.NEGATIVE)
def test_adamax_19_refuses_an_epsilon_below_zero(play, eps):
    assert play.refuses(some.building("adamax", eps=eps))


@given(some.NEGATIVE)
def test_adamax_20_refuses_a_weight_decay_below_zero(play, weight_decay):
    assert play.refuses(some.building("adamax", weight_decay=weight_decay))
