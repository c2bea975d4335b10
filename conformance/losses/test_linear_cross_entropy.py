"""linear_cross_entropy: the clauses of spec/losses/linear_cross_entropy.md as properties of a backend."""

import dataclasses
import math

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.losses.test_cross_entropy import distribution, indexed, per_class, probabilities
from torchstone.conformance.losses.test_nll import NO_CLASSES, NO_WEIGHTS, kept, weights, weights_of_targets
from torchstone.conformance.program import LossProgram, is_float

COMPONENT = "linear_cross_entropy"
W, B = "linear.weight", "linear.bias"
FEATURES = some.one_of_these(2, 1, 3, 4, 2, 1, 0, 9)
CLASSES = some.one_of_these(3, 2, 1, 4, 33)
PLACES = some.one_of_these((), (2,), (), (2, 3), (), (1,), (), (3,), (0,))
SMOOTHING = some.one_of_these(0.0, 0.1, 0.5, 1.0, 0.25)
KINDS = some.one_of_these("index", "probabilities", "index")
SPREADS = some.one_of_these("near", "spread")  # sums of larger numbers overflow, or not, in the order of their terms
SCALES = some.one_of_these(2.0, 0.5, -1.0, 4.0)


def classes_first(whole):
    """The shape in which cross_entropy has the logits, for one sample and for a batch."""
    return some.without_axis(whole, some.class_axis(whole))


@st.composite
def linear_programs(
    draw, *, kind=None, places=None, bias=None, reduction=None, batch=False, options=True, ignoring=True, features=None
):
    """Features, a matrix with or without a bias, and what cross_entropy draws beside."""
    draw = some.Choices(draw)
    dtype, count = draw(some.DTYPES), draw(CLASSES)
    features = draw(FEATURES) if features is None else features
    places = draw(PLACES) if places is None else places
    rows = (draw(some.SAMPLES),) if batch or places or not draw(some.RARELY) else ()
    shape, rank = (*rows, count, *places), count * math.prod(places)
    found = {"in_features": features, "num_classes": count}
    found |= {"out_features": places} if places or draw(some.BOOLEANS) else {}
    more, ignored = some.class_options(draw, dtype, count) if options else ({}, None)
    if options and draw(some.BOOLEANS):
        more["label_smoothing"] = draw(SMOOTHING)
    if (kind or draw(KINDS)) == "index":
        ignored = ignored if ignoring else more.pop("ignore_index", None) and None
        target, gradients = some.class_targets(draw, shape, ignored), ("input", W)
    else:
        more.pop("ignore_index", None)
        target, gradients = probabilities(draw, dtype, shape), ("input", W, "target")
    tensors = {
        "input": some.tensor(draw, dtype, (*rows, features), draw(SPREADS)),
        "target": target,
        W: some.tensor(draw, dtype, (rank, features), draw(SPREADS)),
    }
    if bias or (bias is None and draw(some.BOOLEANS)):
        found, gradients = found | {"bias": True}, (*gradients, B)
        tensors[B] = some.tensor(draw, dtype, (rank,), draw(SPREADS))
    return some.loss_program(draw, COMPONENT, tensors, found | more, reduction=reduction, gradients=gradients)


PROGRAMS = linear_programs()
BATCHES = linear_programs(reduction="none", batch=True)


def logits(program):
    """What the matrix makes of the features, in float64, in the shape that cross_entropy takes."""
    z = program.exact("input") @ program.exact(W).T + (program.exact(B) if B in program.tensors else 0)
    options = program.options
    return z.reshape(*z.shape[:-1], options["num_classes"], *options.get("out_features", ()))


def composed(program):
    """cross_entropy of the logits, in float64."""
    own = {"in_features", "num_classes", "out_features", "bias"}
    options = {name: value for name, value in program.options.items() if name not in own}
    tensors = {"input": some.from_torch(logits(program)), "target": program.tensors["target"]}
    return LossProgram("cross_entropy", options, tensors)


