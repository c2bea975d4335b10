"""hinge_embedding: the clauses of spec/losses/hinge_embedding.md as properties of a backend."""

import dataclasses
import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.losses.test_bce import TARGET_SHAPES
from torchstone.conformance.losses.test_smooth_l1 import SCALES
from torchstone.conformance.losses.test_softmax import SHIFTS, SMALL_EXACT
from torchstone.conformance.program import LossProgram

DIFFERENTIABLE = ("input",)
# Every dtype has these numbers, so that all agree on which side of the margin an input lies.
MARGINS = {"margin": some.one_of_these(1.0, 0.5, 2.0, 0.0, -0.5, 3.0, 1, 32.0)}
MARGIN_AND_MORE = (1.0, 0.5, 2.0, 0.0, -0.5, 3.0, 0.75, -2.0)


def pair(draw, dtype, shape):
    """Numbers of any size, some of them at a margin, and labels."""
    return some.tensor(draw, dtype, shape, plain=MARGIN_AND_MORE), some.labels(draw, dtype, shape)


def moderate(draw, dtype, shape):
    """Numbers that can be scaled without overflow, and labels."""
    return some.tensor(draw, dtype, shape, "near", MARGIN_AND_MORE), some.labels(draw, dtype, shape)


def exact(draw, dtype, shape):
    """Numbers to which small ones can be added in every dtype, and labels."""
    numbers = some.picks(draw, math.prod(shape), SMALL_EXACT)
    return some.data(draw, dtype, shape, numbers), some.labels(draw, dtype, shape)


def special(draw, dtype, shape):
    """Numbers with NaN and infinities, and labels."""
    return some.tensor(draw, dtype, shape, "near", some.SPECIAL), some.labels(draw, dtype, shape)


def hinge_programs(tensors, *, reduction=None, batch=False):
    return some.elementwise_programs(
        "hinge_embedding", tensors, numbers=MARGINS, reduction=reduction, batch=batch, gradients=DIFFERENTIABLE
    )


PROGRAMS = hinge_programs(pair)
BATCHES = hinge_programs(pair, reduction="none", batch=True)
UNREDUCED = hinge_programs(pair, reduction="none")


def margin(program):
    return program.options.get("margin", 1.0)


def alike(program):
    """Where the label is 1."""
    return program.exact("target") == 1


def labelled(program, label):
    """The program with this label everywhere."""
    return program.with_tensors(target=some.changed(some.separate(program.tensors["target"]), lambda _: label))


@given(UNREDUCED)
def test_hinge_embedding_1_pairs_that_are_alike_cost_their_distance(play, program):
    value, x = play(program).value.double(), program.exact("input")

    assert (value == x)[alike(program)].all()


@given(PROGRAMS)
def test_hinge_embedding_1_agrees_with_the_reference(play, program):
    assert play.conforms(program)


@given(UNREDUCED)
def test_hinge_embedding_2_others_cost_what_is_missing_of_the_margin(play, program):
    apart = labelled(program, -1.0)

    assert play.agree(apart, "value", lambda: (margin(program) - program.exact("input")).clamp(min=0.0))


@given(hinge_programs(moderate), SCALES)
def test_hinge_embedding_3_scales_with_the_numbers(play, program, scale):
    input = some.changed(program.tensors["input"], lambda v: scale * v)
    scaled = program.with_tensors(input=input).with_options(margin=scale * margin(program))

    assert play.agree(scaled, "value", lambda plain: scale * plain.value, program)


@given(hinge_programs(exact), SHIFTS)
def test_hinge_embedding_4_shifting_input_and_margin_changes_nothing(play, program, shift):
    apart = labelled(program, -1.0)
    input = some.changed(program.tensors["input"], lambda v: v + shift)
    shifted = apart.with_tensors(input=input).with_options(margin=margin(program) + shift)

    assert play.agree(shifted, "value", lambda plain: plain.value, apart)


@given(PROGRAMS)
def test_hinge_embedding_5_is_margin_ranking_against_zero(play, program):
    apart = labelled(program, -1.0)
    input = program.tensors["input"]
    tensors = {
        "input1": input,
        "input2": some.changed(some.separate(input), lambda _: 0.0),
        "target": some.changed(some.separate(input), lambda _: 1.0),
    }
    ranking = LossProgram("margin_ranking", {"margin": margin(program)} | _reduction(program), tensors)

    assert play.agree(apart, "value", lambda ranking: ranking.value, ranking)


def _reduction(program):
    return {name: value for name, value in program.options.items() if name == "reduction"}


@given(UNREDUCED)
def test_hinge_embedding_6_gradient_is_a_slope(play, program):
    unit = dataclasses.replace(program, differentiate=("input",))
    x, u = unit.exact("input"), some.exact_upstream(unit, some.value_shape(unit))
    slope = u * torch.where(alike(unit), 1.0, torch.where(x < margin(unit), -1.0, 0.0))
    known = alike(unit) | (x != margin(unit))

    assert (play(unit).grad("input").double() == slope)[known].all()


@given(UNREDUCED)
def test_hinge_embedding_7_gradient_at_the_margin_is_that_of_the_line(play, program):
    unit = dataclasses.replace(labelled(program, -1.0), differentiate=("input",))
    at = unit.with_tensors(input=some.changed(some.separate(unit.tensors["input"]), lambda _: margin(unit)))

    assert (play(at).grad("input").double() == -some.exact_upstream(at, some.value_shape(at))).all()


@given(hinge_programs(special, reduction="none"))
def test_hinge_embedding_8_special_values(play, program):
    unit = dataclasses.replace(program, differentiate=("input",))
    trace, x, u = play(unit), unit.exact("input"), some.exact_upstream(unit, some.value_shape(unit))
    special, lost = ~x.isfinite(), (x == -math.inf) & ~alike(unit)
    expected = torch.where(alike(unit), x, torch.where(x.isnan(), math.nan, torch.where(x > 0, 0.0, math.inf)))

    assert ((trace.value == expected) | (trace.value.isnan() & expected.isnan()))[special].all()
    assert (trace.value.isfinite() | special).all()
    assert (trace.grad("input").double() == -u)[lost].all()


@given(PROGRAMS, st.sampled_from(["int64", "int32"]))
def test_hinge_embedding_9_labels_may_be_integers(play, program, dtype):
    target = program.tensors["target"]
    whole = program.with_tensors(target=some.rounded(dtype, target.shape, [int(y) for y in target.data]))

    assert play.agree(whole, "value", lambda plain: plain.value, program)


@some.every
@given(TARGET_SHAPES, some.DTYPES)
def test_hinge_embedding_10_refuses_targets_of_another_shape(play, shapes, dtype):
    input, target = (some.rounded(dtype, shape, [1.0] * math.prod(shape)) for shape in shapes)

    assert play.refuses(LossProgram("hinge_embedding", {}, {"input": input, "target": target}))
