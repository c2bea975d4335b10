"""adam: the clauses of spec/optimizers/adam.md as properties of a backend."""

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import SetOption

DECAY = some.decimals(0.0, 1.0, 0.01, 0.1, 0.0)

SETTABLE = {
    "lr": some.TENSOR_RATES,
    "betas": some.BETAS,
    "eps": some.EPSILONS,
    "weight_decay": DECAY,
    "maximize": some.BOOLEANS,
    "amsgrad": some.BOOLEANS,
    "decoupled_weight_decay": some.BOOLEANS,
}
# What a parameter's first step was without may be switched on later: the tests of optimizer.5 and adam.17 do that.
STEADY = {name: choice for name, choice in SETTABLE.items() if name != "amsgrad"}


def options(draw: some.Draw, **fixed: Any) -> dict[str, Any]:
    """Every option, but for those that are fixed."""
    return {**some.options(draw, **SETTABLE), **fixed}


def numbers(draw: some.Draw, **fixed: Any) -> dict[str, Any]:
    """What the laws below compute with: plain numbers, no decay."""
    return {
        "lr": draw(some.LEARNING_RATES),
        "betas": draw(some.BETAS),
        "eps": draw(some.EPSILONS),
        "maximize": draw(some.BOOLEANS),
        **fixed,
    }


PROGRAMS = some.optimizer_programs("adam", options, settable=STEADY)


@given(
    some.optimizer_programs(
        "adam", lambda draw: options(draw, weight_decay=draw(some.DECAYS), decoupled_weight_decay=False)
    )
)
def test_adam_1_coupled_decay_is_added_to_the_gradient_first(play, program):
    assert play.conforms(program)