def value_shape(program):
    return classes_first(composed(program).tensors["input"].shape)


def divisor(program):
    if indexed(program):
        return float(weights_of_targets(composed(program)).sum())
    return float(math.prod(value_shape(program)))


def slopes(program):
    """The gradient of the sum of the unreduced losses, each with its upstream gradient, for a batch of all logits."""
    ce = composed(program)
    x = ce.exact("input")
    axis = some.class_axis(x.shape)
    wq = per_class(weights(ce), ce) * distribution(ce)
    u = some.exact_upstream(program, value_shape(program)).unsqueeze(axis)
    delta = u * (wq.sum(axis, keepdim=True) * torch.softmax(x, axis) - wq)
    return delta.reshape(len(x) if axis else 1, len(program.exact(W)))


def differentiated(program, *names):
    """The program with these gradients asked for, of the tensors that it has and that have one."""
    there = [name for name in names if name in program.tensors and is_float(program.tensors[name].dtype)]
    return dataclasses.replace(program, differentiate=tuple(there))


def rows(program, select):
    """The program with this selection of the first axis of the arguments."""
    return program.with_tensors(
        **{name: some.reshaped(data, select) for name, data in program.arguments.items()}, **program.parameters
    )


def quarters(data):
    """The same tensor, its elements multiples of a quarter between -3 and 3, whose products are exact."""
    return some.changed(some.separate(data), lambda x: max(-3.0, min(3.0, round(4 * x) / 4)))


def small(target=(0, 1), shape=(2, 3), input=(2, 2), kind="int64", places=(), **options):
    """Two samples of two features in three classes, with these targets."""
    options = {"in_features": 2, "num_classes": 3, **({"out_features": places} if places else {}), **options}
    tensors = {
        "input": some.rounded("float64", input, [0.5] * math.prod(input)),
        "target": some.rounded(kind, shape, (list(target) * math.prod(shape))[: math.prod(shape)]),
        W: some.rounded("float64", (3 * math.prod(places), 2), [1.0] * 6 * math.prod(places)),
    }
    return LossProgram(COMPONENT, options, tensors, ("input",))


@given(linear_programs(reduction="none"))
def test_linear_cross_entropy_1_is_cross_entropy_of_the_logits(play, program):
    ce = composed(program)
    x, axis = ce.exact("input"), some.class_axis(ce.tensors["input"].shape)

    def law():
        w = per_class(weights(ce), ce)
        return -(w * distribution(ce) * torch.log_softmax(x, axis)).sum(axis)

    assert play.agree(program, "value", law)


@given(PROGRAMS)
def test_linear_cross_entropy_1_agrees_with_the_reference(play, program):
    assert play.conforms(differentiated(program, "input", "target", W, B))


@given(linear_programs(reduction="none", places=(2, 3)), st.integers(0, 5))
def test_linear_cross_entropy_2_every_place_is_classified_by_itself(play, program, place):
    count = program.options["num_classes"]

    def of_place(t):
        return t.reshape(count, 6, *t.shape[1:])[:, place]

    alone = program.with_tensors(
        target=some.reshaped(program.tensors["target"], lambda t: t.flatten(-2)[..., place]),
        **{name: some.reshaped(data, of_place) for name, data in program.parameters.items()},
    ).with_options(out_features=())

    alone, whole = (differentiated(each) for each in (alone, program))

    assert play.agree(alone, "value", lambda whole: whole.value.flatten(-2)[..., place], whole)


@given(linear_programs(bias=True))
def test_linear_cross_entropy_3_a_bias_is_a_feature_that_is_always_one(play, program):
    program = differentiated(program, "input")
    b = program.exact(B).unsqueeze(1)
    tensors = {
        "input": some.reshaped(program.tensors["input"], lambda x: torch.nn.functional.pad(x, (0, 1), value=1.0)),
        "target": program.tensors["target"],
        W: some.reshaped(program.tensors[W], lambda w: torch.cat([w, b], 1)),
    }
    wider = dataclasses.replace(program, tensors=tensors).with_options(
        bias=False, in_features=program.options["in_features"] + 1
    )

    assert play.agree(program, "value", lambda wider: wider.value, wider)
    assert play.agree(program, "grad input", lambda wider: wider.grad("input")[..., :-1], wider)


