"""cross_entropy: the clauses of spec/losses/cross_entropy.md as properties of a backend."""

import dataclasses
import math

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.losses.test_nll import (
    NO_CLASSES,
    NO_WEIGHTS,
    SCALES,
    SHAPES_APART,
    classes,
    flat,
    kept,
    misshapen,
    poisoned,
    small,
    weights,
    weights_of_targets,
)
from torchstone.conformance.losses.test_softmax import FAR, SMALL_EXACT, balanced, far
from torchstone.conformance.program import LossProgram, TensorData

SMOOTHING = some.one_of_these(0.0, 0.1, 0.5, 1.0, 0.25, 0.01)
QUARTERS = (0.0, 1.0, 0.5, 0.25, 0.75)
KINDS = some.one_of_these("index", "probabilities", "index")
INFINITIES = (math.nan, math.inf)


def one_hot(index, count, axis):
    """The probabilities that are 1 for these classes."""
    return torch.nn.functional.one_hot(index.clamp(0, max(0, count - 1)), count).movedim(-1, axis).double()


def probabilities(draw, dtype, shape):
    """Rows that are one-hot or multiples of a quarter, or any numbers: nothing says that they must add up to 1."""
    kind = draw(some.one_of_these("quarters", "any", "one-hot", "quarters"))
    if kind == "any":
        return some.tensor(draw, dtype, shape, "near")
    axis = some.class_axis(shape)
    if kind == "one-hot":
        index = some.indices(draw, some.without_axis(shape, axis), shape[axis])
        exact = torch.tensor(index.data, dtype=torch.int64).reshape(index.shape)
        return some.from_torch(one_hot(exact, shape[axis], axis), dtype)
    return some.data(
        draw,
        dtype,
        shape,
        [QUARTERS[byte % 5] for byte in draw(st.binary(min_size=math.prod(shape), max_size=math.prod(shape)))],
    )


@st.composite
def programs(
    draw,
    *,
    kind=None,
    reduction=None,
    batch=False,
    spread=None,
    plain=some.PLAIN,
    smoothing=SMOOTHING,
    weighted=True,
    ignoring=True,
):
    """Logits with class indices or with class probabilities, weights, smoothing, ignored samples."""
    draw = some.Choices(draw)
    dtype, shape = draw(some.DTYPES), some.class_shape(draw, batch)
    options, ignored = some.class_options(draw, dtype, shape[some.class_axis(shape)])
    if not weighted:
        options.pop("weight", None)
    if smoothing is not None and draw(some.BOOLEANS):
        options["label_smoothing"] = draw(smoothing)
    input = some.tensor(draw, dtype, shape, spread, plain)
    if (kind or draw(KINDS)) == "index":
        if not ignoring:
            ignored = options.pop("ignore_index", None) and None
        target, gradients = some.class_targets(draw, shape, ignored), ("input",)
    else:
        if options.get("ignore_index", -1) >= 0:
            del options["ignore_index"]
        target, gradients = probabilities(draw, dtype, shape), ("input", "target")
    tensors = {"input": input, "target": target}
    return some.loss_program(draw, "cross_entropy", tensors, options, reduction=reduction, gradients=gradients)


PROGRAMS = programs()
BATCHES = programs(reduction="none", batch=True)


def along(program):
    return some.class_axis(program.tensors["input"].shape)


def indexed(program):
    return not some.is_float(program.tensors["target"].dtype)


def per_class(vector, program):
    """One number a class, so that it lies along the axis of the classes."""
    dims = len(program.tensors["input"].shape)
    return vector.reshape(-1, *[1] * (dims - along(program) - 1))


def distribution(program):
    """q: the probabilities after smoothing, in float64; 0 for a sample that is ignored."""
    axis, count = along(program), classes(program)
    smoothing = program.options.get("label_smoothing", 0.0)
    if not indexed(program):
        return (1 - smoothing) * program.exact("target") + smoothing / count
    keep = kept(program)
    p = one_hot(torch.where(keep, program.exact("target"), 0), count, axis)
    return torch.where(keep.unsqueeze(axis), (1 - smoothing) * p + smoothing / count, 0.0)


def unit(program, *names):
    return dataclasses.replace(program, differentiate=names or ("input",))


def without(program, *names):
    return dataclasses.replace(program, options={k: v for k, v in program.options.items() if k not in names})


def rows(program, select):
    """The program with this selection of every tensor's first axis."""
    tensors = {name: some.reshaped(data, select) for name, data in program.tensors.items()}
    return program.with_tensors(**tensors)


