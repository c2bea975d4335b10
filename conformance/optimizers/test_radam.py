"""radam: the clauses of spec/optimizers/radam.md as properties of a backend."""

import math
from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import SetOption

SETTABLE = {
    "lr": some.TENSOR_RATES,
    "betas": some.BETAS,
    "eps": some.EPSILONS,
    "weight_decay": some.ANY_DECAYS,
    "decoupled_weight_decay": some.BOOLEANS,
    "maximize": some.BOOLEANS,
}
STEADY = SETTABLE

# Short memories, under which the sixth to eleventh step is the first that divides, and some that never divide.
LENGTHS = some.decimals(0.6, 0.999, 0.999, 0.9, 0.8, 0.5, 0.0)
LONG_LENGTHS = some.decimals(0.8, 0.999, 0.999, 0.9)
ALWAYS_SIX = some.decimals(0.87, 0.999, 0.999, 0.9)  # those that divide at the sixth step
INFINITE_BETAS = st.tuples(st.sampled_from([0.9, 0.0, 0.99, 0.5]), st.sampled_from([0.999, 0.9]))


def options(draw: some.Draw) -> dict[str, Any]:
    """Every option."""
    return some.options(draw, **SETTABLE)


# What the laws compute with: plain numbers, no decay.
numbers = some.using(some.adam_numbers, betas=st.tuples(some.BETA1, LENGTHS))
rectified = some.using(some.adam_numbers, betas=st.tuples(some.BETA1, LONG_LENGTHS))

PROGRAMS = some.optimizer_programs("radam", options, settable=STEADY)


def length(beta2: Any, t: int) -> Any:
    """How many squares the average of `t` holds: twice their mean age less one, which cancels nothing."""
    shares = beta2 ** torch.arange(t, dtype=torch.float64)
    return 2 * (torch.arange(1, t + 1) * shares).sum() / shares.sum() - 1


def rectification(beta2: Any, t: int) -> Any:
    """What the rate of step `t` is multiplied by."""
    rho, most = length(beta2, t), 2 / (1 - beta2) - 1
    return ((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho)) ** 0.5


@given(some.decaying("radam", options, decoupled_weight_decay=False))
def test_radam_1_coupled_decay_is_added_to_the_gradient_first(play, program):
    assert play.conforms(program)


@given(some.optimizer_programs("radam", some.using(options, weight_decay=some.DECAYS, decoupled_weight_decay=True)))
def test_radam_2_decoupled_decay_acts_on_the_parameter_alone(play, program):
    assert play.conforms(program)


@given(some.optimizer_programs("radam", numbers, kinds=("step", "step", "add", "reload"), steps=(2, 12)))
def test_radam_3_each_parameter_counts_its_own_steps(play, program):
    assert play.conforms(program)


@given(some.one_parameter("radam", some.using(some.adam_numbers, betas=some.FIRST_BETAS), steps=(2, 6)))
def test_radam_4_first_moment_is_an_exponential_average(play, program):
    assert play.conforms(program)


@given(some.one_parameter("radam", some.using(rectified, betas=LONG_LENGTHS.map(lambda b: (0.9, b))), steps=(6, 12)))
def test_radam_5_second_moment_is_an_average_of_all_squares(play, program):
    assert play.conforms(program)


@given(some.changing("radam", some.adam_numbers, betas=some.FIRST_BETAS))
def test_radam_6_first_moment_is_corrected_with_the_beta_of_this_step(play, program):
    assert play.conforms(program)


@given(some.one_parameter("radam", numbers, steps=(6, 12), starts=some.ZEROS), LENGTHS)
def test_radam_7_the_length_is_that_of_the_beta_of_this_step(play, program, other):
    *before, last = program.events
    changed = SetOption(0, "betas", (program.options["betas"][0], other))

    assert play.conforms(some.with_events(program, [*before, last, changed, last]))


@given(some.one_parameter("radam", numbers, steps=(6, 12), starts=some.ZEROS, spreads=some.TAME))
def test_radam_8_nothing_is_divided_at_first(play, program):
    assert play.conforms(program)


@given(some.one_parameter("radam", rectified, steps=(6, 12), starts=some.ZEROS, spreads=some.TAME))
def test_radam_9_later_rates_are_rectified(play, program):
    assert play.conforms(program)


@given(
    some.one_parameter("radam", some.using(rectified, eps=some.EPSILONS.filter(bool)), steps=(6, 12), starts=some.ZEROS)
)
def test_radam_10_epsilon_is_outside_the_root_and_inside_the_correction(play, program):
    assert play.conforms(program)


@given(some.one_parameter("radam", rectified, steps=(6, 12)), some.TENSOR_RATES)
def test_radam_11_the_rate_of_this_step_multiplies_the_rest(play, program, rate):
    *before, last = program.events

    assert play.conforms(some.with_events(program, [*before, SetOption(0, "lr", rate), last]))


@given(
    some.one_parameter(
        "radam", some.using(numbers, weight_decay=some.ANY_DECAYS, betas=LENGTHS.map(lambda b: (0.0, b))), steps=(5, 12)
    )
)
def test_radam_12_without_first_moment_the_first_steps_are_those_of_sgd(play, program):
    always = program.options["betas"][1] < 2 / 3
    first = program if always else some.with_events(program, program.events[:5])
    same = {name: program.options[name] for name in ("lr", "weight_decay", "maximize")}
    sgd = some.as_component(first, "sgd", same)

    assert play.agree(first, "param 0", lambda other: other.param(0), sgd)


