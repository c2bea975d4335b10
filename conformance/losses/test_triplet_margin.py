"""triplet_margin: the clauses of spec/losses/triplet_margin.md as properties of a backend."""

import dataclasses
import math

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.losses.test_smooth_l1 import SCALES
from torchstone.conformance.losses.test_softmax import SMALL_EXACT
from torchstone.conformance.program import LossProgram

NAMES = ("anchor", "positive", "negative")
MARGINS = some.one_of_these(1.0, 0.5, 2.0, 8.0, 0.1, 1)
DEGREES = some.one_of_these(2.0, 1.0, 3.0, math.inf, 1.5, 2, 1)
SMALL = some.one_of_these(1e-6, 0.0, 1e-3, 0.25)
COUNTS = some.one_of_these(2, 1, 3, 0, 5, 17)
SIZES = some.one_of_these(2, 1, 3, 4, 9, 20)
NO_MARGIN = some.one_of_these(0.0, -1.0, math.nan, -math.inf, 0, -1e-9)
NO_SHAPE = (
    ((2, 3), (2, 3), (3,)),
    ((3,), (2, 3), (2, 3)),
    ((2, 3), (1, 3), (2, 3)),
    ((2, 3), (2, 3), (2, 1)),
    ((2, 3), (2, 4), (2, 3)),
    ((2, 3), (2, 3), (4, 3)),
    ((3,), (3,), (1,)),
)


def plain(draw, dtype, shape):
    return [some.tensor(draw, dtype, shape, "near") for _ in NAMES]


def any_numbers(draw, dtype, shape):
    return [some.tensor(draw, dtype, shape, "spread" if draw(some.RARELY) else "near") for _ in NAMES]


def exact(draw, dtype, shape):
    """Vectors whose differences are exact in every dtype."""
    return [some.data(draw, dtype, shape, some.picks(draw, math.prod(shape), SMALL_EXACT)) for _ in NAMES]


@st.composite
def triplet_programs(draw, /, vectors=plain, *, reduction=None, batch=False, **fixed):
    """Triplets of vectors, a batch or one alone."""
    draw = some.Choices(draw)
    dtype, shape = draw(some.DTYPES), (draw(COUNTS), draw(SIZES))
    if not batch and draw(some.RARELY):
        shape = shape[1:]
    choices = {"margin": MARGINS, "p": DEGREES, "eps": SMALL, "swap": some.BOOLEANS}
    options = {name: draw(choice) for name, choice in choices.items() if draw(some.BOOLEANS)}
    tensors = dict(zip(NAMES, vectors(draw, dtype, shape), strict=True))
    return some.loss_program(draw, "triplet_margin", tensors, options | fixed, reduction=reduction, gradients=NAMES)


PROGRAMS = triplet_programs(any_numbers)
BATCHES = triplet_programs(reduction="none", batch=True)
UNREDUCED = triplet_programs(reduction="none")


def value_shape(program):
    """One number for each vector."""
    return program.tensors["anchor"].shape[:-1]


def option(program, name):
    return program.options.get(name, {"margin": 1.0, "p": 2.0, "eps": 1e-6, "swap": False}[name])


def distance(program, x, y):
    """The distance between two of the tensors, by torch's own norm."""
    e = program.exact(x) - program.exact(y) + option(program, "eps")
    return torch.linalg.vector_norm(e, option(program, "p"), -1)


def differentiated(program):
    return dataclasses.replace(program, differentiate=NAMES)


def each(program, change):
    """The program with its three tensors put through a function of the data."""
    return program.with_tensors(**{name: change(program.tensors[name]) for name in NAMES})


def of_numbers(dtype, anchor, positive, negative, **options):
    """One triplet of these vectors."""
    tensors = {
        name: some.rounded(dtype, (1, len(vector)), vector)
        for name, vector in zip(NAMES, (anchor, positive, negative), strict=True)
    }
    return LossProgram("triplet_margin", {"reduction": "none", **options}, tensors, NAMES)