@given(programs(kind="index", smoothing=None))
def test_cross_entropy_1_is_nll_of_log_softmax(play, program):
    log_softmax = LossProgram("log_softmax", {"dim": along(program)}, {"input": program.tensors["input"]})
    nll = dataclasses.replace(
        program.with_tensors(input=some.from_torch(play(log_softmax).value)), component="nll", differentiate=()
    )

    assert play.agree(program, "value", lambda nll: nll.value, nll)


@given(PROGRAMS)
def test_cross_entropy_1_agrees_with_the_reference(play, program):
    assert play.conforms(program)


@given(programs(batch=True))
def test_cross_entropy_2_more_axes_are_more_samples(play, program):
    batch = flat(program)
    shape = some.value_shape(program) if program.options.get("reduction") == "none" else ()

    assert play.agree(program, "value", lambda batch: batch.value.reshape(shape), batch)


@given(PROGRAMS)
def test_cross_entropy_3_one_sample_is_a_batch_of_one(play, program):
    batch = flat(program)
    assume(batch.tensors["input"].data)
    one, alone = rows(batch, lambda t: t[0]), rows(batch, lambda t: t[:1])

    assert play.agree(one, "value", lambda alone: alone.value.reshape(()), alone)
    for name in one.differentiate:
        assert play.agree(one, f"grad {name}", lambda alone, name=name: alone.grad(name)[0], alone)


@given(programs(kind="probabilities", reduction="none", spread="near"))
def test_cross_entropy_4_loss_of_class_probabilities(play, program):
    w, axis = per_class(weights(program), program), along(program)

    def law():
        return -(w * distribution(program) * torch.log_softmax(program.exact("input"), axis)).sum(axis)

    assert play.agree(program, "value", law)


@given(programs(kind="probabilities", reduction="mean"))
def test_cross_entropy_5_mean_of_class_probabilities_divides_by_the_number_of_samples(play, program):
    total = program.with_options(reduction="sum")
    count = math.prod(some.value_shape(program))

    assert play.agree(program, "value", lambda total: total.value / count, total)


@given(programs(kind="index", ignoring=False))
def test_cross_entropy_6_indices_are_one_hot_probabilities(play, program):
    if "weight" in program.options and program.options.get("reduction", "mean") == "mean":
        program = program.with_options(reduction="sum")
    p = one_hot(program.exact("target"), classes(program), along(program))
    probable = program.with_tensors(target=some.from_torch(p, program.dtype))

    assert play.agree(program, "value", lambda probable: probable.value, probable)
    if program.differentiate:
        assert play.agree(program, "grad input", lambda probable: probable.grad("input"), probable)


@given(
    programs(kind="probabilities", reduction="none", spread="near", smoothing=None), st.sampled_from([0.25, 0.5, 1.0])
)
def test_cross_entropy_7_smoothing_mixes_with_the_uniform_distribution(play, program, smoothing):
    assume(classes(program) in (1, 2, 4))
    p = some.changed(program.tensors["target"], lambda v: round(4 * v) / 4 if abs(v) < 4 else 1.0)
    smoothed = program.with_tensors(target=p).with_options(label_smoothing=smoothing)
    mixed = program.with_tensors(target=some.from_torch(distribution(smoothed), program.dtype))

    assert play.agree(smoothed, "value", lambda mixed: mixed.value, mixed)


@given(programs(kind="index", reduction="mean"))
def test_cross_entropy_8_smoothed_indices_are_averaged_over_the_weights_of_their_targets(play, program):
    total, w = program.with_options(reduction="sum"), weights_of_targets(program)

    assert play.agree(program, "value", lambda total: total.value / w.sum(), total)


@given(programs(kind="probabilities", reduction="none", spread="near"), st.sampled_from([2.0, 0.5, -1.0]))
def test_cross_entropy_9_is_affine_in_the_probabilities(play, program, share):
    first = some.changed(program.tensors["target"], lambda v: round(4 * v) / 4 if abs(v) < 4 else 1.0)
    second = some.reshaped(first, lambda p: p.flip(along(program)) / 2)
    mixed = [share * a + (1 - share) * b for a, b in zip(first.data, second.data, strict=True)]
    one, two = (program.with_tensors(target=some.separate(target)) for target in (first, second))
    both = program.with_tensors(target=TensorData(program.dtype, first.shape, tuple(mixed)))

    assert play.agree(both, "value", lambda one, two: share * one.value + (1 - share) * two.value, one, two)


@given(programs(kind="index", reduction="none"))
def test_cross_entropy_10_ignored_samples_have_the_loss_zero(play, program):
    spoiled = poisoned(
        program, (~kept(program)).unsqueeze(along(program)).expand(program.tensors["input"].shape), INFINITIES
    )

    assert (play(spoiled).value[~kept(program)] == 0).all()


