"""multilabel_margin: the clauses of spec/losses/multilabel_margin.md as properties of a backend."""

import dataclasses
import math

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.losses.test_multi_margin import classes, shared
from torchstone.conformance.program import LossProgram, TensorData

COUNTS = some.one_of_these(3, 2, 1, 4, 5, 17)
NO_LABELS = some.one_of_these(-2, 3, 4, -100, 255, 2**40)
SHAPES_APART = st.sampled_from(
    [
        ((2, 3), (3,)),
        ((2, 3), (2, 1)),
        ((2, 3), (2,)),
        ((2, 3, 4), (2, 3, 4)),
        ((3,), (2,)),
        ((1, 3), (2, 3)),
        ((3,), ()),
    ]
)


def labels(draw, samples, count):
    """Targets with all numbers of labels, many with something after the first -1."""
    return some.picks(draw, samples * count, (*range(count), -1, *([-1] * (count // 2)), *range(count)))


@st.composite
def programs(draw, *, reduction=None, batch=False, spread=None):
    """Scores that are often at the margin, and labels."""
    draw = some.Choices(draw)
    dtype, count, samples = draw(some.DTYPES), draw(COUNTS), draw(some.SAMPLES)
    shape = (samples if samples * count <= 600 else 2, count)
    if not batch and draw(some.RARELY):
        shape = (count,)
    input = some.tensor(draw, dtype, shape, spread)
    target = some.data(draw, "int64", shape, labels(draw, math.prod(shape[:-1]), count))
    tensors = {"input": input, "target": target}
    return some.loss_program(draw, "multilabel_margin", tensors, {}, reduction=reduction)


PROGRAMS = programs()
BATCHES = programs(reduction="none", batch=True)


def value_shape(program):
    return program.tensors["input"].shape[:-1]


def is_label(program):
    """Where the target holds a label, before the first -1."""
    return (program.exact("target") == -1).cumsum(-1) == 0


def pairs(program):
    """How often each class counts as a label, and which are none."""
    index = torch.where(is_label(program), program.exact("target"), classes(program))
    times = torch.nn.functional.one_hot(index, classes(program) + 1)[..., :-1].sum(-2)
    return times, times == 0


def differences(program):
    """z of every class as a label and every class beside it, and how often the pair counts."""
    x, (times, other) = program.exact("input"), pairs(program)
    return 1 - x.unsqueeze(-1) + x.unsqueeze(-2), times.unsqueeze(-1) * other.unsqueeze(-2)


def small(index, dtype="int64", component="multilabel_margin"):
    """Two samples of three classes, the second with these targets."""
    return LossProgram(
        component,
        {},
        {
            "input": TensorData("float64", (2, 3), (0.5,) * 6),
            "target": some.rounded(dtype, (2, 3), [1, 0, 1, *index]),
        },
    )


@given(programs(reduction="none"))
def test_multilabel_margin_1_loss_of_a_sample(play, program):
    def law():
        z, count = differences(program)
        return torch.where(count > 0, count * z.clamp(min=0.0), 0.0).sum((-2, -1)) / classes(program)

    assert play.agree(program, "value", law)


@given(PROGRAMS)
def test_multilabel_margin_1_agrees_with_the_reference(play, program):
    assert play.conforms(program)


@given(PROGRAMS, st.sampled_from([0, -1]))
def test_multilabel_margin_2_what_stands_after_the_labels_does_not_matter(play, program, filling):
    y = program.exact("target")
    kept = is_label(program) | ((y == -1) & ((y == -1).cumsum(-1) == 1))  # the labels, and the -1 that ends them
    other = program.with_tensors(target=some.from_torch(torch.where(kept, y, filling)))

    assert play.agree(other, "value", lambda plain: plain.value, program)


@given(programs(reduction="none"), st.booleans())
def test_multilabel_margin_3_without_pairs_there_is_no_loss(play, program, every):
    shape, count = program.tensors["target"].shape, classes(program)
    target = some.from_torch((torch.arange(count) if every else torch.tensor([-1] * count)).expand(shape))
    trace = play(dataclasses.replace(program.with_tensors(target=target), differentiate=("input",)))

    assert (trace.value == 0).all()
    assert (trace.grad("input") == 0).all()


@given(programs(reduction="none"))
def test_multilabel_margin_4_order_of_the_labels_does_not_matter(play, program):
    y, label = program.exact("target"), is_label(program)
    ordered = torch.where(label, torch.where(label, y, -1).sort(-1, descending=True).values, -1)
    other = program.with_tensors(target=some.from_torch(ordered))

    assert play.agree(other, "value", lambda plain: plain.value, program)


@given(programs(reduction="none"))
def test_multilabel_margin_4_a_label_that_is_given_twice_counts_twice(play, program):
    count = classes(program)
    assume(count > 2)
    shape = program.tensors["target"].shape
    once, twice = (
        program.with_tensors(target=some.from_torch(torch.tensor(row + [-1] * (count - len(row))).expand(shape)))
        for row in ([1], [1, 1])
    )

    assert play.agree(twice, "value", lambda once: 2 * once.value, once)


@given(PROGRAMS)
def test_multilabel_margin_5_one_label_is_multi_margin(play, program):
    count = classes(program)
    index = program.exact("target")[..., 0].clamp(min=0)
    rest = torch.full((*index.shape, count - 1), -1)
    single = program.with_tensors(target=some.from_torch(torch.cat([index.unsqueeze(-1), rest], -1)))
    multi = dataclasses.replace(
        program.with_tensors(target=some.from_torch(index)), component="multi_margin", differentiate=()
    )

    assert play.agree(single, "value", lambda multi: multi.value, multi)


@given(PROGRAMS)
def test_multilabel_margin_6_one_sample_is_a_batch_of_one(play, program):
    assume(program.tensors["target"].data)
    one, alone = shared(program)
    rows = some.reshaped(program.tensors["target"], lambda t: t.reshape(-1, classes(program)))
    one = one.with_tensors(target=some.reshaped(rows, lambda t: t[0]))
    alone = alone.with_tensors(target=some.reshaped(rows, lambda t: t[:1]))

    assert play.agree(one, "value", lambda alone: alone.value.reshape(()), alone)
    if one.differentiate:
        assert play.agree(one, "grad input", lambda alone: alone.grad("input")[0], alone)


@given(programs(reduction="none"))
def test_multilabel_margin_7_gradient(play, program):
    program = dataclasses.replace(program, differentiate=("input",))
    u = some.exact_upstream(program, value_shape(program)).unsqueeze(-1) / classes(program)

    def law():
        z, count = differences(program)
        beyond = torch.where(z > 0, count, 0).double()
        return u * (beyond.sum(-2) - beyond.sum(-1))

    assert play.agree(program, "grad input", law)


@given(programs(reduction="none"))
def test_multilabel_margin_7_gradient_at_the_margin(play, program):
    times, _ = pairs(program)
    tied = program.with_tensors(input=some.from_torch((times > 0).double(), program.dtype))
    trace = play(dataclasses.replace(tied, differentiate=("input",)))

    assert (trace.value == 0).all()
    assert (trace.grad("input") == 0).all()


@given(programs(reduction="none", spread="near"), st.integers(0, 300))
def test_multilabel_margin_8_nan_gives_nan(play, program, place):
    assume(program.tensors["target"].data)
    spoiled = program.with_tensors(input=some.planted(program.tensors["input"], place, math.nan))
    times, other = pairs(spoiled)
    nan = spoiled.exact("input").isnan().any(-1) & (times > 0).any(-1) & other.any(-1)

    assert play(spoiled).value[nan].isnan().all()


@given(programs(reduction="none", spread="near"), st.sampled_from([math.inf, -math.inf]), st.booleans())
def test_multilabel_margin_9_infinite_scores(play, program, number, of_the_labels):
    times, other = pairs(program)
    x = torch.where((times > 0) == of_the_labels, number, program.exact("input"))
    infinite = dataclasses.replace(program.with_tensors(input=some.from_torch(x, program.dtype)), differentiate=())
    beyond = (times > 0).any(-1) & other.any(-1) & ((number < 0) == of_the_labels)

    assert (play(infinite).value == torch.where(beyond, math.inf, 0.0)).all()


@given(programs(reduction="none", spread="near"), st.sampled_from([math.inf, -math.inf]))
def test_multilabel_margin_9_equal_infinities_give_nan(play, program, number):
    times, other = pairs(program)
    input = some.changed(some.separate(program.tensors["input"]), lambda _: number)
    value = play(program.with_tensors(input=input)).value

    assert value[(times > 0).any(-1) & other.any(-1)].isnan().all()


@some.every
@given(NO_LABELS, st.integers(0, 2), st.booleans())
def test_multilabel_margin_10_refuses_what_is_no_class(play, index, place, ended):
    row = [0, 1, 2]
    row[place] = index
    if ended and place:
        row[0] = -1

    assert play.refuses(small(row))


@given(SHAPES_APART)
def test_multilabel_margin_11_refuses_targets_of_another_shape(play, shapes):
    input, target = shapes
    tensors = {
        "input": TensorData("float64", input, (0.5,) * math.prod(input)),
        "target": TensorData("int64", target, (0,) * math.prod(target)),
    }

    assert play.refuses(LossProgram("multilabel_margin", {}, tensors))


@given(st.just(()))
def test_multilabel_margin_11_refuses_scores_without_dimensions(play, shape):
    tensors = {"input": TensorData("float64", shape, (0.5,)), "target": TensorData("int64", shape, (0,))}

    assert play.refuses(LossProgram("multilabel_margin", {}, tensors))


@given(st.sampled_from(["float64", "float32", "bool"]))
def test_multilabel_margin_12_refuses_targets_that_are_no_integers(play, dtype):
    assert play.refuses(small([1, 0, 1], dtype))