@given(triplet_programs(reduction="none", swap=False))
def test_triplet_margin_1_what_is_missing_of_the_margin(play, program):
    def law():
        near, far = distance(program, "anchor", "positive"), distance(program, "anchor", "negative")
        return (near - far + option(program, "margin")).clamp(min=0.0)

    assert play.agree(program, "value", law)


@given(PROGRAMS)
def test_triplet_margin_1_agrees_with_the_reference(play, program):
    assert play.conforms(program)


@given(triplet_programs(reduction="none", swap=False, margin=64.0))
def test_triplet_margin_2_distance_is_the_norm_of_the_differences(play, program):
    assume(option(program, "p") != math.inf)
    near, far = (program.exact("anchor") - program.exact(name) + option(program, "eps") for name in NAMES[1:])
    q = float(option(program, "p"))

    def norm(e):
        return (e.abs() ** q).sum(-1) ** (1 / q)

    assert play.agree(program, "value", lambda: norm(near) - norm(far) + 64.0)


@given(st.sampled_from([0.25, 0.5]), st.sampled_from([1.0, 2.0, math.inf]), some.DTYPES)
def test_triplet_margin_2_the_small_number_keeps_its_sign(play, eps, p, dtype):
    program = of_numbers(dtype, [1.0], [2.0], [0.0], eps=eps, p=p, margin=4.0)

    assert play.agree(program, "value", 4.0 - 2 * eps)


@given(st.sampled_from([1.0, 2.0, 3.0, 1.5]), some.DTYPES)
def test_triplet_margin_2_the_distance_of_equals_is_zero(play, p, dtype):
    program = of_numbers(dtype, [0.5, 1.0], [0.5, 1.0], [0.5, 3.0], p=p, eps=0.0, margin=4.0)

    assert play.agree(program, "value", 2.0)


@given(triplet_programs(exact, reduction="none", p=math.inf, swap=False, eps=0.0))
def test_triplet_margin_3_the_largest_difference(play, program):
    near, far = ((program.exact("anchor") - program.exact(name)).abs().amax(-1) for name in NAMES[1:])

    assert play.agree(program, "value", lambda: (near - far + option(program, "margin")).clamp(min=0.0))


@given(triplet_programs(reduction="none"))
def test_triplet_margin_4_swap_takes_the_nearer_of_two(play, program):
    # The margin is so large that no hinge bends.
    swapped, unswapped = (program.with_options(swap=swap, margin=64.0) for swap in (True, False))

    def law(unswapped):
        near, far = distance(program, "anchor", "positive"), distance(program, "positive", "negative")
        return torch.maximum(unswapped.value, near - far + 64.0)

    assert play.agree(swapped, "value", law, unswapped)


@given(triplet_programs(swap=False, reduction="none"))
def test_triplet_margin_5_a_positive_that_is_the_negative_costs_the_margin(play, program):
    same = program.with_tensors(negative=program.tensors["positive"])

    assert play.agree(same, "value", float(option(program, "margin")))


@given(triplet_programs(batch=True, reduction="none"))
def test_triplet_margin_6_one_triplet_is_a_batch_of_one(play, program):
    assume(program.tensors["anchor"].shape[0])
    alone = each(program, lambda data: some.reshaped(data, lambda t: t[0]))
    batch = each(program, lambda data: some.reshaped(data, lambda t: t[:1]))

    assert play(alone).value.shape == ()
    assert play.agree(alone, "value", lambda batch: batch.value[0], batch)


@given(PROGRAMS, st.integers(1, 5))
def test_triplet_margin_7_order_of_the_numbers_does_not_matter(play, program, turn):
    turned = each(program, lambda data: some.reshaped(data, lambda t: t.roll(turn, -1).flip(-1)))

    assert play.agree(turned, "value", lambda plain: plain.value, program)


@given(triplet_programs(), SCALES)
def test_triplet_margin_8_scales_with_the_numbers(play, program, scale):
    scaled = each(program, lambda data: some.changed(data, lambda v: scale * v)).with_options(
        margin=scale * option(program, "margin"), eps=scale * option(program, "eps")
    )

    assert play.agree(scaled, "value", lambda plain: scale * plain.value, program)


