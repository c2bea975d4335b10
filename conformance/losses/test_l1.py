"""l1: the clauses of spec/losses/l1.md as properties of a backend."""

import math
from functools import partial

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import LossProgram

SCALES = some.one_of_these(2.0, -1.0, 0.5, -4.0, 0.0)
SHAPES_APART = some.one_of_these(((2,), (3,)), ((2, 3), (2,)), ((2, 3), (3, 2)), ((0,), (2,)), ((2, 1, 3), (2, 2, 2)))


def pair(draw, dtype, shape):
    """Two tensors, at times of shapes that broadcast to this one, at times with many elements that are equal."""
    if draw(some.RARELY):
        shapes = some.repeatable_pair(draw, shape)
        return some.tensor(draw, dtype, shapes[0]), some.tensor(draw, dtype, shapes[1])
    input = some.tensor(draw, dtype, shape)
    return input, some.near(draw, input) if draw(some.BOOLEANS) else some.tensor(draw, dtype, shape)


def apart(draw, dtype, shape):
    """Two tensors of shapes that broadcast to this one."""
    return tuple(some.tensor(draw, dtype, each) for each in some.repeatable_pair(draw, shape))


def alike(draw, dtype, shape):
    """Two tensors of this shape."""
    input = some.tensor(draw, dtype, shape)
    return input, some.near(draw, input) if draw(some.BOOLEANS) else some.tensor(draw, dtype, shape)


def moderate(draw, dtype, shape):
    """Two tensors whose numbers can be scaled without overflow."""
    return some.tensor(draw, dtype, shape, "near"), some.tensor(draw, dtype, shape, "near")


def special(draw, dtype, shape):
    """Two tensors with NaN, infinities and zeros of both signs, which often meet their like."""
    count = math.prod(shape)
    one, two = (
        some.picks(draw, count, some.SPECIAL)
        if draw(some.BOOLEANS)
        else some.numbers(draw, count, dtype, "near", some.SPECIAL)
        for _ in range(2)
    )
    if draw(some.BOOLEANS):
        two = [b if place % 2 else a for place, (a, b) in enumerate(zip(one, two, strict=True))]
    return some.data(draw, dtype, shape, one), some.data(draw, dtype, shape, two)


def repeats(play, program):
    """Whether its value and gradients are those of tensors of the common shape: where one was repeated, its gradient
    is the sum over its copies."""
    common = some.value_shape(program)
    copies = {name: some.reshaped(data, lambda t: t.expand(common)) for name, data in program.tensors.items()}
    whole = program.with_tensors(**copies)

    def law(trace, name):
        return trace.grad(name).sum_to_size(program.tensors[name].shape)

    return play.agree(program, "value", lambda whole: whole.value, whole) and all(
        play.agree(program, f"grad {name}", partial(law, name=name), whole) for name in program.differentiate
    )


PROGRAMS = some.elementwise_programs("l1", pair)
BATCHES = some.elementwise_programs("l1", alike, reduction="none", batch=True)
UNREDUCED = some.elementwise_programs("l1", pair, reduction="none")


def error(program):
    return program.exact("input") - program.exact("target")


def sloped(play, program, slope):
    """Whether the gradients are a function of the error: the input's that, and the target's the opposite."""

    def law(name):
        slopes = slope(error(program)) * some.exact_upstream(program, some.value_shape(program))
        return (slopes if name == "input" else -slopes).sum_to_size(program.tensors[name].shape)

    play(program)
    return all(play.agree(program, f"grad {name}", partial(law, name)) for name in program.differentiate)


@given(UNREDUCED)
def test_l1_1_loss_is_the_absolute_error(play, program):
    assert play.agree(program, "value", lambda: error(program).abs())


@given(PROGRAMS)
def test_l1_1_agrees_with_the_reference(play, program):
    assert play.conforms(program)


@given(some.elementwise_programs("l1", apart))
def test_l1_2_shapes_are_repeated_to_their_common_shape(play, program):
    assert repeats(play, program)


@given(some.elementwise_programs("l1", apart, reduction="mean"))
def test_l1_3_mean_divides_by_the_elements_of_the_common_shape(play, program):
    assert play.agree(program, "value", lambda: error(program).abs().mean())


@given(PROGRAMS)
def test_l1_4_is_symmetric(play, program):
    swapped = program.with_tensors(input=program.tensors["target"], target=program.tensors["input"])

    assert play.agree(swapped, "value", lambda plain: plain.value, program)


@given(some.elementwise_programs("l1", moderate), SCALES)
def test_l1_5_scales_with_the_numbers(play, program, scale):
    tensors = {name: some.changed(data, lambda v: scale * v) for name, data in program.tensors.items()}
    scaled = program.with_tensors(**tensors)

    assert play.agree(scaled, "value", lambda plain: abs(scale) * plain.value, program)


@given(UNREDUCED)
def test_l1_6_gradient_is_the_sign_of_the_error(play, program):
    assert sloped(play, program, torch.sign)


@given(PROGRAMS)
def test_l1_7_gradient_is_zero_at_a_tie(play, program):
    target = some.separate(program.tensors["input"])
    tied = program.with_tensors(target=target)
    trace = play(tied)

    assert all((trace.grad(name) == 0).all() for name in tied.differentiate)


@given(st.data())
def test_l1_8_gradient_does_not_depend_on_the_size_of_the_error(play, data):
    dtype, shape = data.draw(some.DTYPES), some.shape(data.draw)
    input = some.tensor(data.draw, dtype, shape, "wide")
    target = some.rounded(dtype, shape, [0.0] * math.prod(shape))
    program = LossProgram("l1", {"reduction": "none"}, {"input": input, "target": target}, ("input",))

    assert (play(program).grad("input") == program.exact("input").sign()).all()


@given(some.elementwise_programs("l1", special, reduction="none"))
def test_l1_9_special_values(play, program):
    assert play.agree(program, "value", lambda: error(program).abs())


@given(some.elementwise_programs("l1", special, reduction="none"))
def test_l1_9_gradient_at_an_infinity(play, program):
    trace = play(program)
    if "input" in program.differentiate:
        slope = error(program).sign() * some.exact_upstream(program, trace.value.shape)
        far = trace.value.isinf()

        assert (trace.grad("input")[far] == slope[far]).all()


@given(st.data())
def test_l1_11_integer_targets_count_as_numbers(play, data):
    dtype, shape = data.draw(some.DTYPES), some.shape(data.draw)
    input, target = some.tensor(data.draw, dtype, shape, "near"), some.indices(data.draw, shape, 7, (-3,))
    program = some.loss_program(data.draw, "l1", {"input": input, "target": target}, {})
    floating = program.with_tensors(target=some.rounded(dtype, shape, target.data))

    assert play.agree(program, "value", lambda floating: floating.value, floating)


@some.every
@given(SHAPES_APART, st.booleans(), some.DTYPES)
def test_l1_12_refuses_shapes_that_do_not_broadcast(play, shapes, swapped, dtype):
    left, right = (some.rounded(dtype, shape, [1.0] * math.prod(shape)) for shape in shapes[:: -1 if swapped else 1])

    assert play.refuses(LossProgram("l1", {}, {"input": left, "target": right}))
