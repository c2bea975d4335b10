"""margin_ranking: the clauses of spec/losses/margin_ranking.md as properties of a backend."""

import dataclasses
import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.losses.test_l1 import special
from torchstone.conformance.losses.test_smooth_l1 import SCALES
from torchstone.conformance.losses.test_softmax import SHIFTS, SMALL_EXACT

DIFFERENTIABLE = ("input1", "input2")
# Every dtype has these numbers, so that all agree on which side of the margin a difference lies.
MARGINS = some.one_of_these(0.5, 0.0, 1.0, -2.0, -0.5, 3.0, 1, 32.0)
NO_SHAPE = (
    ((3,), (3,), (1,)),
    ((3,), (1,), (3,)),
    ((1,), (3,), (3,)),
    ((3,), (3,), ()),
    ((), (), (1,)),
    ((3,), (3,), (3, 1)),
    ((2, 3), (2, 3), (3,)),
    ((2, 3), (2, 3), (2, 1)),
    ((3,), (2,), (3,)),
    ((3,), (3,), (2,)),
)


def ties(draw, dtype, shape):
    """Two tensors whose elements are often equal, and often one margin apart."""
    input = some.tensor(draw, dtype, shape)
    return input, some.near(draw, input, (0.0, 0.5, 1.0, -0.5, -1.0, 2.0)) if draw(some.BOOLEANS) else some.tensor(
        draw, dtype, shape
    )


def moderate(draw, dtype, shape):
    """Two tensors whose numbers can be scaled without overflow."""
    return some.tensor(draw, dtype, shape, "near"), some.tensor(draw, dtype, shape, "near")


def exact(draw, dtype, shape):
    """Two tensors whose differences are exact in every dtype."""
    both = [some.picks(draw, math.prod(shape), SMALL_EXACT) for _ in range(2)]
    return tuple(some.data(draw, dtype, shape, numbers) for numbers in both)


@st.composite
def ranking_programs(draw, inputs, *, reduction=None, batch=False):
    """Two scores and labels."""
    draw = some.Choices(draw)
    dtype, shape = draw(some.DTYPES), some.shape(draw, min_dims=int(batch))
    one, two = inputs(draw, dtype, shape)
    options = {"margin": draw(MARGINS)} if draw(some.BOOLEANS) else {}
    tensors = {"input1": one, "input2": two, "target": some.labels(draw, dtype, shape)}
    return some.loss_program(draw, "margin_ranking", tensors, options, reduction=reduction, gradients=DIFFERENTIABLE)


PROGRAMS = ranking_programs(ties)
BATCHES = ranking_programs(ties, reduction="none", batch=True)
UNREDUCED = ranking_programs(ties, reduction="none")


def margin(program):
    return program.options.get("margin", 0.0)


def lead(program):
    """By how much the one that should be larger is."""
    return program.exact("target") * (program.exact("input1") - program.exact("input2"))


def both(program):
    return dataclasses.replace(program, differentiate=DIFFERENTIABLE)


def with_inputs(program, change):
    """The program with the numbers of both inputs put through a function."""
    return program.with_tensors(**{name: some.changed(program.tensors[name], change) for name in DIFFERENTIABLE})


@given(UNREDUCED)
def test_margin_ranking_1_what_is_missing_of_the_margin(play, program):
    assert play.agree(program, "value", lambda: (margin(program) - lead(program)).clamp(min=0.0))


@given(PROGRAMS)
def test_margin_ranking_1_agrees_with_the_reference(play, program):
    assert play.conforms(program)


@given(PROGRAMS)
def test_margin_ranking_2_exchanging_the_inputs_negates_the_label(play, program):
    swapped = program.with_tensors(
        input1=program.tensors["input2"],
        input2=program.tensors["input1"],
        target=some.changed(program.tensors["target"], lambda y: -y),
    )

    assert play.agree(swapped, "value", lambda plain: plain.value, program)


@given(ranking_programs(exact), SHIFTS)
def test_margin_ranking_3_shifting_both_inputs_changes_nothing(play, program, shift):
    shifted = with_inputs(program, lambda v: v + shift)

    assert play.agree(shifted, "value", lambda plain: plain.value, program)


@given(ranking_programs(moderate), SCALES)
def test_margin_ranking_4_scales_with_the_numbers(play, program, scale):
    scaled = with_inputs(program, lambda v: scale * v).with_options(margin=scale * margin(program))

    assert play.agree(scaled, "value", lambda plain: scale * plain.value, program)


@given(UNREDUCED)
def test_margin_ranking_5_the_two_labels_add_up_to_the_distance(play, program):
    plain = program.with_options(margin=0.0)
    opposite = plain.with_tensors(target=some.changed(program.tensors["target"], lambda y: -y))

    assert play.agree(opposite, "value", lambda plain: lead(program).abs() - plain.value, plain)


@given(UNREDUCED)
def test_margin_ranking_6_gradients_are_slopes(play, program):
    unit = both(program)
    trace, y = play(unit), unit.exact("target")
    u = some.exact_upstream(unit, y.shape)
    # A difference that rounding brings to the margin may lie on either side of it.
    clear = (lead(unit) - margin(unit)).abs() > 2**-6 * (unit.exact("input1").abs() + unit.exact("input2").abs())
    slope = torch.where(lead(unit) < margin(unit), -u * y, 0.0)

    assert (trace.grad("input1").double() == slope)[clear].all()
    assert (trace.grad("input2").double() == -slope)[clear].all()


@given(ranking_programs(exact, reduction="none"))
def test_margin_ranking_7_gradients_at_the_margin_are_those_of_the_line(play, program):
    y, two = program.exact("target"), program.exact("input2")
    input = some.from_torch(two + y * margin(program), program.dtype)
    unit = both(program.with_tensors(input1=input))
    trace, u = play(unit), some.exact_upstream(unit, y.shape)

    assert (trace.grad("input1").double() == -u * y).all()
    assert (trace.grad("input2").double() == u * y).all()


@given(ranking_programs(special, reduction="none"))
def test_margin_ranking_8_special_values(play, program):
    unit = both(program)
    trace, ahead = play(unit), lead(unit)
    slope = -some.exact_upstream(unit, ahead.shape) * unit.exact("target")
    lost = ahead == -math.inf

    assert (trace.value.isnan() == ahead.isnan()).all()
    assert ((trace.value == math.inf) == lost).all()
    assert (trace.value[ahead == math.inf] == 0).all()
    assert (trace.grad("input1").double() == slope)[lost].all()
    assert (trace.grad("input2").double() == -slope)[lost].all()


@given(PROGRAMS, st.sampled_from(["int64", "int32"]))
def test_margin_ranking_9_labels_may_be_integers(play, program, dtype):
    target = program.tensors["target"]
    whole = program.with_tensors(target=some.rounded(dtype, target.shape, [int(y) for y in target.data]))

    assert play.agree(whole, "value", lambda plain: plain.value, program)


@given(some.DTYPES)
def test_margin_ranking_10_refuses_tensors_of_different_shapes(play, dtype):
    for program in some.of_shapes("margin_ranking", ("input1", "input2", "target"), NO_SHAPE, dtype):
        assert play.refuses(program)