@given(PROGRAMS)
def test_linear_cross_entropy_4_has_these_parameters(play, program):
    # A backend that puts the program's parameters in place raises `Broken` where it has others.
    assert play(program).entries


@given(linear_programs(places=(), batch=True))
def test_linear_cross_entropy_5_one_sample_is_a_batch_of_one(play, program):
    assume(program.tensors["input"].shape[0])
    one, alone = rows(program, lambda t: t[0]), rows(program, lambda t: t[:1])

    assert play.agree(one, "value", lambda alone: alone.value.reshape(()), alone)
    for name in one.differentiate:
        change = (lambda t: t) if name == W else (lambda t: t[0])
        assert play.agree(one, f"grad {name}", lambda alone, n=name, f=change: f(alone.grad(n)), alone)


@given(linear_programs(kind="index", ignoring=False), st.booleans())
def test_linear_cross_entropy_6_none_means_minus_one_hundred(play, program, given):
    spared = program.with_tensors(target=some.changed(program.tensors["target"], lambda y: -100 if y == 1 else y))
    named = spared.with_options(ignore_index=-100)
    none = spared.with_options(ignore_index=None) if given else spared

    assert play.agree(none, "value", lambda named: named.value, named)


@given(linear_programs(kind="index", batch=True, places=()))
def test_linear_cross_entropy_7_ignored_samples_do_not_count(play, program):
    keep = kept(composed(program))
    everything = dataclasses.replace(differentiated(program, "input", W, B), upstream=program.upstream[:1])
    rest = rows(everything, lambda t: t[keep])
    trace = play(everything)
    for name in program.parameters:
        assert play.agree(everything, f"grad {name}", lambda rest, name=name: rest.grad(name), rest)
    assert (trace.grad("input")[~keep] == 0).all()
    if program.options.get("reduction") == "none":
        assert (trace.value[~keep] == 0).all()
    else:
        assert play.agree(everything, "value", lambda rest: rest.value, rest)


@given(linear_programs(reduction="none"), st.sampled_from([1.0, -2.0, 4.0]))
def test_linear_cross_entropy_8_shifting_all_rows_of_a_place_changes_nothing(play, program, shift):
    here = program.with_tensors(**{name: quarters(program.tensors[name]) for name in ("input", W)})
    there = here.with_tensors(**{W: some.changed(here.tensors[W], lambda w: w + shift)})

    assert play.agree(there, "value", lambda here: here.value, here)


@given(PROGRAMS, st.sampled_from([2.0**-6, 2.0**6, -1.0, 2.0]))
def test_linear_cross_entropy_9_scales_of_features_and_weights_cancel(play, program, scale):
    scaled = program.with_tensors(
        input=some.changed(program.tensors["input"], lambda x: scale * x),
        **{W: some.changed(program.tensors[W], lambda w: w / scale)},
    )

    assert play.agree(scaled, "value", lambda plain: plain.value, program)


@given(linear_programs(kind="index", features=0, options=False, reduction="none", bias=False))
def test_linear_cross_entropy_10_nothing_is_known_without_features(play, program):
    assert play.agree(program, "value", lambda: torch.tensor(float(program.options["num_classes"])).double().log())


@given(linear_programs(features=0, bias=True))
def test_linear_cross_entropy_10_without_features_the_bias_decides(play, program):
    assert play.conforms(program)


@given(linear_programs(reduction="none"))
def test_linear_cross_entropy_11_gradients(play, program):
    unit = differentiated(program, "input", W, B)
    x, w = unit.exact("input"), unit.exact(W)

    assert play.agree(unit, "grad input", lambda: (slopes(unit) @ w).reshape(x.shape))
    assert play.agree(unit, f"grad {W}", lambda: slopes(unit).T @ torch.atleast_2d(x))
    if B in unit.tensors:
        assert play.agree(unit, f"grad {B}", lambda: slopes(unit).sum(0))


