"""bce_with_logits: the clauses of spec/losses/bce_with_logits.md as properties of a backend."""

import dataclasses
import math

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.losses.test_bce import NO_REPEATS, TARGET_SHAPES, _fits, both, small, table, weight
from torchstone.conformance.program import LossProgram

TARGETS = (0.0, 1.0, 0.5, 0.25, 0.75)
WEIGHTS = ("weight", "pos_weight")
NO = (-0.5, -1.0, -4.0, -10.0, -16.0, -20.0, -30.0, -36.0, -80.0)


def targets(draw, dtype, shape):
    """Targets that are 0, 1 and a few in between."""
    raw = draw(st.binary(min_size=math.prod(shape), max_size=math.prod(shape)))
    return some.data(draw, dtype, shape, [TARGETS[byte % len(TARGETS)] for byte in raw])


def pair(draw, dtype, shape):
    """Any logits, and targets in [0, 1]."""
    return some.tensor(draw, dtype, shape), targets(draw, dtype, shape)


def moderate(draw, dtype, shape):
    """Logits of about one, and targets in [0, 1]."""
    return some.tensor(draw, dtype, shape, "near"), targets(draw, dtype, shape)


def likely(draw, dtype, shape):
    """Any logits, and targets of at least a quarter where the logit is negative."""
    input = some.tensor(draw, dtype, shape)
    raw = draw(st.binary(min_size=math.prod(shape), max_size=math.prod(shape)))
    likely = [TARGETS[1 + byte % 4] if x < 0 else TARGETS[byte % 5] for byte, x in zip(raw, input.data, strict=True)]
    return input, some.rounded(dtype, shape, likely)


def wrong(draw, dtype, shape):
    """Any logits, and targets that are not 0 where the logit is negative and not 1 where it is positive."""
    input = some.tensor(draw, dtype, shape)
    raw = draw(st.binary(min_size=math.prod(shape), max_size=math.prod(shape)))
    far = [(1.0 if x < 0 else 0.0, 0.5, 0.25, 0.75)[byte % 4] for byte, x in zip(raw, input.data, strict=True)]
    return input, some.rounded(dtype, shape, far)


def any_targets(draw, dtype, shape):
    """Logits of about one, and any targets."""
    return some.tensor(draw, dtype, shape, "near"), some.tensor(draw, dtype, shape, "near")


def logits_programs(tensors, *, reduction=None, batch=False, weights=WEIGHTS):
    return some.elementwise_programs("bce_with_logits", tensors, weights=weights, reduction=reduction, batch=batch)


PROGRAMS = logits_programs(pair)
BATCHES = logits_programs(pair, reduction="none", batch=True)


def pos_weight(program):
    """The positive weights in float64, repeated to the shape of the input."""
    return weight(dataclasses.replace(program, options={"weight": program.options.get("pos_weight")}))


def without(program, *names):
    return dataclasses.replace(program, options={k: v for k, v in program.options.items() if k not in names})


def constant(data, value):
    return some.changed(some.separate(data), lambda _: value)


@given(logits_programs(likely))
def test_bce_with_logits_1_value_agrees_with_the_reference(play, program):
    assert play.conforms(dataclasses.replace(program, differentiate=()))


@given(some.DTYPES)
def test_bce_with_logits_1_value_of_a_no_that_is_right(play, dtype):
    program = table(dtype, NO, (0.0,), "bce_with_logits")

    assert play.agree(program, "value", lambda: torch.log1p(program.exact("input").exp()))


@given(some.elementwise_programs("bce_with_logits", pair, reduction="none"))
def test_bce_with_logits_2_finite_for_large_logits(play, program):
    half = program.with_tensors(input=some.changed(program.tensors["input"], lambda x: x / 2))

    assert play(half).value.isfinite().all()


@given(logits_programs(moderate, reduction="none"), st.booleans())
def test_bce_with_logits_3_positive_weights_multiply_the_positive_term(play, program, yes):
    assume("pos_weight" in program.options)
    certain = program.with_tensors(target=constant(program.tensors["target"], float(yes)))
    bare = without(certain, "pos_weight")
    factor = pos_weight(program) if yes else 1.0

    assert play.agree(certain, "value", lambda bare: factor * bare.value, bare)


@given(PROGRAMS)
def test_bce_with_logits_3_positive_weights_are_repeated(play, program):
    assert _repeated(play, program, "pos_weight")


@given(PROGRAMS)
def test_bce_with_logits_4_weights_are_repeated(play, program):
    assert _repeated(play, program, "weight")


def _repeated(play, program, name):
    assume(name in program.options)
    shape = program.tensors["input"].shape
    whole = program.with_options(**{name: some.reshaped(program.options[name], lambda w: w.expand(shape))})
    return play.agree(program, "value", lambda whole: whole.value, whole)


