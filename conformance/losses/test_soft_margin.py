"""soft_margin: the clauses of spec/losses/soft_margin.md as properties of a backend."""

import dataclasses
import math

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.losses.test_bce import TARGET_SHAPES
from torchstone.conformance.program import LossProgram

DIFFERENTIABLE = ("input",)
# Answers whose exponential overflows in some dtype, or is lost beside 1.
SURE = (12.0, 20.0, 40.0, 100.0, 800.0, 1e4)


def pair(draw, dtype, shape):
    """Numbers of any size below 10, and labels."""
    return some.tensor(draw, dtype, shape, "near"), some.labels(draw, dtype, shape)


def margin_programs(*, reduction=None, batch=False):
    return some.elementwise_programs("soft_margin", pair, reduction=reduction, batch=batch, gradients=DIFFERENTIABLE)


PROGRAMS = margin_programs()
BATCHES = margin_programs(reduction="none", batch=True)
UNREDUCED = margin_programs(reduction="none")


def signed(dtype, sizes, label):
    """These numbers with both signs, all with one label."""
    numbers = [sign * size for size in sizes for sign in (1.0, -1.0)]
    tensors = {
        "input": some.rounded(dtype, (len(numbers),), numbers),
        "target": some.rounded(dtype, (len(numbers),), [label] * len(numbers)),
    }
    return LossProgram("soft_margin", {"reduction": "none"}, tensors, ("input",))


def margin(program):
    return program.exact("target") * program.exact("input")


@given(UNREDUCED)
def test_soft_margin_1_logistic_loss(play, program):
    assert play.agree(program, "value", lambda: torch.log1p(torch.exp(-margin(program))))


@given(PROGRAMS)
def test_soft_margin_1_agrees_with_the_reference(play, program):
    assert play.conforms(program)


@given(some.DTYPES, st.sampled_from([1.0, -1.0]))
def test_soft_margin_2_finite_for_large_numbers(play, dtype, label):
    program = dataclasses.replace(signed(dtype, SURE, label), differentiate=())

    assert play.conforms(program)


@given(some.DTYPES, st.sampled_from([1.0, -1.0]))
def test_soft_margin_2_right_answers_are_precise(play, dtype, label):
    sizes = (8.0, 10.0, 16.0, 20.0, 30.0, 36.0, 80.0)
    program = signed(dtype, sizes, label)
    right = program.with_tensors(
        input=some.changed(program.tensors["input"], lambda x: label * abs(x)),
    )

    assert play.agree(right, "value", lambda: torch.log1p(torch.exp(-margin(right))))


@given(UNREDUCED)
def test_soft_margin_3_is_bce_with_logits(play, program):
    # Wrong answers alone: what becomes of right ones that are sure is a matter of each of the two.
    wrong = program.with_tensors(
        input=some.from_torch(-program.exact("input").abs() * program.exact("target"), program.dtype)
    )
    target = some.changed(program.tensors["target"], lambda y: (1 + y) / 2)
    bce = dataclasses.replace(wrong.with_tensors(target=target), component="bce_with_logits")

    assert play.agree(wrong, "value", lambda bce: bce.value, bce)


@given(PROGRAMS)
def test_soft_margin_4_signs_cancel(play, program):
    opposite = program.with_tensors(
        **{name: some.changed(data, lambda v: -v) for name, data in program.tensors.items()}
    )

    assert play.agree(opposite, "value", lambda plain: plain.value, program)


@given(UNREDUCED)
def test_soft_margin_5_the_two_labels_differ_by_the_input(play, program):
    yes, no = (
        program.with_tensors(target=some.changed(some.separate(program.tensors["target"]), lambda _, y=y: y))
        for y in (1.0, -1.0)
    )

    assert play.agree(no, "value", lambda yes: yes.value + program.exact("input"), yes)


@given(UNREDUCED)
def test_soft_margin_6_gradient(play, program):
    unit = dataclasses.replace(program, differentiate=("input",))
    y, u = program.exact("target"), some.exact_upstream(program, some.value_shape(program))

    assert play.agree(unit, "grad input", lambda: -u * y * torch.sigmoid(-margin(program)))


@given(some.DTYPES, st.sampled_from([1.0, -1.0]))
def test_soft_margin_6_gradient_at_large_numbers(play, dtype, label):
    program = signed(dtype, SURE, label)

    assert play.agree(program, "grad input", lambda: -label * torch.sigmoid(-margin(program)))


@given(PROGRAMS, st.integers(0, 300))
def test_soft_margin_7_nan_gives_nan(play, program, place):
    assume(program.tensors["input"].data)
    spoiled = program.with_tensors(input=some.planted(program.tensors["input"], place, math.nan))
    value, here = play(spoiled).value, spoiled.exact("input").isnan()

    assert (value.isnan() == here).all() if value.shape == here.shape and value.dim() else value.isnan()


@given(some.DTYPES, st.sampled_from([1.0, -1.0]))
def test_soft_margin_7_infinite_answers_are_certain(play, dtype, label):
    trace = play(signed(dtype, (math.inf,), label))
    wrong = torch.tensor([label < 0, label > 0])

    assert (trace.value == torch.where(wrong, math.inf, 0.0)).all()
    assert (trace.grad("input") == torch.where(wrong, -label, 0.0)).all()


@given(PROGRAMS, st.sampled_from(["int64", "int32"]))
def test_soft_margin_8_labels_may_be_integers(play, program, dtype):
    whole = program.with_tensors(
        target=some.rounded(dtype, program.tensors["target"].shape, [int(y) for y in program.tensors["target"].data])
    )

    assert play.agree(whole, "value", lambda plain: plain.value, program)


@some.every
@given(TARGET_SHAPES, some.DTYPES)
def test_soft_margin_9_refuses_targets_of_another_shape(play, shapes, dtype):
    input, target = (some.rounded(dtype, shape, [1.0] * math.prod(shape)) for shape in shapes)

    assert play.refuses(LossProgram("soft_margin", {}, {"input": input, "target": target}))