@given(linear_programs(reduction="none", batch=True, features=2), st.integers(0, 40))
def test_linear_cross_entropy_12_nan_stays_in_its_sample(play, program, place):
    assume(program.tensors["input"].data)
    input = some.separate(program.tensors["input"])
    spoiled = program.with_tensors(input=some.planted(input, place, math.nan))
    there = torch.arange(input.shape[0]) == place % len(input.data) // 2
    keep = kept(composed(program)) if indexed(program) else torch.ones(value_shape(program), dtype=torch.bool)
    whole = there.reshape(-1, *[1] * (keep.dim() - 1)) & keep

    assert play.agree(spoiled, "value", lambda plain: torch.where(whole, math.nan, plain.value), program)


@given(st.sampled_from([(2, 3), (2, 1), (2, 2, 2), (), (3,), (2, 0)]))
def test_linear_cross_entropy_13_refuses_inputs_of_another_shape(play, shape):
    assert play.refuses(small(shape=shape[:-1], input=shape))


@some.every
@given(st.sampled_from([(2,), (2, 3), (1,)]), st.booleans())
def test_linear_cross_entropy_14_refuses_one_sample_with_places(play, places, probable):
    kind, shape = ("float64", (3, *places)) if probable else ("int64", places)

    assert play.refuses(small(shape=shape, input=(2,), kind=kind, places=places))


@some.every
@given(
    st.sampled_from([((2, 2), (3,)), ((2, 2), (2, 1)), ((2, 2), ()), ((2,), (2,)), ((0, 2), (2,))]),
    st.sampled_from(["int64", "float64"]),
)
def test_linear_cross_entropy_15_refuses_targets_of_another_shape(play, shapes, kind):
    assert play.refuses(small(input=shapes[0], shape=shapes[1], kind=kind))


@some.every
@given(st.sampled_from([(2,), (2, 3), (2, 4, 2), (1, 4)]))
def test_linear_cross_entropy_15_refuses_targets_without_the_places(play, shape):
    assert play.refuses(small(shape=shape, places=(4,)))


@some.every
@given(NO_CLASSES, st.booleans(), st.sampled_from([0.0, 0.1]))
def test_linear_cross_entropy_16_refuses_targets_that_are_no_class(play, index, alone, smoothing):
    input, shape = ((2,), ()) if alone else ((2, 2), (2,))

    assert play.refuses(small([index], input=input, shape=shape, label_smoothing=smoothing))


@given(st.sampled_from([0, 1, -1, -100, 255]))
def test_linear_cross_entropy_17_refuses_an_ignored_class_beside_probabilities(play, index):
    assert play.refuses(small([0.5], shape=(2, 3), kind="float64", ignore_index=index))


@given(st.booleans())
def test_linear_cross_entropy_18_refuses_weights_of_another_shape(play, probable):
    kind, target = ("float64", (2, 3)) if probable else ("int64", (2,))
    for shape in NO_WEIGHTS:
        weight = some.rounded("float64", shape, [1.0] * math.prod(shape))

        assert play.refuses(small(kind=kind, shape=target, weight=weight))


@given(st.sampled_from([1.5, -0.1, -1.0, math.inf, -math.inf]))
def test_linear_cross_entropy_19_refuses_a_smoothing_that_is_no_share(play, smoothing):
    assert play.refuses(small(shape=(2,), label_smoothing=smoothing))


@given(st.sampled_from([(2,), (2, 3)]))
def test_linear_cross_entropy_19_refuses_a_smoothing_that_is_nan(play, shape):
    kind = "int64" if len(shape) == 1 else "float64"

    assert play.refuses(small(shape=shape, kind=kind, label_smoothing=math.nan))
