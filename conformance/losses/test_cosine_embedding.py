"""cosine_embedding: the clauses of spec/losses/cosine_embedding.md as properties of a backend."""

import dataclasses
import math

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import LossProgram

NAMES = ("input1", "input2")
DIFFERENTIABLE = NAMES
MARGINS = some.one_of_these(0.0, 0.5, -0.5, 1.0, -1.0, 0.1, 0)
COUNTS = some.one_of_these(2, 1, 3, 0, 5, 17)
SIZES = some.one_of_these(2, 1, 3, 4, 9)
NO_MARGIN = some.one_of_these(1.5, -1.5, math.nan, math.inf, -math.inf, 2)
NO_SHAPE = st.sampled_from(
    [((2, 3), (3,)), ((2, 3), (1, 3)), ((2, 3), (2, 1)), ((3,), (1,)), ((2, 3), (2, 4)), ((2, 3, 1), (2, 3, 1))]
)
NO_TARGET = st.sampled_from(
    [((2, 3), (1,)), ((2, 3), ()), ((2, 3), (3,)), ((2, 3), (2, 1)), ((2, 3), (2, 3)), ((3,), (1,)), ((3,), (3,))]
)


@st.composite
def cosine_programs(draw, /, spread="near", *, reduction=None, batch=False, label=None, **fixed):
    """Pairs of vectors with their labels, a batch or one alone; some pairs are equal."""
    draw = some.Choices(draw)
    dtype, shape = draw(some.DTYPES), (draw(COUNTS), draw(SIZES))
    if not batch and draw(some.RARELY):
        shape = shape[1:]
    options = {"margin": draw(MARGINS)} if draw(some.BOOLEANS) else {}
    first = some.tensor(draw, dtype, shape, spread)
    second = some.separate(first) if draw(some.RARELY) else some.tensor(draw, dtype, shape, spread)
    labels = some.labels(draw, dtype, shape[:-1])
    target = labels if label is None else some.changed(labels, lambda _: label)
    tensors = {"input1": first, "input2": second, "target": target}
    return some.loss_program(draw, "cosine_embedding", tensors, options | fixed, reduction=reduction, gradients=NAMES)


PROGRAMS = cosine_programs()
BATCHES = cosine_programs(reduction="none", batch=True)
UNREDUCED = cosine_programs(reduction="none")


def value_shape(program):
    """One number for each pair."""
    return program.tensors["input1"].shape[:-1]


def margin(program):
    return program.options.get("margin", 0.0)


def norm(x):
    return torch.sqrt((x * x).sum(-1) + 1e-12)


def cosine(program):
    """The cosine, as the page writes it."""
    x, y = (program.exact(name) for name in NAMES)
    return (x * y).sum(-1) / norm(x) / norm(y)


def each(program, change):
    """The program with its two vectors put through a function of the data."""
    return program.with_tensors(**{name: change(program.tensors[name]) for name in NAMES})


def labelled(program, label):
    """The program with this label everywhere."""
    return program.with_tensors(target=some.changed(some.separate(program.tensors["target"]), lambda _: label))


def of_numbers(dtype, first, second, label, **options):
    """One pair of these vectors in a batch."""
    vectors = dict(zip(NAMES, (first, second), strict=True))
    tensors = {name: some.rounded(dtype, (1, len(vector)), vector) for name, vector in vectors.items()}
    tensors["target"] = some.rounded(dtype, (1,), [label])
    return LossProgram("cosine_embedding", {"reduction": "none", **options}, tensors, NAMES)


@given(cosine_programs(reduction="none", label=1.0))
def test_cosine_embedding_1_pairs_that_are_alike_cost_what_their_cosine_lacks(play, program):
    assert play.agree(program, "value", lambda: 1 - cosine(program))


@given(PROGRAMS)
def test_cosine_embedding_1_agrees_with_the_reference(play, program):
    assert play.conforms(program)


@given(cosine_programs(reduction="none", label=-1.0))
def test_cosine_embedding_2_others_cost_what_exceeds_the_margin(play, program):
    assert play.agree(program, "value", lambda: (cosine(program) - margin(program)).clamp(min=0.0))


@given(st.sampled_from(["float64", "float32", "bfloat16"]), st.sampled_from([1e-6, 2e-6, 5e-7]), st.booleans())
def test_cosine_embedding_3_a_small_number_is_added_to_the_squares(play, dtype, size, both):
    program = of_numbers(dtype, [size], [size if both else 1.0], -1.0)

    assert play.agree(program, "value", lambda: cosine(program))


@given(UNREDUCED, st.sampled_from(NAMES), st.booleans())
def test_cosine_embedding_4_a_vector_of_zeros_has_the_cosine_zero(play, program, name, both):
    names = NAMES if both else (name,)
    zeros = {name: some.changed(some.separate(program.tensors[name]), lambda _: 0.0) for name in names}
    program = dataclasses.replace(program.with_tensors(**zeros), differentiate=())
    expected = torch.where(program.exact("target") == 1, 1.0, max(0.0, -margin(program)))

    assert play.agree(program, "value", expected)


