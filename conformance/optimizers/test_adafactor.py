"""adafactor: the clauses of spec/optimizers/adafactor.md as properties of a backend."""

import math
from typing import Any

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import SetOption, TensorData

SHAPES = ((1,), (2,), (), (3,), (2, 2), (2, 3), (4,), (1, 3), (3, 1, 2), (2, 3, 2), (5,), (70,), (2, 17))
MATRICES = ((2, 2), (2, 3), (3, 2), (1, 3), (3, 1, 2), (2, 3, 2))
VECTORS = ((1,), (2,), (), (3,), (5,), (70,))
SPREADS = some.TAME  # squares at the ends of a dtype overflow: optimizer.20 permits it

POWERS = some.one_of_these(-0.8, -1.0, 0.0, -0.5, -2.0, -0.01)
EPSILONS = st.tuples(st.sampled_from([None, 1e-3, 0.0, 0.1, 1.0]), st.sampled_from([1e-3, 1.0, 0.0, 0.1]))
CLIPS = some.decimals(1.0, 3.0, 1.0, 2.0, 1.2)

SETTABLE = {
    "lr": some.TENSOR_RATES,
    "beta2_decay": POWERS,
    "eps": EPSILONS,
    "d": CLIPS,
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
        "beta2_decay": draw(POWERS),
        "eps": draw(EPSILONS),
        "d": draw(CLIPS),
        "maximize": draw(some.BOOLEANS),
    }


LARGE = some.one_of_these(2.0, 0.9, 0.01)  # learning rates, of which only the last is below those of the paper

PROGRAMS = some.optimizer_programs("adafactor", options, settable=STEADY, spreads=SPREADS, shapes=SHAPES)

relative = some.using(numbers, eps=(0.0, 1.0))  # no least root to divide by


def one(given_options: Any, shapes: Any = SHAPES, **more: Any) -> Any:
    """Programs of one parameter."""
    return some.one_parameter("adafactor", given_options, **{"spreads": SPREADS, "shapes": shapes, **more})


@given(
    some.optimizer_programs(
        "adafactor", numbers, kinds=("step", "step", "add", "reload"), steps=(2, 12), spreads=SPREADS, shapes=SHAPES
    )
)
def test_adafactor_1_each_parameter_counts_its_own_steps(play, program):
    assert play.conforms(program)


@given(one(some.using(options, lr=LARGE, weight_decay=some.DECAYS), starts=some.AWAY, steps=(2, 6)))
def test_adafactor_2_decay_has_the_learning_rate_and_comes_first(play, program):
    assert play.conforms(program)


@given(one(numbers, steps=(3, 12), starts=some.ZEROS), POWERS)
def test_adafactor_3_the_newest_squares_have_a_power_of_the_count(play, program, other):
    *before, last = program.events

    assert play.conforms(some.with_events(program, [*before, SetOption(0, "beta2_decay", other), last]))


@given(one(relative, VECTORS, steps=(2, 12), starts=some.ZEROS))
def test_adafactor_4_the_squares_of_a_vector_are_averaged(play, program):
    assert play.conforms(program)


@given(one(relative, MATRICES, steps=(2, 6), starts=some.ZEROS))
def test_adafactor_5_the_squares_of_a_matrix_are_averaged_by_rows_and_columns(play, program):
    assert play.conforms(program)


@given(one(some.using(numbers, d=3.0), MATRICES, steps=(1, 3), starts=some.ZEROS))
def test_adafactor_6_the_second_moment_is_a_product_of_factors(play, program):
    assert play.conforms(program)


@given(one(some.using(numbers, eps=EPSILONS.filter(lambda eps: eps[0])), starts=some.ZEROS))
def test_adafactor_7_the_root_is_at_least_epsilon(play, program):
    assert play.conforms(program)


@given(one(some.using(numbers, weight_decay=some.ANY_DECAYS), starts=st.sampled_from(["near", "zero", "spread"])))
def test_adafactor_8_the_step_is_relative_to_the_parameter(play, program):
    assert play.conforms(program)


@given(one(relative, steps=(2, 6), starts=some.ZEROS))
def test_adafactor_9_a_large_step_is_clipped(play, program):
    assert play.conforms(some.rising(program))


@given(one(options), some.TENSOR_RATES)
def test_adafactor_10_the_rate_of_this_step_limits_it(play, program, rate):
    *before, last = program.events

    assert play.conforms(some.with_events(program, [*before, SetOption(0, "lr", rate), last]))


@given(one(some.using(numbers, eps=(None, 1.0)), VECTORS, steps=(1, 1), starts=some.ZEROS))
def test_adafactor_11_none_is_the_machine_epsilon(play, program):
    epsilon = torch.finfo(getattr(torch, program.dtype)).eps
    small = some.reworked(program, grad=lambda data: some.changed(data, lambda value: epsilon / 4))
    named = some.having(small, eps=(epsilon, 1.0))

    assert play.agree(small, "param 0", lambda other: other.param(0), named)