@given(
    some.one_parameter(
        "radam",
        some.using(some.adam_numbers, betas=st.tuples(some.BETA1, ALWAYS_SIX), eps=some.LARGE_EPSILONS),
        steps=(6, 12),
        starts=some.ZEROS,
        spreads=some.TAME,
    )
)
def test_radam_13_a_rectified_step_is_adams_with_another_rate(play, program):
    # The rate is zero up to the last step, so that both are at zero when they make it.
    *before, last = program.events
    beta2, t = program.options["betas"][1], len(program.events)
    lr, eps = program.options["lr"], program.options["eps"]
    held = some.with_events(some.having(program, lr=0.0), [*before, SetOption(0, "lr", lr), last])
    same = {**program.options, "lr": 0.0, "eps": eps / (1 - beta2**t) ** 0.5}
    rate = SetOption(0, "lr", lr * float(rectification(beta2, t)))
    adam = some.as_component(some.with_events(program, [*before, rate, last]), "adam", same)

    assert play.agree(held, "param 0", lambda other: other.param(0), adam)


@given(
    some.one_parameter("radam", rectified, steps=(6, 12), starts=some.ZEROS, spreads=some.TAME, dtypes=some.WIDE_DTYPES)
)
def test_radam_14_a_constant_gradient_makes_steps_of_known_length(play, program):
    grad, count = some.gradients(program)[0].torch(torch.float64), len(program.events)
    direction = -1.0 if program.options["maximize"] else 1.0

    def displacement():
        beta2 = torch.tensor(program.options["betas"][1], dtype=torch.float64)
        total = torch.zeros_like(grad)
        for t in range(1, count + 1):
            root = (1 - beta2**t) ** 0.5
            rooted = rectification(beta2, t) * grad * root / (grad.abs() * root + some.number(program, "eps"))
            total = total + (rooted if length(beta2, t) > 5 else grad)
        return -direction * some.number(program, "lr") * total

    assert play.agree(some.steady(program), "param 0", displacement)


@given(some.one_parameter("radam", some.using(numbers, weight_decay=some.DECAYS), spreads=some.TAME, starts=some.AWAY))
def test_radam_15_coupled_decay_is_an_l2_penalty(play, program):
    penalised = some.penalised(program, play(program))

    assert play.agree(program, "param 0", lambda other: other.param(0), penalised)


@given(some.one_parameter("radam", some.using(numbers, eps=some.LARGE_EPSILONS), steps=(1, 12)))
def test_radam_16_zero_gradients_keep_the_parameter(play, program):
    assert (play(some.still(program)).param(0) == some.origin(program)).all()


@given(some.one_parameter("radam", some.using(numbers, eps=0.0, betas=(0.9, 0.999)), steps=(6, 12)))
def test_radam_17_zero_gradients_without_epsilon_give_nan_from_the_sixth_step(play, program):
    trace = play(some.still(program))

    assert (trace.param(0, after=5) == some.origin(program)).all()
    assert trace.param(0, after=6).isnan().all()


@given(
    some.one_parameter("radam", some.using(numbers, betas=INFINITE_BETAS), steps=(1, 1), spreads=some.TAME),
    some.PLACES,
    some.SIGNS,
)
def test_radam_18_an_infinite_gradient_at_first_makes_its_element_infinite(play, program, place, sign):
    trace = play(some.with_infinite_grad(program, place, sign))
    against = sign if program.options["maximize"] else -sign

    assert some.element(trace.param(0), place) == against * math.inf


@given(
    some.one_parameter("radam", some.using(numbers, betas=(0.9, 0.999)), steps=(6, 12), spreads=some.TAME),
    some.PLACES,
    some.SIGNS,
)
def test_radam_18_an_infinite_gradient_later_makes_its_element_nan(play, program, place, sign):
    *before, last = some.gradients(program)
    trace = play(some.with_grads(program, [*before, some.planted(last, place, sign * math.inf)]))

    assert some.element(trace.param(0), place).isnan()


@given(
    some.one_parameter("radam", some.using(numbers, eps=some.LARGE_EPSILONS), spreads=some.TAME),
    some.PLACES,
    some.SIGNS,
)
def test_radam_19_an_infinite_element_stays_without_decay(play, program, place, sign):
    trace = play(some.with_infinite_start(program, place, sign))

    assert some.element(trace.param(0), place) == sign * math.inf


@given(some.NEGATIVE)
def test_radam_20_refuses_a_learning_rate_below_zero(play, lr):
    assert play.refuses(some.building("radam", lr=lr))


@given(some.NO_BETAS)
def test_radam_21_refuses_betas_out_of_range(play, betas):
    assert play.refuses(some.building("radam", betas=betas))


@given(some.NEGATIVE)
def test_radam_22_refuses_an_epsilon_below_zero(play, eps):
    assert play.refuses(some.building("radam", eps=eps))


@given(some.NEGATIVE)
def test_radam_23_refuses_a_weight_decay_below_zero(play, weight_decay):
    assert play.refuses(some.building("radam", weight_decay=weight_decay))