@given(logits_programs(moderate, reduction="none"))
def test_bce_with_logits_4_weights_multiply_the_loss_of_each_element(play, program):
    bare = without(program, "weight")

    assert play.agree(program, "value", lambda bare: weight(program) * bare.value, bare)


@given(logits_programs(moderate, reduction="mean"))
def test_bce_with_logits_5_mean_divides_by_the_number_of_elements(play, program):
    total = program.with_options(reduction="sum")
    count = math.prod(program.tensors["input"].shape)

    assert play.agree(program, "value", lambda total: total.value / count, total)


@given(some.elementwise_programs("bce_with_logits", likely, reduction="none"), st.sampled_from([None, 2.0, 0.5, 0.0]))
def test_bce_with_logits_6_is_cross_entropy_of_two_classes(play, program, positive):
    assert _is_cross_entropy(play, program, positive)


@given(some.DTYPES)
def test_bce_with_logits_6_is_cross_entropy_of_two_classes_where_a_no_is_right(play, dtype):
    assert _is_cross_entropy(play, table(dtype, NO, (0.0,), "bce_with_logits"), None)


def _is_cross_entropy(play, program, positive):
    """Whether the program with this positive weight gives what cross entropy of two classes gives."""
    shape = program.tensors["input"].shape
    x, y = program.exact("input").flatten(), program.exact("target").flatten()
    options = {"reduction": "none"}
    tensors = {
        "input": some.from_torch(torch.stack([x, torch.zeros_like(x)], 1), program.dtype),
        "target": some.from_torch(torch.stack([y, 1 - y], 1), program.dtype),
    }
    if positive is not None:
        options["weight"] = some.rounded(program.dtype, (2,), [positive, 1.0])
        program = program.with_options(pos_weight=some.rounded(program.dtype, (), [positive]))
    entropy = LossProgram("cross_entropy", options, tensors)
    return play.agree(program, "value", lambda entropy: entropy.value.reshape(shape), entropy)


@given(PROGRAMS)
def test_bce_with_logits_7_is_bce_of_the_sigmoid(play, program):
    even = without(program, "pos_weight").with_tensors(input=constant(program.tensors["input"], 0.0))
    bce = dataclasses.replace(
        even.with_tensors(input=constant(program.tensors["input"], 0.5)), component="bce", differentiate=()
    )

    assert play.agree(even, "value", lambda bce: bce.value, bce)


@given(logits_programs(wrong, weights=("weight",)))
def test_bce_with_logits_8_yes_and_no_are_alike(play, program):
    other = _opposite(program)

    assert play.agree(other, "value", lambda plain: plain.value, program)


@given(some.DTYPES)
def test_bce_with_logits_8_yes_and_no_are_alike_where_they_are_right(play, dtype):
    program = table(dtype, NO, (0.0,), "bce_with_logits")

    assert play.agree(program, "value", lambda other: other.value, _opposite(program))


def _opposite(program):
    return program.with_tensors(
        input=some.changed(program.tensors["input"], lambda x: -x),
        target=some.changed(program.tensors["target"], lambda y: 1 - y),
    )


@given(logits_programs(any_targets, reduction="none"), st.sampled_from([2.0, 0.5, -1.0]))
def test_bce_with_logits_9_is_affine_in_the_target(play, program, share):
    yes, no = (program.with_tensors(target=constant(program.tensors["target"], value)) for value in (1.0, 0.0))
    mixed = program.with_tensors(target=constant(program.tensors["target"], share))

    assert play.agree(mixed, "value", lambda yes, no: share * yes.value + (1 - share) * no.value, yes, no)


@given(logits_programs(any_targets))
def test_bce_with_logits_9_targets_are_not_checked(play, program):
    assert play.conforms(dataclasses.replace(program, differentiate=()))


@given(logits_programs(wrong, reduction="none"))
def test_bce_with_logits_10_gradient(play, program):
    x, y, p = program.exact("input"), program.exact("target"), pos_weight(program)
    u = weight(program) * some.exact_upstream(program, x.shape)

    assert play.agree(both(program), "grad input", lambda: u * ((1 - y) * x.sigmoid() - p * y * (-x).sigmoid()))


@given(some.DTYPES, some.REDUCTIONS)
def test_bce_with_logits_10_gradient_of_a_yes_that_is_right(play, dtype, reduction):
    program = _opposite(table(dtype, NO, (0.0,), "bce_with_logits")).with_options(reduction=reduction)
    count = len(NO) if reduction == "mean" else 1

    assert play.agree(program, "grad input", lambda: -(-program.exact("input")).sigmoid() / count)


@given(some.DTYPES)
def test_bce_with_logits_3_positive_weights_of_one_axis_belong_to_the_last(play, dtype):
    weights = some.rounded(dtype, (2,), [1.0, 3.0])
    program = table(dtype, (0.5, -1.0), (1.0, 0.5), "bce_with_logits").with_options(pos_weight=weights)
    whole = program.with_options(pos_weight=some.reshaped(weights, lambda w: w.expand(2, 2)))

    assert play.agree(program, "value", lambda whole: whole.value, whole)


