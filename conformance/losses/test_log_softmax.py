"""log_softmax: the clauses of spec/losses/log_softmax.md as properties of a backend."""

import dataclasses
import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.losses.test_softmax import (
    EMPTY,
    FAR,
    MASKS,
    NO_AXES,
    NO_INTEGERS,
    SPECIAL,
    axis,
    balanced,
    exact_programs,
    far,
    moved,
    of_any_rank,
    of_size,
    programs,
    special_slices,
)
from torchstone.conformance.program import LossProgram, TensorData

PROGRAMS = programs("log_softmax")
BATCHES = programs("log_softmax", batch=True)


@given(PROGRAMS)
def test_log_softmax_1_agrees_with_the_reference(play, program):
    assert play.conforms(program)


@given(PROGRAMS)
def test_log_softmax_2_its_exponential_is_softmax(play, program):
    softmax = dataclasses.replace(program, component="softmax", differentiate=())

    assert play.agree(softmax, "value", lambda plain: plain.value.exp(), program)


@given(of_any_rank("log_softmax"))
def test_log_softmax_3_dim_means_what_it_means_for_softmax(play, program):
    dims = max(1, len(program.tensors["input"].shape))
    guessed = dataclasses.replace(program, options={})
    for other, along in ((program, axis(program)), (guessed, axis(guessed))):
        named = other.with_options(dim=along)
        negative = other.with_options(dim=along - dims)

        assert play.agree(other, "value", lambda named: named.value, named)
        assert play.agree(negative, "value", lambda named: named.value, named)


@given(PROGRAMS)
def test_log_softmax_4_is_at_most_zero(play, program):
    assert (play(program).value <= 0).all()


@given(programs("log_softmax", spread="wide"))
def test_log_softmax_5_finite_for_large_numbers(play, program):
    quarter = program.with_tensors(input=some.changed(program.tensors["input"], lambda x: x / 4))

    assert play(quarter).value.isfinite().all()


@given(exact_programs("log_softmax"), FAR)
def test_log_softmax_6_shifting_a_slice_changes_nothing(play, program, shift):
    by = far(program, shift)
    shifted = program.with_tensors(input=some.changed(program.tensors["input"], lambda x: x + by))

    assert play.agree(shifted, "value", lambda plain: plain.value, program)


@given(PROGRAMS)
def test_log_softmax_7_a_second_time_changes_nothing(play, program):
    again = program.with_tensors(input=some.from_torch(play(program).value))

    assert play.agree(again, "value", lambda once: once.value, program)


@given(some.DTYPES, st.sampled_from([None, 0, -1]), st.sampled_from([0.0, 1.0, -3.5, 1e4]))
def test_log_softmax_8_a_number_alone_gives_zero(play, dtype, dim, number):
    input = some.rounded(dtype, (), [number])
    trace = play(LossProgram("log_softmax", {} if dim is None else {"dim": dim}, {"input": input}, ("input",)))

    assert trace.value == 0
    assert trace.value.shape == ()
    assert trace.grad("input") == 0


@given(programs("log_softmax", min_dims=1), st.integers(0, 5))
def test_log_softmax_9_order_of_the_numbers_does_not_matter(play, program, turn):
    along = axis(program)
    turned = moved(program, lambda t: t.roll(turn, along).flip(along))

    assert play.agree(turned, "value", lambda plain: plain.value.roll(turn, along).flip(along), program)


@given(PROGRAMS)
def test_log_softmax_10_gradient(play, program):
    unit = dataclasses.replace(program, differentiate=("input",))
    u, along = some.exact_upstream(unit, unit.tensors["input"].shape), axis(unit)

    def law():
        return u - torch.softmax(unit.exact("input"), along) * u.sum(along, keepdim=True)

    assert play.agree(unit, "grad input", law)


@given(programs("log_softmax", spread="near", min_dims=1))
def test_log_softmax_10_gradient_adds_up_to_zero(play, program):
    unit = dataclasses.replace(program, differentiate=("input",))

    assert balanced(play, unit, "grad input", axis(unit), 0.0)


@given(programs("log_softmax", spread="near", plain=SPECIAL))
def test_log_softmax_11_slices_without_a_value_are_nan(play, program):
    unit = dataclasses.replace(program, differentiate=("input",))
    trace, wrong = play(unit), special_slices(unit)

    assert (trace.value.isnan() == wrong).all()
    assert (trace.grad("input").isnan() == wrong).all()


@given(programs("log_softmax", spread="near", plain=MASKS))
def test_log_softmax_11_minus_infinity_is_left_out(play, program):
    unit = dataclasses.replace(program, differentiate=("input",))
    trace, wrong = play(unit), special_slices(unit)
    masked = (unit.exact("input") == -math.inf) & ~wrong
    u = some.exact_upstream(unit, unit.tensors["input"].shape)

    assert (trace.value[masked] == -math.inf).all()
    assert (trace.grad("input")[masked] == u[masked]).all()
    assert play.conforms(unit)


@given(some.DTYPES, EMPTY)
def test_log_softmax_12_an_axis_of_length_zero(play, dtype, case):
    shape, dim = case
    options = {} if dim is None else {"dim": dim}
    trace = play(LossProgram("log_softmax", options, {"input": TensorData(dtype, shape, ())}, ("input",)))

    assert trace.value.shape == shape
    assert trace.grad("input").shape == shape


@some.every
@given(NO_INTEGERS, st.sampled_from([(2, 3), (3,), ()]))
def test_log_softmax_13_refuses_a_dim_that_is_no_integer(play, dim, shape):
    assert play.refuses(of_size(shape, dim, "log_softmax"))


@given(NO_AXES)
def test_log_softmax_14_refuses_a_dim_that_is_no_axis(play, case):
    assert play.refuses(of_size(*case, component="log_softmax"))
