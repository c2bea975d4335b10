"""softmin: the clauses of spec/losses/softmin.md as properties of a backend."""

import dataclasses
import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.losses.test_softmax import (
    EMPTY,
    FAR,
    NO_AXES,
    NO_INTEGERS,
    axis,
    balanced,
    exact_programs,
    far,
    of_any_rank,
    of_size,
    programs,
)
from torchstone.conformance.program import LossProgram, TensorData

SPECIAL = (math.inf, 0.0, math.inf, 1.0, math.inf, 2.0, math.inf, -math.inf, math.nan)
MASKS = (math.inf, 0.0, math.inf, 1.0, math.inf, 2.0)
PROGRAMS = programs("softmin")
BATCHES = programs("softmin", batch=True)


def along(program, values):
    """Values of the shape of the input with its slices along the last axis."""
    return values.reshape(1) if values.dim() == 0 else values.movedim(axis(program), -1)


def without_value(program):
    """Where the slice of a number has no value: a NaN, a -inf, or nothing but infinities."""
    x = program.exact("input")
    x = x.reshape(1) if x.dim() == 0 else x
    wrong = (x.isnan() | (x == -math.inf)).any(axis(program), keepdim=True)
    return (wrong | x.isinf().all(axis(program), keepdim=True)).expand(x.shape).reshape(program.exact("input").shape)


def differentiated(program):
    return dataclasses.replace(program, differentiate=("input",))


@given(PROGRAMS)
def test_softmin_1_agrees_with_the_reference(play, program):
    assert play.conforms(program)


@given(PROGRAMS)
def test_softmin_2_is_softmax_of_the_negated_numbers(play, program):
    unit = differentiated(program)
    negated = unit.with_tensors(input=some.changed(unit.tensors["input"], lambda x: -x))
    softmax = dataclasses.replace(negated, component="softmax")

    assert play.agree(unit, "value", lambda softmax: softmax.value, softmax)
    assert play.agree(unit, "grad input", lambda softmax: -softmax.grad("input"), softmax)


@given(PROGRAMS)
def test_softmin_3_probabilities_add_up_to_one(play, program):
    assert balanced(play, program, "value", axis(program), 1.0)


@given(PROGRAMS)
def test_softmin_4_probabilities_are_in_the_opposite_order(play, program):
    value, x = along(program, play(program).value.double()), along(program, program.exact("input"))
    order = x.argsort(-1)
    ordered, rising = value.gather(-1, order), x.gather(-1, order).diff() > 0

    assert ((value >= 0) & (value <= 1)).all()
    assert ((ordered.diff() <= 0) | ~rising).all()


@given(of_any_rank("softmin"))
def test_softmin_5_dim_means_what_it_means_for_softmax(play, program):
    dims = max(1, len(program.tensors["input"].shape))
    guessed = dataclasses.replace(program, options={})
    for other, place in ((program, axis(program)), (guessed, axis(guessed))):
        named, negative = other.with_options(dim=place), other.with_options(dim=place - dims)

        assert play.agree(other, "value", lambda named: named.value, named)
        assert play.agree(negative, "value", lambda named: named.value, named)


@given(programs("softmin", spread="wide"))
def test_softmin_6_finite_for_large_numbers(play, program):
    assert play(program).value.isfinite().all()


@given(exact_programs("softmin"), FAR)
def test_softmin_7_shifting_a_slice_changes_nothing(play, program, shift):
    by = far(program, shift)
    shifted = program.with_tensors(input=some.changed(program.tensors["input"], lambda x: x + by))

    assert play.agree(shifted, "value", lambda plain: plain.value, program)


@given(some.DTYPES, st.sampled_from([None, 0, -1]), st.sampled_from([0.0, 1.0, -3.5, 1e4]))
def test_softmin_8_a_number_alone_has_probability_one(play, dtype, dim, number):
    input = some.rounded(dtype, (), [number])
    trace = play(LossProgram("softmin", {} if dim is None else {"dim": dim}, {"input": input}, ("input",)))

    assert trace.value == 1
    assert trace.value.shape == ()
    assert trace.grad("input") == 0


@given(PROGRAMS)
def test_softmin_9_gradient(play, program):
    unit, place = differentiated(program), axis(program)
    u = some.exact_upstream(unit, unit.tensors["input"].shape)

    def law():
        s = torch.softmax(-unit.exact("input"), place)
        return -s * (u - (u * s).sum(place, keepdim=True))

    assert play.agree(unit, "grad input", law)


@given(programs("softmin", spread="near", plain=SPECIAL))
def test_softmin_10_slices_without_a_value_are_nan(play, program):
    unit = differentiated(program)
    trace, wrong = play(unit), without_value(unit)

    assert (trace.value.isnan() == wrong).all()
    assert (trace.grad("input").isnan() == wrong).all()


@given(programs("softmin", spread="near", plain=MASKS))
def test_softmin_10_infinity_is_left_out(play, program):
    unit = differentiated(program)
    trace, wrong = play(unit), without_value(unit)
    masked = (unit.exact("input") == math.inf) & ~wrong

    assert (trace.value[masked] == 0).all()
    assert (trace.grad("input")[masked] == 0).all()
    assert play.conforms(unit)


@given(some.DTYPES, EMPTY)
def test_softmin_11_an_axis_of_length_zero(play, dtype, case):
    shape, dim = case
    options = {} if dim is None else {"dim": dim}
    trace = play(LossProgram("softmin", options, {"input": TensorData(dtype, shape, ())}, ("input",)))

    assert trace.value.shape == shape
    assert trace.grad("input").shape == shape


@some.every
@given(NO_INTEGERS, st.sampled_from([(2, 3), (3,), ()]))
def test_softmin_12_refuses_a_dim_that_is_no_integer(play, dim, shape):
    assert play.refuses(of_size(shape, dim, "softmin"))


@given(NO_AXES)
def test_softmin_13_refuses_a_dim_that_is_no_axis(play, case):
    assert play.refuses(of_size(*case, "softmin"))