@given(some.DTYPES)
def test_bce_with_logits_4_weights_of_one_axis_belong_to_the_last(play, dtype):
    weights = some.rounded(dtype, (2,), [1.0, 3.0])
    program = table(dtype, (0.5, -1.0), (1.0, 0.5), "bce_with_logits").with_options(weight=weights)
    whole = program.with_options(weight=some.reshaped(weights, lambda w: w.expand(2, 2)))

    assert play.agree(program, "value", lambda whole: whole.value, whole)


@given(logits_programs(pair, reduction="none", weights=("weight",)))
def test_bce_with_logits_11_gradient_of_the_target_is_minus_the_logit(play, program):
    x = program.exact("input")
    u = weight(program) * some.exact_upstream(program, x.shape)

    assert play.agree(both(program), "grad target", lambda: -u * x)


@given(logits_programs(moderate, reduction="none"))
def test_bce_with_logits_11_gradient_of_the_target(play, program):
    x, p = program.exact("input"), pos_weight(program)
    u = weight(program) * some.exact_upstream(program, x.shape)

    assert play.agree(
        both(program), "grad target", lambda: u * (p * torch.log1p(torch.exp(-x)) - torch.log1p(torch.exp(x)))
    )


@given(PROGRAMS, st.sampled_from(["input", "target"]), st.integers(0, 300))
def test_bce_with_logits_12_nan_gives_nan(play, program, name, place):
    assume(program.tensors[name].data)
    spoiled = program.with_tensors(**{name: some.planted(program.tensors[name], place, math.nan)})
    value, here = play(spoiled).value, spoiled.exact(name).isnan()

    assert (value.isnan() == here).all() if value.shape == here.shape and value.dim() else value.isnan()


CERTAIN = some.one_of_these(math.inf, -math.inf)


def _certain(program, infinity):
    """The program with this infinity for a logit, and weights that are all positive."""
    options = {
        name: some.changed(value, lambda w: w + 1) if name in WEIGHTS else value
        for name, value in program.options.items()
    }
    return dataclasses.replace(
        program.with_tensors(input=constant(program.tensors["input"], infinity)), options=options
    )


@given(logits_programs(moderate, reduction="none"), CERTAIN)
def test_bce_with_logits_13_infinite_logits_are_certain_answers(play, program, infinity):
    certain = _certain(program, infinity)
    right = certain.exact("target") == float(infinity > 0)

    assert (play(certain).value == torch.where(right, 0.0, math.inf)).all()


@given(logits_programs(moderate, reduction="none"), CERTAIN)
def test_bce_with_logits_14_gradient_at_infinite_logits(play, program, infinity):
    certain = _certain(program, infinity)
    w, p, y = weight(certain), pos_weight(certain), certain.exact("target")
    u = w * some.exact_upstream(certain, y.shape)

    assert play.agree(both(certain), "grad input", lambda: u * (1 - y) if infinity > 0 else -u * p * y)


@some.every
@given(TARGET_SHAPES, some.DTYPES)
def test_bce_with_logits_15_refuses_targets_of_another_shape(play, shapes, dtype):
    assert play.refuses(small("bce_with_logits", shapes=shapes, dtype=dtype, target=dtype))


@some.every
@given(NO_REPEATS, st.sampled_from([(2, 2), (1, 2), (2, 1)]))
def test_bce_with_logits_16_refuses_weights_that_do_not_fit(play, shape, input):
    assume(not _fits(shape, input))
    weight = some.rounded("float64", shape, [1.0] * math.prod(shape))

    assert play.refuses(small("bce_with_logits", shapes=(input, input), weight=weight))


@some.every
@given(NO_REPEATS, st.sampled_from([(2, 2), (1, 2), (2, 1)]))
def test_bce_with_logits_17_refuses_positive_weights_that_do_not_fit(play, shape, input):
    assume(not _fits(shape, input))
    weight = some.rounded("float64", shape, [1.0] * math.prod(shape))

    assert play.refuses(small("bce_with_logits", shapes=(input, input), pos_weight=weight))


@some.every
@given(st.sampled_from(["int64", "int32", "bool"]), st.sampled_from([(2, 2), (3,), ()]))
def test_bce_with_logits_18_refuses_targets_of_integers(play, dtype, shape):
    assert play.refuses(small("bce_with_logits", target=dtype, shapes=(shape, shape)))


@some.every
@given(st.sampled_from(["int64", "int32", "bool"]), st.sampled_from([(2, 2), (3,), ()]))
def test_bce_with_logits_18_refuses_inputs_of_integers(play, dtype, shape):
    assert play.refuses(small("bce_with_logits", dtype=dtype, shapes=(shape, shape)))