@given(one(some.using(numbers, eps=(1e-3, 0.1)), VECTORS, steps=(1, 1), spreads=st.just("near"), starts=some.AWAY))
def test_adafactor_12_the_first_step_of_a_vector_has_the_size_of_the_parameter(play, program):
    grad = some.gradients(program)[0].torch(torch.float64)
    assume((grad.abs() > 1e-2).all())
    ascent = 1.0 if program.options["maximize"] else -1.0

    def stepped():
        start = some.origin(program)
        size = (start * start).mean().sqrt().clamp(min=0.1) * some.number(program, "lr").clamp(max=1.0)
        return start + ascent * size * grad.sign()

    assert play.agree(program, "param 0", stepped)


@given(one(relative, ((1, 3), (3, 1), (1, 17)), spreads=st.just("near"), dtypes=some.WIDE_DTYPES))
def test_adafactor_13_a_single_row_or_column_is_a_vector(play, program):
    assume(all(any(grad.data) for grad in some.gradients(program)))
    vector = some.reworked(program, param=flat, grad=flat)

    assert play.agree(program, "param 0", lambda other: other.param(0).reshape(found(program)), vector)


def flat(data: TensorData) -> TensorData:
    """A tensor as a vector of its elements."""
    return some.reshaped(data, lambda values: values.flatten())


def found(program: Any) -> tuple[int, ...]:
    """The shape of the first parameter."""
    shape: tuple[int, ...] = program.groups[0].params[0].shape
    return shape


@given(one(relative, dtypes=some.WIDE_DTYPES, spreads=st.just("near")), some.SCALES)
def test_adafactor_14_the_size_of_gradients_makes_no_difference(play, program, scale):
    scaled = some.reworked(program, grad=some.times(scale))

    assert play.agree(scaled, "param 0", lambda plain: plain.param(0), program)


@given(one(options, ((2, 2), (2, 3), (3, 2), (1, 3))))
def test_adafactor_15_transposing_transposes(play, program):
    other = some.reworked(program, param=turned, grad=turned)

    assert play.agree(other, "param 0", lambda plain: plain.param(0).T, program)


def turned(data: TensorData) -> TensorData:
    """A matrix transposed."""
    return some.reshaped(data, lambda matrix: matrix.T)


@given(one(some.using(numbers, lr=1.0)), st.sampled_from([1.5, 10.0]))
def test_adafactor_16_a_rate_above_one_is_one(play, program, lr):
    assert play.agree(some.having(program, lr=lr), "param 0", lambda other: other.param(0), program)


@given(one(some.using(numbers, eps=EPSILONS.filter(lambda eps: eps[0] != 0))))
def test_adafactor_17_zero_gradients_keep_the_parameter(play, program):
    assert (play(some.still(program)).param(0) == some.origin(program)).all()


@given(one(relative))
def test_adafactor_17_zero_gradients_without_epsilon_give_nan(play, program):
    assert play(some.still(program)).param(0).isnan().all()


@given(one(options), some.PLACES, some.SIGNS)
def test_adafactor_18_an_infinite_gradient_makes_its_element_nan(play, program, place, sign):
    trace = play(some.with_infinite_grad(program, place, sign))

    assert some.element(trace.param(0), place).isnan()


@given(one(numbers, VECTORS, steps=(1, 1)), some.PLACES)
def test_adafactor_19_a_nan_stays_in_its_element_of_a_vector(play, program, place):
    first = some.planted(some.gradients(program)[0], place, math.nan)
    trace = play(some.with_grads(program, [first, some.times(2.0)(some.gradients(program)[0])]))
    reached = torch.arange(trace.param(0).numel()).reshape(found(program)) == place % trace.param(0).numel()

    assert (trace.param(0).isnan()[reached]).all()
    assert program.options["eps"][0] == 0.0 or not trace.param(0).isnan()[~reached].any()


@given(
    some.optimizer_programs("adafactor", options, nones=False, groups=1, spreads=SPREADS, shapes=SHAPES), some.PLACES
)
def test_adafactor_19_agrees_with_the_reference_beside_a_nan(play, program, place):
    assert play.conforms(some.reworked(program, grad=lambda data: some.planted(data, place, math.nan)))


@given(some.NEGATIVE)
def test_adafactor_20_refuses_a_learning_rate_below_zero(play, lr):
    assert play.refuses(some.building("adafactor", lr=lr))


@given(st.sampled_from([1.0, 1e-9, math.inf, math.nan]))
def test_adafactor_21_refuses_a_power_above_zero(play, beta2_decay):
    assert play.refuses(some.building("adafactor", beta2_decay=beta2_decay))


@given(some.NEGATIVE)
def test_adafactor_22_refuses_an_epsilon_below_zero(play, eps):
    for pair in ((eps, 1e-3), (None, eps)):
        assert play.refuses(some.building("adafactor", eps=pair))


@given(st.sampled_from([0.0, 0.999, -1.0, math.nan]))
def test_adafactor_23_refuses_to_clip_below_one(play, d):
    assert play.refuses(some.building("adafactor", d=d))


@given(some.NEGATIVE)
def test_adafactor_24_refuses_a_weight_decay_below_zero(play, weight_decay):
    assert play.refuses(some.building("adafactor", weight_decay=weight_decay))
