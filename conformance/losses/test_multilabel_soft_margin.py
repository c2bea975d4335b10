"""multilabel_soft_margin: the clauses of spec/losses/multilabel_soft_margin.md as properties of a backend."""

import dataclasses
import math

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.losses.test_nll import NO_WEIGHTS
from torchstone.conformance.program import LossProgram, TensorData

KINDS = some.one_of_these("hot", "soft", "hot")
SHAPES_APART = st.sampled_from(
    [((2, 3), (3,)), ((2, 3), (2, 1)), ((2, 3), (2,)), ((1, 3), (2, 3)), ((3,), (1,)), ((2, 3), (3, 2)), ((), ())]
)
LEADING = some.one_of_these((), (3,), (2,), (3, 3))
NO = (-0.5, -1.0, -4.0, -10.0, -16.0, -20.0, -30.0, -36.0, -80.0)


@st.composite
def programs(draw, *, reduction=None, batch=False, spread=None, kinds=KINDS, square=False):
    """Logits, targets that are 0 and 1 or a few in between, class weights; where `square`, more axes of one length."""
    draw = some.Choices(draw)
    dtype, count, samples = draw(some.DTYPES), draw(some.CLASSES), draw(some.SAMPLES)
    shape = (samples if samples * count <= 600 else 2, count)
    if square:
        shape = (*draw(LEADING), *2 * draw(some.one_of_these((3,), (2,), (4,))))
        count = shape[-1]
    elif not batch and draw(some.RARELY):
        shape = (2, *shape) if draw(some.BOOLEANS) else (count,)
    options = {"weight": some.positive(draw, dtype, (count,))} if draw(some.BOOLEANS) else {}
    among = (0.0, 1.0) if draw(kinds) == "hot" else (0.0, 1.0, 0.5, 0.25, 0.75)
    input = some.tensor(draw, dtype, shape, spread)
    target = some.data(draw, dtype, shape, some.picks(draw, math.prod(shape), among))
    tensors = {"input": input, "target": target}
    gradients = ("input", "target")
    return some.loss_program(draw, "multilabel_soft_margin", tensors, options, reduction=reduction, gradients=gradients)


PROGRAMS = programs()
BATCHES = programs(reduction="none", batch=True)


def value_shape(program):
    return program.tensors["input"].shape[:-1]


def classes(program):
    return program.tensors["input"].shape[-1]


def weights(program):
    """The class weights over the number of classes, in float64."""
    given = program.options.get("weight")
    one = torch.ones(classes(program), dtype=torch.float64) if given is None else given.torch(torch.float64)
    return one / classes(program)


def upstream(program):
    return some.exact_upstream(program, value_shape(program)).unsqueeze(-1)


def everything(program):
    return dataclasses.replace(program, differentiate=("input", "target"))


def without(program, *names):
    return dataclasses.replace(program, options={k: v for k, v in program.options.items() if k not in names})


def table(dtype, inputs, target):
    """A sample of one class for each of these logits."""
    tensors = {
        "input": some.rounded(dtype, (len(inputs), 1), inputs),
        "target": some.rounded(dtype, (len(inputs), 1), [target] * len(inputs)),
    }
    return LossProgram("multilabel_soft_margin", {"reduction": "none"}, tensors, ("input",))


@given(programs(reduction="none", spread="near"))
def test_multilabel_soft_margin_1_loss_of_a_sample(play, program):
    x, y = program.exact("input"), program.exact("target")

    def law():
        costs = y * torch.log1p(torch.exp(-x)) + (1 - y) * torch.log1p(torch.exp(x))
        return (weights(program) * costs).sum(-1)

    assert play.agree(program, "value", law)


@given(PROGRAMS)
def test_multilabel_soft_margin_1_agrees_with_the_reference(play, program):
    assert play.conforms(program)


@given(programs(reduction="none"))
def test_multilabel_soft_margin_2_is_the_mean_of_bce_with_logits(play, program):
    each = dataclasses.replace(program, component="bce_with_logits", differentiate=())

    assert play.agree(program, "value", lambda each: each.value.sum(-1) / classes(program), each)


@given(programs(reduction="mean"), st.sampled_from([2.0, 0.5, 8.0]))
def test_multilabel_soft_margin_3_equal_weights_do_not_cancel(play, program, scale):
    count = classes(program)
    bare = without(program, "weight")
    weighted = bare.with_options(weight=some.rounded(program.dtype, (count,), [scale] * count))

    assert play.agree(weighted, "value", lambda bare: scale * bare.value, bare)


@given(programs(reduction="mean"))
def test_multilabel_soft_margin_3_mean_divides_by_the_number_of_samples(play, program):
    tensors = {name: some.reshaped(data, lambda t: torch.stack([t, t])) for name, data in program.tensors.items()}
    program = program.with_tensors(**tensors)
    each, count = program.with_options(reduction="none"), math.prod(value_shape(program))

    assert play.agree(program, "value", lambda each: each.value.sum() / count, each)


