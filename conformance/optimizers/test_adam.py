"""adam: the clauses of spec/optimizers/adam.md as properties of a backend."""

import math
from typing import Any

from hypothesis import given

from torchstone.conformance import strategies as some
from torchstone.conformance.program import SetOption

SETTABLE = {**some.ADAM_OPTIONS, "decoupled_weight_decay": some.BOOLEANS}
# What a parameter's first step was without may be switched on later: the tests of optimizer.5 and adam.17 do that.
STEADY = {name: choice for name, choice in SETTABLE.items() if name != "amsgrad"}


def options(draw: some.Draw) -> dict[str, Any]:
    """Every option."""
    return some.options(draw, **SETTABLE)


PROGRAMS = some.optimizer_programs("adam", options, settable=STEADY)


@given(some.decaying("adam", options, decoupled_weight_decay=False))
def test_adam_1_coupled_decay_is_added_to_the_gradient_first(play, program):
    assert play.conforms(program)


@given(some.optimizer_programs("adam", some.using(options, weight_decay=some.DECAYS, decoupled_weight_decay=True)))
def test_adam_2_decoupled_decay_acts_on_the_parameter_alone(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adam", some.using(some.adam_numbers, betas=some.FIRST_BETAS), steps=(2, 6)))
def test_adam_3_first_moment_is_an_exponential_average(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adam", some.using(some.adam_numbers, betas=some.SECOND_BETAS), steps=(2, 6)))
def test_adam_4_second_moment_is_an_exponential_average_of_squares(play, program):
    assert play.conforms(program)


@given(some.optimizer_programs("adam", some.adam_numbers, kinds=("step", "step", "add", "reload"), steps=(2, 12)))
def test_adam_5_each_parameter_counts_its_own_steps(play, program):
    assert play.conforms(program)


@given(some.changing("adam", some.adam_numbers, betas=some.FIRST_BETAS))
def test_adam_6_first_moment_is_corrected_with_the_beta_of_this_step(play, program):
    assert play.conforms(program)


@given(some.changing("adam", some.using(some.adam_numbers, amsgrad=some.BOOLEANS), betas=some.SECOND_BETAS))
def test_adam_7_second_moment_is_corrected_with_the_beta_of_this_step(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adam", some.using(some.adam_numbers, amsgrad=True, betas=some.SHORT_BETAS), steps=(2, 6)))
def test_adam_8_the_maximum_is_taken_before_the_correction(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adam", some.using(some.adam_numbers, eps=some.EPSILONS.filter(bool)), starts=some.ZEROS))
def test_adam_9_epsilon_is_outside_the_root_and_the_correction(play, program):
    assert play.conforms(program)


@given(
    some.one_parameter(
        "adam", some.adam_numbers, steps=(1, 1), starts=some.ZEROS, spreads=some.TAME, dtypes=some.WIDE_DTYPES
    )
)
def test_adam_10_first_step_does_not_depend_on_the_betas(play, program):
    assert play.agree(program, "param 0", lambda: -some.normalised(program))


@given(some.one_parameter("adam", some.adam_numbers, starts=some.ZEROS, spreads=some.TAME, dtypes=some.WIDE_DTYPES))
def test_adam_11_a_constant_gradient_makes_equal_steps(play, program):
    steady, count = some.steady(program), len(program.events)

    assert play.agree(steady, "param 0", lambda: -count * some.normalised(program))


@given(some.one_parameter("adam", some.adam_numbers, spreads=some.TAME), some.SCALES)
def test_adam_12_scaling_gradients_and_epsilon_changes_nothing(play, program, scale):
    assert play.agree(some.scaled(program, scale), "param 0", lambda plain: plain.param(0), program)


@given(some.one_parameter("adam", some.adam_numbers, spreads=some.TAME))
def test_adam_13_amsgrad_does_nothing_while_the_moment_rises(play, program):
    rising = some.rising(program)
    ams = some.having(rising, amsgrad=True)

    assert play.agree(ams, "param 0", lambda plain: plain.param(0), rising)


@given(some.one_parameter("adam", some.using(options, decoupled_weight_decay=True, weight_decay=some.ANY_DECAYS)))
def test_adam_14_decoupled_decay_makes_it_adamw(play, program):
    same = {name: value for name, value in program.options.items() if name != "decoupled_weight_decay"}
    adamw = some.as_component(program, "adamw", same)

    assert play.agree(program, "param 0", lambda other: other.param(0), adamw)


@given(
    some.one_parameter(
        "adam", some.using(some.adam_numbers, weight_decay=some.DECAYS), spreads=some.TAME, starts=some.AWAY
    )
)
def test_adam_15_coupled_decay_is_an_l2_penalty(play, program):
    penalised = some.penalised(program, play(program))

    assert play.agree(program, "param 0", lambda other: other.param(0), penalised)


@given(some.one_parameter("adam", some.using(some.adam_numbers, betas=some.ONLY_SECOND_BETAS), spreads=some.TAME))
def test_adam_16_without_first_moment_it_is_rmsprop_with_another_rate(play, program):
    lr, eps, beta2 = program.options["lr"], program.options["eps"], program.options["betas"][1]
    events, same = [], []
    for t, event in enumerate(program.events, 1):
        root = (1 - beta2**t) ** 0.5
        events += [SetOption(0, "lr", lr * root), SetOption(0, "eps", eps * root), event]
        same += [SetOption(0, "lr", lr), SetOption(0, "eps", eps), event]
    adam = some.with_events(program, same)
    given = {"alpha": beta2, "maximize": program.options["maximize"]}
    rmsprop = some.as_component(some.with_events(program, events), "rmsprop", given)

    assert play.agree(adam, "param 0", lambda other: other.param(0), rmsprop)


@given(
    some.one_parameter("adam", some.using(some.adam_numbers, betas=(0.9, 0.5), eps=some.LARGE_EPSILONS), steps=(3, 6)),
    some.SWITCHES,
)
def test_adam_17_the_maximum_waits_while_amsgrad_is_off(play, program, switches):
    assert play.conforms(some.switching(program, "amsgrad", switches))


@given(some.one_parameter("adam", some.using(some.adam_numbers, eps=some.LARGE_EPSILONS, amsgrad=some.BOOLEANS)))
def test_adam_18_zero_gradients_keep_the_parameter(play, program):
    assert (play(some.still(program)).param(0) == some.origin(program)).all()


@given(some.one_parameter("adam", some.using(some.adam_numbers, eps=0.0, amsgrad=some.BOOLEANS)))
def test_adam_19_zero_gradients_without_epsilon_give_nan(play, program):
    assert play(some.still(program)).param(0).isnan().all()


@given(some.one_parameter("adam", options), some.PLACES, some.SIGNS)
def test_adam_20_an_infinite_gradient_makes_its_element_nan(play, program, place, sign):
    trace = play(some.with_infinite_grad(program, place, sign))

    assert some.element(trace.param(0), place).isnan()


@given(
    some.one_parameter("adam", some.using(options, weight_decay=0.0, eps=some.LARGE_EPSILONS), spreads=some.TAME),
    some.PLACES,
    some.SIGNS,
)
def test_adam_21_an_infinite_element_stays_without_decay(play, program, place, sign):
    trace = play(some.with_infinite_start(program, place, sign))

    assert some.element(trace.param(0), place) == sign * math.inf


@given(some.NEGATIVE)
def test_adam_22_refuses_a_learning_rate_below_zero(play, lr):
    assert play.refuses(some.building("adam", lr=lr))


@given(some.NO_BETAS)
def test_adam_23_refuses_betas_out_of_range(play, betas):
    assert play.refuses(some.building("adam", betas=betas))


@given(some.NEGATIVE)
def test_adam_24_refuses_an_epsilon_below_zero(play, eps):
    assert play.refuses(some.building("adam", eps=eps))


@given(some.NEGATIVE)
def test_adam_25_refuses_a_weight_decay_below_zero(play, weight_decay):
    assert play.refuses(some.building("adam", weight_decay=weight_decay))
