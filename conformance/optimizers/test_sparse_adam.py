"""sparse_adam: the clauses of spec/optimizers/sparse_adam.md as properties of a backend."""

import dataclasses
import math
from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import AddGroup, Group, SetOption, SparseData, Step

SPARSE = True
SHAPES = tuple(shape for shape in some.SHAPES if shape)  # rows lie along the first axis
WITHIN: dict[str, Any] = {"sparse": SPARSE, "shapes": SHAPES}

SETTABLE = {
    "lr": some.TENSOR_RATES,
    "betas": some.BETAS,
    "eps": some.EPSILONS.filter(bool),
    "maximize": some.BOOLEANS,
}
STEADY = SETTABLE


def options(draw: some.Draw) -> dict[str, Any]:
    """Every option."""
    return some.options(draw, **SETTABLE)


def numbers(draw: some.Draw) -> dict[str, Any]:
    """What the laws below compute with: plain numbers."""
    return {
        "lr": draw(some.LEARNING_RATES),
        "betas": draw(some.BETAS),
        "eps": draw(SETTABLE["eps"]),
        "maximize": draw(some.BOOLEANS),
    }


PROGRAMS = some.optimizer_programs("sparse_adam", options, settable=STEADY, **WITHIN)


def stored(program, event):
    """Which rows the gradient of one event stores."""
    count = program.groups[0].params[0].shape[0]
    return torch.tensor([row in event.grads[0].rows for row in range(count)], dtype=torch.bool)


def reordered(data, order):
    """The same gradient with its rows in another order, and each of them as often as it is in that."""
    width = math.prod(data.shape[1:])
    values = [value for i in order for value in data.data[i * width : (i + 1) * width]]
    return dataclasses.replace(data, rows=tuple(data.rows[i] for i in order), data=tuple(values))


@given(some.one_parameter("sparse_adam", numbers, spreads=some.TAME, **WITHIN))
def test_sparse_adam_1_a_row_is_the_sum_of_its_values(play, program):
    def halves(grad):
        half = some.times(0.5)(grad)
        return reordered(half, [i for i in range(len(grad.rows)) for _ in range(2)])

    twice = some.reworked(program, grad=halves)

    assert play.agree(twice, "param 0", lambda once: once.param(0), program)


@given(
    some.one_parameter(
        "sparse_adam", some.using(numbers, eps=some.LARGE_EPSILONS), steps=(3, 6), spreads=some.TAME, **WITHIN
    )
)
def test_sparse_adam_2_what_is_not_stored_stays(play, program):
    trace = play(program)
    for index, event in enumerate(program.events):
        left = ~stored(program, event)
        assert torch.equal(trace.param(0, after=index + 1)[left], trace.param(0, after=index)[left])
    assert play.conforms(program)


@given(some.one_parameter("sparse_adam", some.using(numbers, betas=some.FIRST_BETAS), steps=(2, 6), **WITHIN))
def test_sparse_adam_3_first_moment_is_an_average_of_stored_gradients(play, program):
    assert play.conforms(program)


@given(some.one_parameter("sparse_adam", some.using(numbers, betas=some.SECOND_BETAS), steps=(2, 6), **WITHIN))
def test_sparse_adam_4_second_moment_is_an_average_of_stored_squares(play, program):
    assert play.conforms(program)


@given(
    some.optimizer_programs(
        "sparse_adam", numbers, kinds=("step", "step", "add", "reload"), steps=(2, 12), spreads=some.TAME, **WITHIN
    )
)
def test_sparse_adam_5_each_parameter_counts_its_own_steps(play, program):
    assert play.conforms(program)


@given(
    some.optimizer_programs(
        "sparse_adam",
        numbers,
        settable={"betas": some.BETAS, "lr": some.TENSOR_RATES},
        kinds=("step", "set"),
        groups=1,
        steps=(2, 12),
        **WITHIN,
    )
)
def test_sparse_adam_6_the_rate_is_corrected_with_the_betas_of_this_step(play, program):
    assert play.conforms(program)


@given(some.one_parameter("sparse_adam", numbers, starts=some.ZEROS, **WITHIN))
def test_sparse_adam_7_epsilon_is_added_to_the_root_without_correction(play, program):
    assert play.conforms(program)


@given(some.one_parameter("sparse_adam", numbers, steps=(2, 6), starts=some.ZEROS, spreads=some.TAME, **WITHIN))
def test_sparse_adam_8_a_stored_zero_is_a_gradient_of_zero(play, program):
    first, *others = some.gradients(program)
    every = some.stored(some.from_torch(first.torch(torch.float64).to_dense(), program.dtype))

    assert play.conforms(some.with_grads(program, [every, *map(some.times(0.0), others)]))


