"""softmax: the clauses of spec/losses/softmax.md as properties of a backend."""

import dataclasses
import math

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import LossProgram, TensorData

NO_AXES = some.one_of_these(((2, 3), 2), ((2, 3), -3), ((3,), 1), ((3,), -2), ((), 1), ((), -2), ((0, 2), 5))
NO_INTEGERS = some.one_of_these(1.0, math.nan, "last", True, 0.5, False)
EMPTY = some.one_of_these(((0,), 0), ((2, 0), 1), ((0, 3), 0), ((2, 0, 3), None), ((2, 0, 3), -2), ((0,), None))
SHIFTS = some.one_of_these(1.0, -4.0, 16.0, -1.0, 0.5)
FAR = some.one_of_these(1024.0, -4.0, 16.0, -1024.0, 0.5)  # no dtype has the exponential of 1024
WANTED = some.one_of_these(("input",), ("input",), ())
AXES = some.one_of_these(0, 1, 2, 3, None, -1, -2)


def program_of(draw, component, shape, dtype, input, dim):
    options = {} if dim is None else {"dim": dim}
    return LossProgram(component, options, {"input": input}, draw(WANTED), some.upstream(draw))


@st.composite
def programs(draw, component="softmax", *, batch=False, spread=None, plain=some.PLAIN, min_dims=0, guessed=False):
    """Numbers of zero to four dimensions and an axis of them, or none where it is the last, or else where it may be
    `guessed`; with `batch` it is not the first."""
    draw = some.Choices(draw)
    dtype, shape = draw(some.DTYPES), some.shape(draw, min_dims=2 if batch else min_dims)
    if draw(some.RARELY) and math.prod(shape) < 70:
        shape = (*shape, 2)
    dim = draw(AXES)
    if dim is not None:
        dim = dim % max(1, len(shape)) - (len(shape) if dim < 0 and shape else 0)
    if dim is None and not guessed and axis_of(dim, len(shape)) < len(shape) - 1:
        dim = axis_of(dim, len(shape))
    if batch and axis_of(dim, len(shape)) == 0:
        dim = 1
    input = some.tensor(draw, dtype, shape, spread, plain)
    return program_of(draw, component, shape, dtype, input, dim)


def of_any_rank(component):
    """Programs that mostly have the two or three dimensions in which a guess of the axis differs."""
    return st.sampled_from([3, 2, 3, 0]).flatmap(lambda dims: programs(component, min_dims=dims, guessed=True))


PROGRAMS = programs()
BATCHES = programs(batch=True)


def axis_of(dim, dims):
    """The axis that `dim` means."""
    if dim is None:
        return 0 if dims in (0, 1, 3) else 1
    return dim % max(1, dims)


def axis(program):
    return axis_of(program.options.get("dim"), len(program.tensors["input"].shape))


def slices(program):
    """The input in float64 with its slices along the last axis."""
    input = program.exact("input")
    return input.reshape(1) if input.dim() == 0 else input.movedim(axis(program), -1)


def balanced(play, program, name, along, total):
    """Whether the numbers along an axis of an output add up to a total: each is what the others leave of it."""

    def law(trace):
        found = trace.entries[0].tensors[name]
        return total - (found.sum(along, keepdim=True) - found)

    return play.agree(program, name, law, program)


def special_slices(program):
    """What each slice holds besides finite numbers: where it has no value, and where it has a -inf and a value."""
    x = program.exact("input")
    x = x.reshape(1) if x.dim() == 0 else x
    along = axis(program)
    wrong = (x.isnan() | (x == math.inf)).any(along, keepdim=True) | (x == -math.inf).all(along, keepdim=True)
    return wrong.expand(x.shape).reshape(program.exact("input").shape)


def moved(program, change):
    """The program with its input, and its upstream gradient, moved alike."""
    given = torch.tensor(program.upstream_for(math.prod(program.tensors["input"].shape)), dtype=torch.float64)
    shape = program.tensors["input"].shape
    return dataclasses.replace(
        program.with_tensors(input=some.reshaped(program.tensors["input"], change)),
        upstream=tuple(change(given.reshape(shape)).flatten().tolist()) or (1.0,),
    )


def of_size(shape, dim, component="softmax"):
    input = TensorData("float64", shape, (0.5,) * math.prod(shape))
    return LossProgram(component, {"dim": dim}, {"input": input})


@given(PROGRAMS)
def test_softmax_1_agrees_with_the_reference(play, program):
    assert play.conforms(program)


@given(PROGRAMS)
def test_softmax_2_probabilities_add_up_to_one(play, program):
    assert balanced(play, program, "value", axis(program), 1.0)


@given(PROGRAMS)
def test_softmax_3_probabilities_are_in_order(play, program):
    value = play(program).value.double()
    value = value.reshape(1) if value.dim() == 0 else value.movedim(axis(program), -1)
    order = slices(program).argsort(-1)
    ordered, x = value.gather(-1, order), slices(program).gather(-1, order)

    assert ((value >= 0) & (value <= 1)).all()
    assert ((ordered.diff() >= 0) | (x.diff() == 0)).all()


