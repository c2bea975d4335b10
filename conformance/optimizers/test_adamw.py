"""adamw: the clauses of spec/optimizers/adamw.md as properties of a backend."""

import math
from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some

DECAY = some.decimals(0.0, 1.0, 0.01, 0.1, 0.0)

SETTABLE = {
    "lr": some.TENSOR_RATES,
    "betas": some.BETAS,
    "eps": some.EPSILONS,
    "weight_decay": DECAY,
    "maximize": some.BOOLEANS,
    "amsgrad": some.BOOLEANS,
}
# What a parameter's first step was without may be switched on later: the tests of optimizer.5 and adamw.14 do that.
STEADY = {name: choice for name, choice in SETTABLE.items() if name != "amsgrad"}


def options(draw: some.Draw, **fixed: Any) -> dict[str, Any]:
    """Every option, but for those that are fixed."""
    return {**some.options(draw, **SETTABLE), **fixed}


def numbers(draw: some.Draw, **fixed: Any) -> dict[str, Any]:
    """What the laws below compute with: plain numbers."""
    return {
        "lr": draw(some.LEARNING_RATES),
        "betas": draw(some.BETAS),
        "eps": draw(some.EPSILONS),
        "maximize": draw(some.BOOLEANS),
        **fixed,
    }


PROGRAMS = some.optimizer_programs("adamw", options, settable=STEADY)