@given(some.one_parameter("sparse_adam", options, spreads=some.TAME, **WITHIN), st.randoms(use_true_random=False))
def test_sparse_adam_9_the_order_of_rows_makes_no_difference(play, program, random):
    def shuffled(grad):
        order = list(range(len(grad.rows)))
        random.shuffle(order)
        return reordered(grad, order)

    other = some.reworked(program, grad=shuffled)

    assert play.agree(other, "param 0", lambda plain: plain.param(0), program)


@given(some.one_parameter("sparse_adam", numbers, spreads=some.TAME, **WITHIN))
def test_sparse_adam_10_with_every_row_stored_it_is_adam_with_another_epsilon(play, program):
    dense = [some.from_torch(grad.torch(torch.float64).to_dense(), program.dtype) for grad in some.gradients(program)]
    sparse = some.with_grads(program, [some.stored(grad) for grad in dense])
    eps, beta2 = program.options["eps"], program.options["betas"][1]
    events = []
    for t, grad in enumerate(dense, 1):
        events += [SetOption(0, "eps", eps / (1 - beta2**t) ** 0.5), Step((grad,))]
    adam = some.as_component(some.with_events(program, events), "adam", program.options)

    assert play.agree(sparse, "param 0", lambda other: other.param(0), adam)


@given(some.one_parameter("sparse_adam", numbers, spreads=some.TAME, **WITHIN), some.SCALES)
def test_sparse_adam_11_scaling_gradients_and_epsilon_changes_nothing(play, program, scale):
    assert play.agree(some.scaled(program, scale), "param 0", lambda plain: plain.param(0), program)


@given(
    some.one_parameter(
        "sparse_adam", some.using(numbers, eps=some.LARGE_EPSILONS), steps=(2, 6), spreads=some.TAME, **WITHIN
    )
)
def test_sparse_adam_12_a_gradient_that_stores_nothing_is_counted(play, program):
    *before, last = program.events
    shape = program.groups[0].params[0].shape
    nothing = Step((SparseData(program.dtype, shape, (), ()),))
    counted = some.with_events(program, [*before, nothing, last])
    trace = play(counted)

    assert torch.equal(trace.param(0, after=-2), trace.param(0, after=-3))
    assert play.conforms(counted)


@given(some.one_parameter("sparse_adam", some.using(options, eps=some.LARGE_EPSILONS), **WITHIN))
def test_sparse_adam_13_zero_gradients_keep_the_parameter(play, program):
    assert (play(some.still(program)).param(0) == some.origin(program)).all()


@given(some.one_parameter("sparse_adam", options, **WITHIN), some.PLACES, some.SIGNS)
def test_sparse_adam_14_an_infinite_gradient_makes_its_element_nan(play, program, place, sign):
    trace = play(some.with_infinite_grad(program, place, sign))

    assert some.element(trace.param(0), place).isnan()


@given(
    some.one_parameter("sparse_adam", some.using(options, eps=some.LARGE_EPSILONS), spreads=some.TAME, **WITHIN),
    some.PLACES,
    some.SIGNS,
)
def test_sparse_adam_15_an_infinite_element_stays(play, program, place, sign):
    trace = play(some.with_infinite_start(program, place, sign))

    assert some.element(trace.param(0), place) == sign * math.inf


NOT_POSITIVE = st.one_of(some.NEGATIVE, st.sampled_from([0.0, some.as_tensor(0.0)]))


@given(NOT_POSITIVE)
def test_sparse_adam_16_refuses_a_learning_rate_of_zero_or_below(play, lr):
    assert play.refuses(some.building("sparse_adam", lr=lr))


@given(some.NO_BETAS)
def test_sparse_adam_17_refuses_betas_out_of_range(play, betas):
    assert play.refuses(some.building("sparse_adam", betas=betas))


@given(NOT_POSITIVE)
def test_sparse_adam_18_refuses_an_epsilon_of_zero_or_below(play, eps):
    assert play.refuses(some.building("sparse_adam", eps=eps))


@given(some.one_parameter("sparse_adam", options, **WITHIN), st.integers(0, 99))
def test_sparse_adam_19_refuses_a_dense_gradient(play, program, place):
    grads = some.gradients(program)
    place %= len(grads)
    grads[place] = some.from_torch(grads[place].torch(torch.float64).to_dense(), program.dtype)

    assert play.refuses(some.with_grads(program, grads), after=place + 1)


@given(some.one_parameter("sparse_adam", options, steps=(1, 1), **WITHIN), some.BOOLEANS)
def test_sparse_adam_20_refuses_a_sparse_parameter(play, program, late):
    sparse = Group((some.gradients(program)[0],))
    if late:
        assert play.refuses(some.with_events(program, [AddGroup(sparse)]), after=1)
    else:
        assert play.refuses(dataclasses.replace(program, groups=(*program.groups, sparse), events=()))