@given(programs(kind="index", batch=True))
def test_cross_entropy_10_ignored_samples_do_not_count(play, program):
    batch = flat(program)
    keep = kept(batch)
    if program.options.get("reduction") == "none":
        batch = batch.with_options(reduction="mean")
    rest = rows(batch, lambda t: t[keep])
    spoiled = poisoned(batch, (~keep).unsqueeze(1).expand(batch.tensors["input"].shape), INFINITIES)

    assert play.agree(spoiled, "value", lambda rest: rest.value, rest)


@given(programs(kind="index"))
def test_cross_entropy_10_gradient_of_ignored_samples_is_zero(play, program):
    ignored = (~kept(program)).unsqueeze(along(program)).expand(program.tensors["input"].shape)

    assert (play(unit(program)).grad("input")[ignored] == 0).all()


@given(programs(kind="index"), st.sampled_from([math.nan, -math.inf]))
def test_cross_entropy_10_gradient_of_ignored_samples_is_zero_whatever_their_logits(play, program, number):
    ignored = (~kept(program)).unsqueeze(along(program)).expand(program.tensors["input"].shape)
    spoiled = poisoned(program, ignored, (number,))

    assert (play(unit(spoiled)).grad("input")[ignored] == 0).all()


@given(programs(reduction="none", plain=SMALL_EXACT), FAR)
def test_cross_entropy_11_shifting_the_logits_of_a_sample_changes_nothing(play, program, shift):
    exact = some.changed(program.tensors["input"], lambda x: max(-3.0, min(3.0, round(4 * x) / 4)))
    here, there = (
        program.with_tensors(input=some.changed(exact, lambda x, by=by: x + by)) for by in (0.0, far(program, shift))
    )

    assert play.agree(there, "value", lambda here: here.value, here)


@given(programs(kind="index", reduction="none", spread="wide", weighted=False, smoothing=None))
def test_cross_entropy_12_finite_for_large_logits(play, program):
    quarter = program.with_tensors(input=some.changed(program.tensors["input"], lambda x: x / 4))

    assert play(quarter).value.isfinite().all()


@given(
    programs(kind="index", reduction="none", weighted=False), st.sampled_from([1e4, -1e4, 1e30, -1e30, 1e300, -1e300])
)
def test_cross_entropy_12_finite_for_one_large_logit(play, program, large):
    highest = torch.finfo(getattr(torch, program.dtype)).max / 8
    number = max(-highest, min(highest, large))
    one = (
        program.with_tensors(
            input=some.planted(some.changed(program.tensors["input"], lambda x: max(-4.0, min(4.0, x))), 0, number)
        )
        if program.tensors["input"].data
        else program
    )

    assert play(one).value.isfinite().all()


@given(st.sampled_from(["float64", "float32", "float16"]), st.sampled_from([None, 0.1, 1.0]))
def test_cross_entropy_12_finite_for_many_large_logits(play, dtype, smoothing):
    # The sum of the differences is larger than the largest number, and their weighted mean is not.
    large = 2.0 ** (math.frexp(torch.finfo(getattr(torch, dtype)).max)[1] - 3)
    options = {"reduction": "none"} | ({} if smoothing is None else {"label_smoothing": smoothing})
    input = some.rounded(dtype, (1, 9), [large] + [-large] * 8)
    program = LossProgram("cross_entropy", options, {"input": input, "target": TensorData("int64", (1,), (0,))})

    assert play(program).value.isfinite().all()


@given(programs(spread="near"), SCALES)
def test_cross_entropy_13_a_common_factor_of_the_weights(play, program, scale):
    assume("weight" in program.options)
    scaled = program.with_options(weight=some.changed(program.options["weight"], lambda w: scale * w))
    factor = 1 if indexed(program) and program.options.get("reduction", "mean") == "mean" else scale

    assert play.agree(scaled, "value", lambda plain: factor * plain.value, program)


@given(programs(reduction="none"))
def test_cross_entropy_14_gradient(play, program):
    axis = along(program)
    u = some.exact_upstream(program, some.value_shape(program)).unsqueeze(axis)

    def law():
        wq = per_class(weights(program), program) * distribution(program)
        return u * (wq.sum(axis, keepdim=True) * torch.softmax(program.exact("input"), axis) - wq)

    assert play.agree(unit(program), "grad input", law)


@given(programs())
def test_cross_entropy_15_gradient_of_a_sample_adds_up_to_zero(play, program):
    assert balanced(play, unit(program), "grad input", along(program), 0.0)