@given(PROGRAMS)
def test_cosine_embedding_5_inputs_may_be_exchanged(play, program):
    turned = program.with_tensors(input1=program.tensors["input2"], input2=program.tensors["input1"])

    assert play.agree(turned, "value", lambda plain: plain.value, program)


@given(PROGRAMS, st.integers(1, 5), st.booleans())
def test_cosine_embedding_6_order_and_signs_of_the_numbers_do_not_matter(play, program, turn, negative):
    def changed(x):
        sign = torch.ones(x.shape[-1], dtype=torch.float64)
        sign[0] = -1.0 if negative else 1.0
        return (sign * x).roll(turn, -1).flip(-1)

    turned = each(program, lambda data: some.reshaped(data, changed))

    assert play.agree(turned, "value", lambda plain: plain.value, program)


@given(cosine_programs(reduction="none", margin=-1.0))
def test_cosine_embedding_7_losses_of_both_labels_add_up_to_two(play, program):
    assume(all((program.exact(name) != 0).any(-1).all() for name in NAMES))
    alike, apart = labelled(program, 1.0), labelled(program, -1.0)

    assert play.agree(apart, "value", lambda alike: 2 - alike.value, alike)


@given(cosine_programs(batch=True, reduction="none"))
def test_cosine_embedding_8_one_pair_is_a_batch_of_one(play, program):
    assume(program.tensors["target"].data)
    alone, batch = (
        program.with_tensors(
            **{name: some.reshaped(data, lambda t, i=i: t[i]) for name, data in program.tensors.items()}
        )
        for i in (0, slice(1))
    )

    assert play(alone).value.shape == ()
    assert play.agree(alone, "value", lambda batch: batch.value[0], batch)


@given(UNREDUCED)
def test_cosine_embedding_9_gradient(play, program):
    unit, cos = dataclasses.replace(program, differentiate=NAMES), cosine(program).unsqueeze(-1)
    same = unit.exact("target").unsqueeze(-1) == 1
    assume(((cos - margin(unit)).abs() > 0.02)[~same].all())
    u = some.exact_upstream(unit, value_shape(unit)).unsqueeze(-1)

    def slope(name, other):
        x, y = unit.exact(name), unit.exact(other)
        turned = (y / norm(y).unsqueeze(-1) - cos * x / norm(x).unsqueeze(-1)) / norm(x).unsqueeze(-1)
        return u * torch.where(same, -turned, torch.where(cos > margin(unit), turned, 0.0))

    assert play.agree(unit, "grad input1", lambda: slope("input1", "input2"))
    assert play.agree(unit, "grad input2", lambda: slope("input2", "input1"))


@given(some.DTYPES)
def test_cosine_embedding_10_gradient_at_the_margin_is_that_of_the_line(play, dtype):
    program = of_numbers(dtype, [1.0, 0.0], [0.0, 1.0], -1.0)

    assert play.agree(program, "value", 0.0)
    assert play.agree(program, "grad input1", torch.tensor([[0.0, 1 / (1 + 1e-12)]], dtype=torch.float64))
    assert play.agree(program, "grad input2", torch.tensor([[1 / (1 + 1e-12), 0.0]], dtype=torch.float64))


@given(
    cosine_programs(reduction="none", batch=True),
    st.sampled_from(NAMES),
    st.integers(0, 300),
    st.sampled_from([math.nan, math.inf, -math.inf]),
)
def test_cosine_embedding_11_what_is_no_number_gives_nan(play, program, name, place, value):
    assume(program.tensors[name].data)
    spoiled = program.with_tensors(**{name: some.planted(some.separate(program.tensors[name]), place, value)})

    assert (play(spoiled).value.isnan() == ~spoiled.exact(name).isfinite().all(-1)).all()


@given(PROGRAMS, st.sampled_from(["int64", "int32"]))
def test_cosine_embedding_12_labels_may_be_integers(play, program, dtype):
    target = program.tensors["target"]
    whole = program.with_tensors(target=some.rounded(dtype, target.shape, [int(y) for y in target.data]))

    assert play.agree(whole, "value", lambda plain: plain.value, program)


def of_shapes(dtype, first, second, target, **options):
    shapes = {"input1": first, "input2": second, "target": target}
    tensors = {name: some.rounded(dtype, shape, [1.0] * math.prod(shape)) for name, shape in shapes.items()}
    return LossProgram("cosine_embedding", options, tensors)


@some.every
@given(NO_SHAPE, some.DTYPES)
def test_cosine_embedding_13_refuses_inputs_of_other_shapes(play, shapes, dtype):
    assert play.refuses(of_shapes(dtype, *shapes, shapes[0][:-1]))


@some.every
@given(NO_TARGET, some.DTYPES)
def test_cosine_embedding_14_refuses_targets_of_other_shapes(play, shapes, dtype):
    input, target = shapes

    assert play.refuses(of_shapes(dtype, input, input, target))


@some.every
@given(NO_MARGIN, some.DTYPES)
def test_cosine_embedding_15_refuses_margins_that_are_no_cosines(play, margin, dtype):
    assert play.refuses(of_shapes(dtype, (2, 3), (2, 3), (2,), margin=margin))