@given(triplet_programs(exact), st.sampled_from([1.0, -4.0, 16.0]))
def test_triplet_margin_9_shifting_all_vectors_changes_nothing(play, program, shift):
    shifted = each(program, lambda data: some.changed(data, lambda v: v + shift))

    assert play.agree(shifted, "value", lambda plain: plain.value, program)


@given(triplet_programs(reduction="none", swap=False, margin=64.0))
def test_triplet_margin_10_gradient(play, program):
    assume(option(program, "p") != math.inf)
    unit, q = differentiated(program), float(option(program, "p"))
    u = some.exact_upstream(unit, value_shape(unit)).unsqueeze(-1)

    def slope(name):
        e = unit.exact("anchor") - unit.exact(name) + option(unit, "eps")
        d = distance(unit, "anchor", name).unsqueeze(-1)
        return u * torch.where(d == 0, 0.0, e.sign() * (e.abs() / torch.where(d == 0, 1.0, d)) ** (q - 1))

    assert play.agree(unit, "grad anchor", lambda: slope("positive") - slope("negative"))
    assert play.agree(unit, "grad positive", lambda: -slope("positive"))
    assert play.agree(unit, "grad negative", lambda: slope("negative"))


@given(triplet_programs())
def test_triplet_margin_10_gradient_agrees_with_the_reference(play, program):
    assert play.conforms(differentiated(program))


@given(some.DTYPES, st.sampled_from([1.0, 2.0, math.inf]))
def test_triplet_margin_11_gradient_at_the_margin_is_that_of_the_line(play, dtype, p):
    trace = play(of_numbers(dtype, [0.0], [1.0], [3.0], margin=2.0, p=p, eps=0.0))

    assert trace.value.item() == 0
    assert [trace.grad(name).item() for name in NAMES] == [0.0, 1.0, -1.0]


@given(some.DTYPES, st.sampled_from([1.0, 2.0, 3.0, 1.5, math.inf]), st.sampled_from([1, 2, 5]))
def test_triplet_margin_12_gradient_of_a_distance_of_zero(play, dtype, p, size):
    here = [0.5] * size
    trace = play(of_numbers(dtype, here, here, here, p=p, eps=0.0))

    assert all((trace.grad(name) == 0).all() for name in NAMES)


@given(triplet_programs(reduction="none", batch=True), st.sampled_from(NAMES), st.integers(0, 300))
def test_triplet_margin_13_nan_gives_nan(play, program, name, place):
    assume(program.tensors[name].data)
    spoiled = program.with_tensors(**{name: some.planted(program.tensors[name], place, math.nan)})

    assert (play(spoiled).value.isnan() == spoiled.exact(name).isnan().any(-1)).all()


@given(
    triplet_programs(reduction="none", batch=True, swap=False),
    st.sampled_from(NAMES),
    st.integers(0, 300),
    st.sampled_from([math.inf, -math.inf]),
)
def test_triplet_margin_13_infinities(play, program, name, place, infinity):
    assume(program.tensors[name].data)
    far = program.with_tensors(**{name: some.planted(program.tensors[name], place, infinity)})
    value, here = play(far).value, far.exact(name).isinf().any(-1)

    if name == "anchor":
        assert value[here].isnan().all()
    else:
        assert (value[here] == (math.inf if name == "positive" else 0.0)).all()
    assert value[~here].isfinite().all()


@some.every
@given(NO_MARGIN, some.DTYPES)
def test_triplet_margin_14_refuses_margins_that_are_not_positive(play, margin, dtype):
    assert play.refuses(of_numbers(dtype, [0.0], [1.0], [3.0], margin=margin))


@given(some.DTYPES)
def test_triplet_margin_15_refuses_tensors_of_different_shapes(play, dtype):
    for program in some.of_shapes("triplet_margin", NAMES, NO_SHAPE, dtype):
        assert play.refuses(program)