@given(programs(kind="probabilities", reduction="none"))
def test_cross_entropy_16_gradient_of_the_probabilities(play, program):
    w, smoothing = per_class(weights(program), program), program.options.get("label_smoothing", 0.0)
    u = some.exact_upstream(program, some.value_shape(program)).unsqueeze(along(program))

    def law():
        return -u * (1 - smoothing) * w * torch.log_softmax(program.exact("input"), along(program))

    assert play.agree(unit(program, "input", "target"), "grad target", law)


@given(
    programs(
        reduction="none", spread="near", plain=(math.nan, 0.0, math.inf, 1.0, 2.0, -1.0, -2.0, 3.0), ignoring=False
    )
)
def test_cross_entropy_17_samples_without_probabilities_are_nan(play, program):
    wrong = (~(program.exact("input") < math.inf)).any(along(program))

    assert _is_nan(play, program, wrong)


@given(programs(reduction="none", spread="near", ignoring=False), st.integers(0, 5))
def test_cross_entropy_17_nothing_but_minus_infinity_is_nan(play, program, every):
    wrong = torch.arange(math.prod(some.value_shape(program))).reshape(some.value_shape(program)) % (every + 1) == 0
    all_masked = poisoned(program, wrong.unsqueeze(along(program)).expand(program.tensors["input"].shape), (-math.inf,))

    assert _is_nan(play, all_masked, wrong)


def _is_nan(play, program, wrong):
    """Whether the value and the gradients are NaN in these samples, and the value nowhere else."""
    trace = play(program)
    here = wrong.unsqueeze(along(program)).expand(program.tensors["input"].shape)
    gradients = [trace.grad(name) for name in program.differentiate]
    u = some.exact_upstream(program, wrong.shape).unsqueeze(along(program)).expand(here.shape)
    felt = here & (u != 0)
    return bool((trace.value.isnan() == wrong).all()) and all(bool(g[felt].isnan().all()) for g in gradients[:1])


@st.composite
def masked_programs(draw, kind):
    """A sample whose last class is masked, and cannot be: its probability is 0."""
    program = draw(programs(kind=kind, batch=True, spread="near", smoothing=None, ignoring=False))
    count = classes(program)
    assume(count > 1)
    program = flat(program)
    if kind == "index":
        target = some.changed(program.tensors["target"], lambda y: y % (count - 1))
    else:
        target = some.reshaped(
            program.tensors["target"], lambda p: torch.cat([p[:, :-1], torch.zeros_like(p[:, :1])], 1)
        )
    input = some.reshaped(
        program.tensors["input"], lambda x: torch.cat([x[:, :-1], torch.full_like(x[:, :1], -math.inf)], 1)
    )
    return program.with_tensors(input=input, target=target)


def _left_out(play, program):
    """The masked class makes no difference."""
    program = unit(program)
    rest = program.with_tensors(input=some.reshaped(program.tensors["input"], lambda x: x[:, :-1]))
    if not indexed(program):
        rest = rest.with_tensors(target=some.reshaped(program.tensors["target"], lambda p: p[:, :-1]))
    if "weight" in program.options:
        rest = rest.with_options(weight=some.reshaped(program.options["weight"], lambda w: w[:-1]))
    nothing = play(rest).value.isnan()
    assert (play(program).value.isnan() == nothing).all()
    assert play.agree(program, "value", lambda rest: rest.value, rest)
    if not nothing.any():
        assert play.agree(program, "grad input", lambda rest: torch.nn.functional.pad(rest.grad("input"), (0, 1)), rest)


@given(masked_programs("index"))
def test_cross_entropy_18_masked_classes_make_no_difference_to_indices(play, program):
    _left_out(play, program)


@given(masked_programs("index"))
def test_cross_entropy_6_indices_are_one_hot_probabilities_beside_masked_classes(play, program):
    total = without(program, "weight").with_options(reduction="sum")
    p = one_hot(program.exact("target"), classes(program), 1)
    probable = total.with_tensors(target=some.from_torch(p, program.dtype))

    assert not play(probable).value.isnan()
    assert play.agree(total, "value", lambda probable: probable.value, probable)


@given(masked_programs("probabilities"))
def test_cross_entropy_18_masked_classes_make_no_difference_to_probabilities(play, program):
    _left_out(play, program)