@given(of_any_rank("softmax"))
def test_softmax_4_without_dim_the_axis_is_guessed(play, program):
    guessed = dataclasses.replace(program, options={})
    assume(program.tensors["input"].shape != ())
    named = guessed.with_options(dim=axis(guessed))

    assert play.agree(guessed, "value", lambda named: named.value, named)


@given(programs(spread="wide"))
def test_softmax_5_finite_for_large_numbers(play, program):
    assert play(program).value.isfinite().all()


SMALL_EXACT = tuple(i / 4 for i in range(-12, 13))


@st.composite
def exact_programs(draw, component):
    """Multiples of 1/4 between -3 and 3, to which a small number can be added in every dtype."""
    draw = some.Choices(draw)
    dtype, shape = draw(some.DTYPES), some.shape(draw, min_dims=1)
    count = math.prod(shape)
    numbers = [SMALL_EXACT[byte % len(SMALL_EXACT)] for byte in draw(st.binary(min_size=count, max_size=count))]
    dim = draw(AXES)
    dim = None if dim is None else dim % len(shape)
    return program_of(draw, component, shape, dtype, some.data(draw, dtype, shape, numbers), dim)


def far(program, shift):
    """The shift, or as much of it as can be added to small multiples of 1/4 without rounding."""
    return shift if program.dtype in ("float64", "float32") else max(-16.0, min(16.0, shift))


@given(exact_programs("softmax"), FAR)
def test_softmax_6_shifting_a_slice_changes_nothing(play, program, shift):
    by = far(program, shift)
    shifted = program.with_tensors(input=some.changed(program.tensors["input"], lambda x: x + by))

    assert play.agree(shifted, "value", lambda plain: plain.value, program)


@given(PROGRAMS)
def test_softmax_7_negative_axes_count_from_the_last(play, program):
    dims = max(1, len(program.tensors["input"].shape))
    negative, named = program.with_options(dim=axis(program) - dims), program.with_options(dim=axis(program))

    assert play.agree(negative, "value", lambda named: named.value, named)


@given(some.DTYPES, st.sampled_from([None, 0, -1]), st.sampled_from([0.0, 1.0, -3.5, 1e4]))
def test_softmax_8_a_number_alone_has_probability_one(play, dtype, dim, number):
    input = some.rounded(dtype, (), [number])
    trace = play(LossProgram("softmax", {} if dim is None else {"dim": dim}, {"input": input}, ("input",)))

    assert trace.value == 1
    assert trace.value.shape == ()
    assert trace.grad("input") == 0


@given(programs(min_dims=1), st.integers(0, 5))
def test_softmax_9_order_of_the_numbers_does_not_matter(play, program, turn):
    along = axis(program)
    turned = moved(program, lambda t: t.roll(turn, along).flip(along))

    assert play.agree(turned, "value", lambda plain: plain.value.roll(turn, along).flip(along), program)


@given(PROGRAMS)
def test_softmax_10_gradient(play, program):
    unit = dataclasses.replace(program, differentiate=("input",))
    u, along = some.exact_upstream(unit, unit.tensors["input"].shape), axis(unit)

    def law():
        s = torch.softmax(unit.exact("input"), along)
        return s * (u - (u * s).sum(along, keepdim=True))

    assert play.agree(unit, "grad input", law)


SPECIAL = (-math.inf, 0.0, -math.inf, 1.0, -math.inf, 2.0, -math.inf, math.inf, math.nan)
MASKS = (-math.inf, 0.0, -math.inf, 1.0, -math.inf, 2.0)


@given(programs(spread="near", plain=SPECIAL))
def test_softmax_11_slices_without_a_value_are_nan(play, program):
    unit = dataclasses.replace(program, differentiate=("input",))
    trace, wrong = play(unit), special_slices(unit)

    assert (trace.value.isnan() == wrong).all()
    assert (trace.grad("input").isnan() == wrong).all()


@given(programs(spread="near", plain=MASKS))
def test_softmax_11_minus_infinity_is_left_out(play, program):
    unit = dataclasses.replace(program, differentiate=("input",))
    trace, wrong = play(unit), special_slices(unit)
    masked = (unit.exact("input") == -math.inf) & ~wrong

    assert (trace.value[masked] == 0).all()
    assert (trace.grad("input")[masked] == 0).all()
    assert play.conforms(unit)


@given(some.DTYPES, EMPTY)
def test_softmax_12_an_axis_of_length_zero(play, dtype, case):
    shape, dim = case
    options = {} if dim is None else {"dim": dim}
    trace = play(LossProgram("softmax", options, {"input": TensorData(dtype, shape, ())}, ("input",)))

    assert trace.value.shape == shape
    assert trace.grad("input").shape == shape


@some.every
@given(NO_INTEGERS, st.sampled_from([(2, 3), (3,), ()]))
def test_softmax_13_refuses_a_dim_that_is_no_integer(play, dim, shape):
    assert play.refuses(of_size(shape, dim))


@given(NO_AXES)
def test_softmax_14_refuses_a_dim_that_is_no_axis(play, case):
    assert play.refuses(of_size(*case))