@given(some.optimizer_programs("adamw", lambda draw: options(draw, weight_decay=draw(some.DECAYS))))
def test_adamw_1_the_parameter_decays_by_rate_times_decay(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adamw", lambda draw: numbers(draw, betas=(draw(some.BETA1), 0.999)), steps=(2, 6)))
def test_adamw_2_first_moment_is_an_exponential_average(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adamw", lambda draw: numbers(draw, betas=(0.0, draw(some.BETA2))), steps=(2, 6)))
def test_adamw_3_second_moment_is_an_exponential_average_of_squares(play, program):
    assert play.conforms(program)


@given(some.optimizer_programs("adamw", numbers, kinds=("step", "step", "add", "reload"), steps=(2, 12)))
def test_adamw_4_each_parameter_counts_its_own_steps(play, program):
    assert play.conforms(program)


@given(
    some.optimizer_programs(
        "adamw",
        numbers,
        settable={"betas": some.BETA1.map(lambda beta1: (beta1, 0.999))},
        kinds=("step", "set"),
        groups=1,
        steps=(2, 12),
    )
)
def test_adamw_5_first_moment_is_corrected_with_the_beta_of_this_step(play, program):
    assert play.conforms(program)


@given(
    some.optimizer_programs(
        "adamw",
        lambda draw: numbers(draw, amsgrad=draw(some.BOOLEANS)),
        settable={"betas": some.BETA2.map(lambda beta2: (0.9, beta2))},
        kinds=("step", "set"),
        groups=1,
        steps=(2, 12),
    )
)
def test_adamw_6_second_moment_is_corrected_with_the_beta_of_this_step(play, program):
    assert play.conforms(program)


@given(
    some.one_parameter(
        "adamw",
        lambda draw: numbers(draw, amsgrad=True, betas=(0.0, draw(st.sampled_from([0.0, 0.5, 0.9])))),
        steps=(2, 6),
    )
)
def test_adamw_7_the_maximum_is_taken_before_the_correction(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adamw", lambda draw: numbers(draw, eps=draw(some.EPSILONS.filter(bool))), starts=some.ZEROS))
def test_adamw_8_epsilon_is_outside_the_root_and_the_correction(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adamw", lambda draw: numbers(draw, weight_decay=draw(DECAY), eps=draw(some.LARGE_EPSILONS))))
def test_adamw_9_zero_gradients_leave_the_decay(play, program):
    still = some.reworked(program, grad=some.times(0.0))
    kept = (1 - program.options["lr"] * program.options["weight_decay"]) ** len(program.events)

    assert play.agree(still, "param 0", kept * program.groups[0].params[0].torch(torch.float64))


@given(
    some.one_parameter(
        "adamw",
        lambda draw: numbers(draw, weight_decay=draw(some.DECAYS)),
        spreads=some.TAME,
        starts=some.AWAY,
        steps=(1, 4),
    )
)
def test_adamw_10_decay_is_no_l2_penalty(play, program):
    plain = some.having(some.reworked(program, param=some.times(0.0)), weight_decay=0.0)
    steps, theta = play(plain), program.groups[0].params[0].torch(torch.float64)
    for index in range(len(program.events)):
        step = steps.param(0, after=index).double() - steps.param(0, after=index + 1).double()
        theta = (1 - program.options["lr"] * program.options["weight_decay"]) * theta - step

    assert play.agree(program, "param 0", theta, also=(plain,))


@given(some.one_parameter("adamw", lambda draw: options(draw, weight_decay=0.0)))
def test_adamw_11_without_decay_it_is_adam(play, program):
    adam = some.as_component(program, "adam", program.options)

    assert play.agree(program, "param 0", play(adam).param(0), also=(adam,))


@given(some.one_parameter("adamw", numbers, spreads=some.TAME))
def test_adamw_12_amsgrad_does_nothing_while_the_moment_rises(play, program):
    rising = some.rising(program)
    ams = some.having(rising, amsgrad=True)

    assert play.agree(ams, "param 0", play(rising).param(0), also=(rising,))


@given(some.one_parameter("adamw", numbers, spreads=some.TAME), st.sampled_from([0.5, 2.0, 0.25, 8.0]))
def test_adamw_13_scaling_gradients_and_epsilon_changes_nothing(play, program, scale):
    scaled = some.having(some.reworked(program, grad=some.times(scale)), eps=scale * program.options["eps"])

    assert play.agree(scaled, "param 0", play(program).param(0), also=(program,))


@given(
    some.one_parameter(
        "adamw", lambda draw: numbers(draw, betas=(0.9, 0.5), eps=draw(some.LARGE_EPSILONS)), steps=(3, 6)
    ),
    some.SWITCHES,
)
def test_adamw_14_the_maximum_waits_while_amsgrad_is_off(play, program, switches):
    assert play.conforms(some.switching(program, "amsgrad", switches))


@given(
    some.one_parameter(
        "adamw", lambda draw: numbers(draw, eps=0.0, weight_decay=draw(DECAY), amsgrad=draw(some.BOOLEANS))
    )
)
def test_adamw_15_zero_gradients_without_epsilon_give_nan(play, program):
    assert play(some.reworked(program, grad=some.times(0.0))).param(0).isnan().all()


@given(some.one_parameter("adamw", options), some.PLACES, some.SIGNS)
def test_adamw_16_an_infinite_gradient_makes_its_element_nan(play, program, place, sign):
    first, *others = (event.grads[0] for event in program.events)
    infinite = some.with_grads(program, [some.planted(first, place, sign * math.inf), *others])
    reached = play(infinite).param(0).flatten()

    assert reached[place % len(reached)].isnan()


@given(
    some.one_parameter(
        "adamw",
        lambda draw: options(
            draw, lr=draw(some.decimals(0.0, 0.9, 0.1)), weight_decay=draw(DECAY), eps=draw(some.LARGE_EPSILONS)
        ),
        spreads=some.TAME,
    ),
    some.PLACES,
    some.SIGNS,
)
def test_adamw_17_an_infinite_element_stays_under_a_moderate_decay(play, program, place, sign):
    infinite = some.reworked(program, param=lambda data: some.planted(data, place, sign * math.inf))
    kept = play(infinite).param(0).flatten()

    assert kept[place % len(kept)] == sign * math.inf


@given(some.NEGATIVE)
def test_adamw_18_refuses_a_learning_rate_below_zero(play, lr):
    assert play.refuses(some.building("adamw", lr=lr))


@given(st.sampled_from([-0.1, 1.0, 2.0, math.nan, -math.inf]), some.BOOLEANS)
def test_adamw_19_refuses_betas_out_of_range(play, beta, first):
    assert play.refuses(some.building("adamw", betas=(beta, 0.9) if first else (0.9, beta)))


@given(some.NEGATIVE)
def test_adamw_20_refuses_an_epsilon_below_zero(play, eps):
    assert play.refuses(some.building("adamw", eps=eps))


@given(some.NEGATIVE)
def test_adamw_21_refuses_a_weight_decay_below_zero(play, weight_decay):
    assert play.refuses(some.building("adamw", weight_decay=weight_decay))