@given(programs(batch=True, spread="near", ignoring=False))
def test_cross_entropy_19_a_masked_class_that_is_true_costs_infinity(play, program):
    program = flat(program)
    assume(program.tensors["input"].data and classes(program) > 1)
    if "weight" in program.options:
        program = program.with_options(weight=some.changed(program.options["weight"], lambda w: w + 1))
    count = classes(program)
    if indexed(program):
        target = some.changed(program.tensors["target"], lambda _: count - 1)
    else:
        target = some.changed(program.tensors["target"], lambda p: 0.5)
    input = some.reshaped(
        program.tensors["input"], lambda x: torch.cat([x[:, :-1], torch.full_like(x[:, :1], -math.inf)], 1)
    )
    masked = unit(program.with_tensors(input=input, target=target))

    assert (play(masked).value == math.inf).all()
    assert play.conforms(masked)


@given(PROGRAMS, st.sampled_from(["mean", "sum"]))
def test_cross_entropy_20_nothing_is_kept(play, program, reduction):
    if indexed(program):
        ignored = program.options.get("ignore_index", -100)
        nothing = program.with_tensors(target=some.changed(program.tensors["target"], lambda _: ignored))
    else:
        nothing = rows(flat(program), lambda t: t[:0])
    nothing = unit(nothing).with_options(reduction=reduction)
    trace = play(nothing)

    assert trace.value.isnan() if reduction == "mean" else trace.value == 0
    assert (trace.grad("input") == 0).all()


@some.every
@given(NO_CLASSES, some.DTYPES, st.booleans(), st.sampled_from([0.0, 0.1]))
def test_cross_entropy_21_refuses_targets_that_are_no_class(play, index, dtype, alone, smoothing):
    options = {"component": "cross_entropy", "label_smoothing": smoothing}
    program = small(index, shape=(3,), **options) if alone else small([0, index], **options)

    assert play.refuses(program.with_tensors(input=dataclasses.replace(program.tensors["input"], dtype=dtype)))


@given(SHAPES_APART)
def test_cross_entropy_22_refuses_targets_of_another_shape(play, shapes):
    assert play.refuses(misshapen("cross_entropy", shapes))


@given(st.sampled_from([1, 5]))
def test_cross_entropy_22_refuses_a_batch_of_targets_for_one_sample(play, count):
    assert play.refuses(misshapen("cross_entropy", ((count,), (1,))))


@given(
    st.sampled_from(
        [((2, 3), (2,)), ((2, 3), (3,)), ((2, 3), (1, 3)), ((3,), ()), ((3,), (1, 3)), ((2, 3, 4), (2, 4)), ((), ())]
    )
)
def test_cross_entropy_22_refuses_probabilities_of_another_shape(play, shapes):
    assert play.refuses(misshapen("cross_entropy", shapes, "float64"))


@given(some.DTYPES, st.booleans())
def test_cross_entropy_23_refuses_weights_of_another_shape(play, dtype, indexed):
    for shape in NO_WEIGHTS:
        weight = some.rounded(dtype, shape, [1.0] * math.prod(shape))
        program = small([0, 1], component="cross_entropy", weight=weight)
        if not indexed:
            program = program.with_tensors(target=some.rounded(dtype, (2, 3), [0.5] * 6))

        assert play.refuses(program.with_tensors(input=dataclasses.replace(program.tensors["input"], dtype=dtype)))


@given(st.sampled_from([1.5, 2.0, math.inf]))
def test_cross_entropy_24_refuses_a_smoothing_above_one(play, smoothing):
    assert play.refuses(small([0, 1], component="cross_entropy", label_smoothing=smoothing))


@given(st.sampled_from([-0.1, math.nan, -1.0, -math.inf]))
def test_cross_entropy_24_refuses_a_smoothing_below_zero_and_nan(play, smoothing):
    assert play.refuses(small([0, 1], component="cross_entropy", label_smoothing=smoothing))


@some.every
@given(st.sampled_from([0, 1, 2, 255]), some.DTYPES)
def test_cross_entropy_25_refuses_an_ignored_class_beside_probabilities(play, index, dtype):
    half = some.rounded(dtype, (2, 3), [0.5] * 6)

    assert play.refuses(LossProgram("cross_entropy", {"ignore_index": index}, {"input": half, "target": half}))


@given(programs(kind="probabilities"), st.sampled_from([-1, -100, -2]))
def test_cross_entropy_25_a_negative_ignore_index_has_no_effect_beside_probabilities(play, program, index):
    bare = without(program, "ignore_index")

    assert play.agree(bare.with_options(ignore_index=index), "value", lambda bare: bare.value, bare)


@given(st.sampled_from([(2, 3), (3,), (2, 3, 2)]))
def test_cross_entropy_26_refuses_boolean_targets(play, shape):
    assert play.refuses(small(False, "bool", shape, component="cross_entropy"))