@given(programs(reduction="none", square=True))
def test_multilabel_soft_margin_4_the_classes_lie_along_the_last_axis(play, program):
    assert play.conforms(program)


@given(PROGRAMS)
def test_multilabel_soft_margin_4_more_axes_are_more_samples(play, program):
    def rows(tensor):
        return tensor.reshape(math.prod(value_shape(program)), classes(program))

    batch = program.with_tensors(**{name: some.reshaped(data, rows) for name, data in program.tensors.items()})
    shape = value_shape(program) if program.options.get("reduction") == "none" else ()

    assert play.agree(program, "value", lambda batch: batch.value.reshape(shape), batch)


@given(PROGRAMS)
def test_multilabel_soft_margin_4_one_sample_is_a_batch_of_one(play, program):
    assume(program.tensors["target"].data)
    rows = {n: some.reshaped(t, lambda t: t.reshape(-1, t.shape[-1])[:1]) for n, t in program.tensors.items()}
    alone = program.with_tensors(**rows)
    one = program.with_tensors(**{name: some.reshaped(data, lambda t: t[0]) for name, data in rows.items()})

    assert play.agree(one, "value", lambda alone: alone.value.reshape(()), alone)


@given(PROGRAMS)
def test_multilabel_soft_margin_5_yes_and_no_are_alike(play, program):
    other = program.with_tensors(
        input=some.changed(program.tensors["input"], lambda x: -x),
        target=some.changed(program.tensors["target"], lambda y: 1 - y),
    )

    assert play.agree(other, "value", lambda plain: plain.value, program)


@given(programs(reduction="none"))
def test_multilabel_soft_margin_6_finite_for_large_logits(play, program):
    small = program.with_tensors(input=some.changed(program.tensors["input"], lambda x: x / 128))

    assert play(without(small, "weight")).value.isfinite().all()


@given(some.DTYPES)
def test_multilabel_soft_margin_6_precise_where_the_answer_is_right(play, dtype):
    program = table(dtype, NO, 0.0)

    assert play.agree(program, "value", lambda: torch.log1p(program.exact("input").exp()).squeeze(-1))


@given(programs(reduction="none", spread="near"), st.sampled_from([2.0, 0.5, -1.0]))
def test_multilabel_soft_margin_7_is_affine_in_the_target(play, program, share):
    yes, no, mixed = (
        program.with_tensors(target=some.changed(some.separate(program.tensors["target"]), lambda _, y=y: y))
        for y in (1.0, 0.0, share)
    )

    assert play.agree(mixed, "value", lambda yes, no: share * yes.value + (1 - share) * no.value, yes, no)


@given(programs(reduction="none"))
def test_multilabel_soft_margin_8_gradient(play, program):
    program = everything(program)
    x, y = program.exact("input"), program.exact("target")

    def law():
        return upstream(program) * weights(program) * ((1 - y) * x.sigmoid() - y * (-x).sigmoid())

    assert play.agree(program, "grad input", law)


@given(programs(reduction="none", spread="near"))
def test_multilabel_soft_margin_9_gradient_of_the_target(play, program):
    program = everything(program)

    assert play.agree(program, "grad target", lambda: -upstream(program) * weights(program) * program.exact("input"))


@given(programs(reduction="none", spread="near"), st.sampled_from(["input", "target"]), st.integers(0, 300))
def test_multilabel_soft_margin_10_nan_gives_nan(play, program, name, place):
    assume(program.tensors[name].data)
    spoiled = program.with_tensors(**{name: some.planted(program.tensors[name], place, math.nan)})

    assert (play(spoiled).value.isnan() == spoiled.exact(name).isnan().any(-1)).all()


@given(programs(reduction="none", spread="near", kinds=some.one_of_these("hot")), st.booleans())
def test_multilabel_soft_margin_11_infinite_logits_are_certain_answers(play, program, right):
    input = torch.where((program.exact("target") == 1) == right, math.inf, -math.inf)
    certain = without(program, "weight").with_tensors(input=some.from_torch(input, program.dtype))
    certain = dataclasses.replace(certain, differentiate=())

    assert (play(certain).value == (0.0 if right else math.inf)).all()


@some.every
@given(SHAPES_APART, some.DTYPES)
def test_multilabel_soft_margin_12_refuses_targets_of_another_shape(play, shapes, dtype):
    input, target = (TensorData(dtype, shape, (1.0,) * math.prod(shape)) for shape in shapes)

    assert play.refuses(LossProgram("multilabel_soft_margin", {}, {"input": input, "target": target}))


@given(some.DTYPES)
def test_multilabel_soft_margin_13_refuses_weights_of_another_shape(play, dtype):
    tensors = {name: TensorData(dtype, (2, 3), (1.0,) * 6) for name in ("input", "target")}
    for shape in NO_WEIGHTS:
        weight = some.rounded(dtype, shape, [1.0] * math.prod(shape))

        assert play.refuses(LossProgram("multilabel_soft_margin", {"weight": weight}, tensors))
