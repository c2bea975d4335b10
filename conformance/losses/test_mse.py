"""mse: the clauses of spec/losses/mse.md as properties of a backend."""

import math

from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.losses.test_l1 import (
    SCALES,
    SHAPES_APART,
    alike,
    apart,
    error,
    moderate,
    pair,
    repeats,
    sloped,
    special,
)
from torchstone.conformance.program import LossProgram, TensorData

PROGRAMS = some.elementwise_programs("mse", pair)
BATCHES = some.elementwise_programs("mse", alike, reduction="none", batch=True)
UNREDUCED = some.elementwise_programs("mse", pair, reduction="none")


@given(UNREDUCED)
def test_mse_1_loss_is_the_squared_error(play, program):
    assert play.agree(program, "value", lambda: error(program) ** 2)


@given(PROGRAMS)
def test_mse_1_agrees_with_the_reference(play, program):
    assert play.conforms(program)


@given(some.elementwise_programs("mse", apart))
def test_mse_2_shapes_are_repeated_to_their_common_shape(play, program):
    assert repeats(play, program)


@given(UNREDUCED)
def test_mse_3_default_is_the_mean_over_all_elements(play, program):
    unnamed = LossProgram("mse", {}, program.tensors)

    assert play.agree(unnamed, "value", lambda: (error(program) ** 2).mean())


@given(PROGRAMS)
def test_mse_4_is_symmetric(play, program):
    swapped = program.with_tensors(input=program.tensors["target"], target=program.tensors["input"])

    assert play.agree(swapped, "value", lambda plain: plain.value, program)


@given(some.elementwise_programs("mse", moderate), SCALES)
def test_mse_5_scales_with_the_square(play, program, scale):
    tensors = {name: some.changed(data, lambda v: scale * v) for name, data in program.tensors.items()}
    scaled = program.with_tensors(**tensors)

    assert play.agree(scaled, "value", lambda plain: scale**2 * plain.value, program)


@given(some.elementwise_programs("mse", moderate, reduction="sum"), st.sampled_from([1.0, 1e2, 1e4, -1e4]))
def test_mse_6_equal_numbers_give_exactly_zero(play, program, size):
    input = some.changed(program.tensors["input"], lambda v: size * v if abs(size * v) < 6e4 else v)
    equal = program.with_tensors(input=input, target=some.separate(input))

    assert play(equal).value == 0


@some.every
@given(st.sampled_from([(0,), (2, 0), (0, 3)]), some.DTYPES)
def test_mse_6_no_numbers_add_up_to_zero(play, shape, dtype):
    nothing = TensorData(dtype, shape, ())

    assert play(LossProgram("mse", {"reduction": "sum"}, {"input": nothing, "target": nothing})).value == 0


@given(UNREDUCED)
def test_mse_7_gradient_is_twice_the_error(play, program):
    assert sloped(play, program, lambda error: 2 * error)


@given(st.data())
def test_mse_8_gradient_is_finite_where_the_square_overflows(play, data):
    dtype, shape = data.draw(some.DTYPES), some.shape(data.draw)
    input = some.tensor(data.draw, dtype, shape, "wide")
    target = some.rounded(dtype, shape, [0.0] * math.prod(shape))
    program = LossProgram("mse", {"reduction": "none"}, {"input": input, "target": target}, ("input",))

    assert play.agree(program, "grad input", 2 * program.exact("input"))


@given(some.elementwise_programs("mse", alike, reduction="mean"))
def test_mse_9_a_step_shrinks_every_error_alike(play, program):
    # x - eta g has the error (1 - 2 eta / n) (x - y) for every eta just if g = 2 (x - y) / n.
    unit = LossProgram("mse", program.options, program.tensors, ("input",))

    assert play.agree(unit, "grad input", lambda: 2 * error(program) / max(1, error(program).numel()))


@given(some.elementwise_programs("mse", special, reduction="none"))
def test_mse_10_special_values(play, program):
    assert play.agree(program, "value", lambda: error(program) ** 2)


@given(some.elementwise_programs("mse", special, reduction="none"))
def test_mse_10_gradient_of_special_values(play, program):
    unit = LossProgram("mse", program.options, program.tensors, ("input", "target"))

    assert play.agree(unit, "grad input", lambda: 2 * error(program))
    assert play.agree(unit, "grad target", lambda: -2 * error(program))


@given(st.data())
def test_mse_11_integer_targets_count_as_numbers(play, data):
    dtype, shape = data.draw(some.DTYPES), some.shape(data.draw)
    input, target = some.tensor(data.draw, dtype, shape, "near"), some.indices(data.draw, shape, 7, (-3,))
    program = some.loss_program(data.draw, "mse", {"input": input, "target": target}, {})
    floating = program.with_tensors(target=some.rounded(dtype, shape, target.data))

    assert play.agree(program, "value", lambda floating: floating.value, floating)


@some.every
@given(SHAPES_APART, st.booleans(), some.DTYPES)
def test_mse_12_refuses_shapes_that_do_not_broadcast(play, shapes, swapped, dtype):
    left, right = (some.rounded(dtype, shape, [1.0] * math.prod(shape)) for shape in shapes[:: -1 if swapped else 1])

    assert play.refuses(LossProgram("mse", {}, {"input": left, "target": right}))
