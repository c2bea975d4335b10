"""adamw: the clauses of spec/optimizers/adamw.md as properties of a backend."""

import math
from typing import Any

from hypothesis import given

from torchstone.conformance import strategies as some

SETTABLE = some.ADAM_OPTIONS
# What a parameter's first step was without may be switched on later: the tests of optimizer.5 and adamw.14 do that.
STEADY = {name: choice for name, choice in SETTABLE.items() if name != "amsgrad"}


def options(draw: some.Draw) -> dict[str, Any]:
    """Every option."""
    return some.options(draw, **SETTABLE)


def kept(program):
    """The part of a parameter that the decay of one step leaves."""
    return 1 - some.number(program, "lr") * some.number(program, "weight_decay")


PROGRAMS = some.optimizer_programs("adamw", options, settable=STEADY)


@given(some.optimizer_programs("adamw", some.using(options, weight_decay=some.DECAYS)))
def test_adamw_1_the_parameter_decays_by_rate_times_decay(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adamw", some.using(some.adam_numbers, betas=some.FIRST_BETAS), steps=(2, 6)))
def test_adamw_2_first_moment_is_an_exponential_average(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adamw", some.using(some.adam_numbers, betas=some.SECOND_BETAS), steps=(2, 6)))
def test_adamw_3_second_moment_is_an_exponential_average_of_squares(play, program):
    assert play.conforms(program)


@given(some.optimizer_programs("adamw", some.adam_numbers, kinds=("step", "step", "add", "reload"), steps=(2, 12)))
def test_adamw_4_each_parameter_counts_its_own_steps(play, program):
    assert play.conforms(program)


@given(some.changing("adamw", some.adam_numbers, betas=some.FIRST_BETAS))
def test_adamw_5_first_moment_is_corrected_with_the_beta_of_this_step(play, program):
    assert play.conforms(program)


@given(some.changing("adamw", some.using(some.adam_numbers, amsgrad=some.BOOLEANS), betas=some.SECOND_BETAS))
def test_adamw_6_second_moment_is_corrected_with_the_beta_of_this_step(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adamw", some.using(some.adam_numbers, amsgrad=True, betas=some.SHORT_BETAS), steps=(2, 6)))
def test_adamw_7_the_maximum_is_taken_before_the_correction(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adamw", some.using(some.adam_numbers, eps=some.EPSILONS.filter(bool)), starts=some.ZEROS))
def test_adamw_8_epsilon_is_outside_the_root_and_the_correction(play, program):
    assert play.conforms(program)


@given(
    some.one_parameter(
        "adamw",
        some.using(some.adam_numbers, weight_decay=some.ANY_DECAYS, eps=some.LARGE_EPSILONS),
        starts=some.AWAY,
    )
)
def test_adamw_9_zero_gradients_leave_the_decay(play, program):
    still, count = some.still(program), len(program.events)

    assert play.agree(still, "param 0", lambda: kept(program) ** count * some.origin(program))


@given(
    some.one_parameter(
        "adamw",
        some.using(some.adam_numbers, weight_decay=some.DECAYS),
        spreads=some.TAME,
        starts=some.AWAY,
        steps=(1, 4),
    )
)
def test_adamw_10_decay_is_no_l2_penalty(play, program):
    plain = some.having(some.reworked(program, param=some.times(0.0)), weight_decay=0.0)

    def decayed(steps):
        theta = some.origin(program)
        for t in range(len(program.events)):
            theta = kept(program) * theta + (steps.param(0, after=t + 1) - steps.param(0, after=t))
        return theta

    assert play.agree(program, "param 0", decayed, plain)


@given(some.one_parameter("adamw", some.using(options, weight_decay=0.0)))
def test_adamw_11_without_decay_it_is_adam(play, program):
    adam = some.as_component(program, "adam", program.options)

    assert play.agree(program, "param 0", lambda other: other.param(0), adam)


@given(some.one_parameter("adamw", some.adam_numbers, spreads=some.TAME))
def test_adamw_12_amsgrad_does_nothing_while_the_moment_rises(play, program):
    rising = some.rising(program)
    ams = some.having(rising, amsgrad=True)

    assert play.agree(ams, "param 0", lambda plain: plain.param(0), rising)


@given(some.one_parameter("adamw", some.adam_numbers, spreads=some.TAME), some.SCALES)
def test_adamw_13_scaling_gradients_and_epsilon_changes_nothing(play, program, scale):
    assert play.agree(some.scaled(program, scale), "param 0", lambda plain: plain.param(0), program)


@given(
    some.one_parameter("adamw", some.using(some.adam_numbers, betas=(0.9, 0.5), eps=some.LARGE_EPSILONS), steps=(3, 6)),
    some.SWITCHES,
)
def test_adamw_14_the_maximum_waits_while_amsgrad_is_off(play, program, switches):
    assert play.conforms(some.switching(program, "amsgrad", switches))


@given(
    some.one_parameter(
        "adamw", some.using(some.adam_numbers, eps=0.0, weight_decay=some.ANY_DECAYS, amsgrad=some.BOOLEANS)
    )
)
def test_adamw_15_zero_gradients_without_epsilon_give_nan(play, program):
    assert play(some.still(program)).param(0).isnan().all()


@given(some.one_parameter("adamw", options), some.PLACES, some.SIGNS)
def test_adamw_16_an_infinite_gradient_makes_its_element_nan(play, program, place, sign):
    trace = play(some.with_infinite_grad(program, place, sign))

    assert some.element(trace.param(0), place).isnan()


@given(
    some.one_parameter(
        "adamw",
        some.using(options, lr=some.decimals(0.0, 0.9, 0.1), weight_decay=some.ANY_DECAYS, eps=some.LARGE_EPSILONS),
        spreads=some.TAME,
    ),
    some.PLACES,
    some.SIGNS,
)
def test_adamw_17_an_infinite_element_stays_under_a_moderate_decay(play, program, place, sign):
    trace = play(some.with_infinite_start(program, place, sign))

    assert some.element(trace.param(0), place) == sign * math.inf


@given(some.NEGATIVE)
def test_adamw_18_refuses_a_learning_rate_below_zero(play, lr):
    assert play.refuses(some.building("adamw", lr=lr))


@given(some.NO_BETAS)
def test_adamw_19_refuses_betas_out_of_range(play, betas):
    assert play.refuses(some.building("adamw", betas=betas))


@given(some.NEGATIVE)
def test_adamw_20_refuses_an_epsilon_below_zero(play, eps):
    assert play.refuses(some.building("adamw", eps=eps))


@given(some.NEGATIVE)
def test_adamw_21_refuses_a_weight_decay_below_zero(play, weight_decay):
    assert play.refuses(some.building("adamw", weight_decay=weight_decay))