@given(
    some.optimizer_programs(
        "adam", lambda draw: options(draw, weight_decay=draw(some.DECAYS), decoupled_weight_decay=True)
    )
)
def test_adam_2_decoupled_decay_acts_on_the_parameter_alone(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adam", lambda draw: numbers(draw, betas=(draw(some.BETA1), 0.999)), steps=(2, 6)))
def test_adam_3_first_moment_is_an_exponential_average(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adam", lambda draw: numbers(draw, betas=(0.0, draw(some.BETA2))), steps=(2, 6)))
def test_adam_4_second_moment_is_an_exponential_average_of_squares(play, program):
    assert play.conforms(program)


@given(some.optimizer_programs("adam", numbers, kinds=("step", "step", "add", "reload"), steps=(2, 12)))
def test_adam_5_each_parameter_counts_its_own_steps(play, program):
    assert play.conforms(program)


@given(
    some.optimizer_programs(
        "adam",
        numbers,
        settable={"betas": some.BETA1.map(lambda beta1: (beta1, 0.999))},
        kinds=("step", "set"),
        groups=1,
        steps=(2, 12),
    )
)
def test_adam_6_first_moment_is_corrected_with_the_beta_of_this_step(play, program):
    assert play.conforms(program)


@given(
    some.optimizer_programs(
        "adam",
        lambda draw: numbers(draw, amsgrad=draw(some.BOOLEANS)),
        settable={"betas": some.BETA2.map(lambda beta2: (0.9, beta2))},
        kinds=("step", "set"),
        groups=1,
        steps=(2, 12),
    )
)
def test_adam_7_second_moment_is_corrected_with_the_beta_of_this_step(play, program):
    assert play.conforms(program)


@given(
    some.one_parameter(
        "adam",
        lambda draw: numbers(draw, amsgrad=True, betas=(0.0, draw(st.sampled_from([0.0, 0.5, 0.9])))),
        steps=(2, 6),
    )
)
def test_adam_8_the_maximum_is_taken_before_the_correction(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adam", lambda draw: numbers(draw, eps=draw(some.EPSILONS.filter(bool))), starts=some.ZEROS))
def test_adam_9_epsilon_is_outside_the_root_and_the_correction(play, program):
    assert play.conforms(program)


@given(some.one_parameter("adam", numbers, steps=(1, 1), starts=some.ZEROS, spreads=some.TAME, dtypes=some.WIDE_DTYPES))
def test_adam_10_first_step_does_not_depend_on_the_betas(play, program):
    assert play.agree(program, "param 0", -some.normalised(program))


@given(some.one_parameter("adam", numbers, starts=some.ZEROS, spreads=some.TAME, dtypes=some.WIDE_DTYPES))
def test_adam_11_a_constant_gradient_makes_equal_steps(play, program):
    steady = some.with_grads(program, [program.events[0].grads[0]] * len(program.events))

    assert play.agree(steady, "param 0", -len(program.events) * some.normalised(program))


@given(some.one_parameter("adam", numbers, spreads=some.TAME), st.sampled_from([0.5, 2.0, 0.25, 8.0]))
def test_adam_12_scaling_gradients_and_epsilon_changes_nothing(play, program, scale):
    scaled = some.having(some.reworked(program, grad=some.times(scale)), eps=scale * program.options["eps"])

    assert play.agree(scaled, "param 0", play(program).param(0), also=(program,))


@given(some.one_parameter("adam", numbers, spreads=some.TAME))
def test_adam_13_amsgrad_does_nothing_while_the_moment_rises(play, program):
    rising = some.rising(program)
    ams = some.having(rising, amsgrad=True)

    assert play.agree(ams, "param 0", play(rising).param(0), also=(rising,))


@given(some.one_parameter("adam", lambda draw: options(draw, decoupled_weight_decay=True, weight_decay=draw(DECAY))))
def test_adam_14_decoupled_decay_makes_it_adamw(play, program):
    same = {name: value for name, value in program.options.items() if name != "decoupled_weight_decay"}
    adamw = some.as_component(program, "adamw", same)

    assert play.agree(program, "param 0", play(adamw).param(0), also=(adamw,))


@given(
    some.one_parameter(
        "adam", lambda draw: numbers(draw, weight_decay=draw(some.DECAYS)), spreads=some.TAME, starts=some.AWAY
    )
)
def test_adam_15_coupled_decay_is_an_l2_penalty(play, program):
    decay = program.options["weight_decay"] * (-1 if program.options["maximize"] else 1)
    penalised = some.having(some.penalised(program, play(program), decay), weight_decay=0.0)

    assert play.agree(program, "param 0", play(penalised).param(0), also=(penalised,))


@given(some.one_parameter("adam", lambda draw: numbers(draw, betas=(0.0, draw(some.BETA2))), spreads=some.TAME))
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

    assert play.agree(adam, "param 0", play(rmsprop).param(0), also=(rmsprop,))


@given(
    some.one_parameter(
        "adam", lambda draw: numbers(draw, betas=(0.9, 0.5), eps=draw(some.LARGE_EPSILONS)), steps=(3, 6)
    ),
    some.SWITCHES,
)
def test_adam_17_the_maximum_waits_while_amsgrad_is_off(play, program, switches):
    assert play.conforms(some.switching(program, "amsgrad", switches))


@given(
    some.one_parameter("adam", lambda draw: numbers(draw, eps=draw(some.LARGE_EPSILONS), amsgrad=draw(some.BOOLEANS)))
)
def test_adam_18_zero_gradients_keep_the_parameter(play, program):
    still = some.reworked(program, grad=some.times(0.0))

    assert (play(still).param(0) == program.groups[0].params[0].torch()).all()


@given(some.one_parameter("adam", lambda draw: numbers(draw, eps=0.0, amsgrad=draw(some.BOOLEANS))))
def test_adam_19_zero_gradients_without_epsilon_give_nan(play, program):
    assert play(some.reworked(program, grad=some.times(0.0))).param(0).isnan().all()


@given(some.one_parameter("adam", options), some.PLACES, some.SIGNS)
def test_adam_20_an_infinite_gradient_makes_its_element_nan(play, program, place, sign):
    first, *others = (event.grads[0] for event in program.events)
    infinite = some.with_grads(program, [some.planted(first, place, sign * math.inf), *others])
    reached = play(infinite).param(0).flatten()

    assert reached[place % len(reached)].isnan()


@given(
    some.one_parameter(
        "adam", lambda draw: options(draw, weight_decay=0.0, eps=draw(some.LARGE_EPSILONS)), spreads=some.TAME
    ),
    some.PLACES,
    some.SIGNS,
)
def test_adam_21_an_infinite_element_stays_without_decay(play, program, place, sign):
    infinite = some.reworked(program, param=lambda data: some.planted(data, place, sign * math.inf))
    kept = play(infinite).param(0).flatten()

    assert kept[place % len(kept)] == sign * math.inf


@given(some.NEGATIVE)
def test_adam_22_refuses_a_learning_rate_below_zero(play, lr):
    assert play.refuses(some.building("adam", lr=lr))


@given(st.sampled_from([-0.1, 1.0, 2.0, math.nan, -math.inf]), some.BOOLEANS)
def test_adam_23_refuses_betas_out_of_range(play, beta, first):
    assert play.refuses(some.building("adam", betas=(beta, 0.9) if first else (0.9, beta)))


@given(some.NEGATIVE)
def test_adam_24_refuses_an_epsilon_below_zero(play, eps):
    assert play.refuses(some.building("adam", eps=eps))


@given(some.NEGATIVE)
def test_adam_25_refuses_a_weight_decay_below_zero(play, weight_decay):
    assert play.refuses(some.building("adam", weight_decay=weight_decay))
