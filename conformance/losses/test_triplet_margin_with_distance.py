"""triplet_margin_with_distance: the clauses of its page as properties of a backend."""

import dataclasses
import itertools
import math

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.losses.test_triplet_margin import (
    COUNTS,
    MARGINS,
    NAMES,
    NO_MARGIN,
    NO_SHAPE,
    SIZES,
    differentiated,
    plain,
    value_shape,
)
from torchstone.conformance.program import Function, LossProgram

COMPONENT = "triplet_margin_with_distance"
DISTANCES = tuple(map(Function, ("manhattan", "squared", "one_sided")))
CHOICES = some.one_of_these(None, *DISTANCES)


@st.composite
def distance_programs(draw, /, *, reduction=None, batch=False, **fixed):
    """Triplets of vectors, a batch or one alone."""
    draw = some.Choices(draw)
    dtype, shape = draw(some.DTYPES), (draw(COUNTS), draw(SIZES))
    if not batch and draw(some.RARELY):
        shape = shape[1:]
    choices = {"distance_function": CHOICES, "margin": MARGINS, "swap": some.BOOLEANS}
    options = {name: draw(choice) for name, choice in choices.items() if draw(some.BOOLEANS)}
    tensors = dict(zip(NAMES, plain(draw, dtype, shape), strict=True))
    return some.loss_program(draw, COMPONENT, tensors, options | fixed, reduction=reduction, gradients=NAMES)


PROGRAMS = distance_programs()
BATCHES = distance_programs(reduction="none", batch=True)


def of_numbers(dtype, anchor, positive, negative, **options):
    """One triplet of these numbers, each a vector of one."""
    numbers = zip(NAMES, (anchor, positive, negative), strict=True)
    tensors = {name: some.rounded(dtype, (1, 1), [number]) for name, number in numbers}
    return LossProgram(COMPONENT, {"reduction": "none", **options}, tensors, NAMES)


def distances(program):
    """d(a, p), d(a, n) and d(p, n), in float64."""
    d, (a, p, n) = program.options["distance_function"], map(program.exact, NAMES)
    return d(a, p), d(a, n), d(p, n)


@given(distance_programs(reduction="none", swap=False), st.sampled_from(DISTANCES))
def test_triplet_margin_with_distance_1_what_is_missing_of_the_margin(play, program, d):
    program = program.with_options(distance_function=d)

    def law():
        near, far, _ = distances(program)
        return (near - far + program.options.get("margin", 1.0)).clamp(min=0.0)

    assert play.agree(program, "value", law)


@given(PROGRAMS)
def test_triplet_margin_with_distance_1_agrees_with_the_reference(play, program):
    assert play.conforms(program)


@given(distance_programs(distance_function=None))
def test_triplet_margin_with_distance_2_is_triplet_margin_without_a_function(play, program):
    options = {name: value for name, value in program.options.items() if name != "distance_function"}
    named = dataclasses.replace(program, component="triplet_margin", options=options)

    for name in ("value", *(f"grad {name}" for name in program.differentiate)):
        assert play.agree(program, name, lambda named, name=name: named.entries[0].tensors[name], named)


@given(some.DTYPES)
def test_triplet_margin_with_distance_2_the_small_number_is_a_millionth(play, dtype):
    program = of_numbers(dtype, 1.0, 2.0, 0.0)  # d(a, p) is 1 - 1e-6, and d(a, n) 1 + 1e-6

    assert play.agree(program, "value", 1.0 - 2e-6)


@given(some.DTYPES)
def test_triplet_margin_with_distance_3_order_of_the_arguments(play, dtype):
    one_sided = Function("one_sided")
    # d(a, p) = 2, d(a, n) = 3 and d(p, n) = 1; the other way round all are 0.
    first, swapped = (
        of_numbers(dtype, 3.0, 1.0, 0.0, distance_function=one_sided, swap=swap, margin=4.0) for swap in (False, True)
    )

    assert play.agree(first, "value", 3.0)
    assert play.agree(swapped, "value", 5.0)


@given(distance_programs(reduction="none", swap=True, margin=512.0), st.sampled_from(DISTANCES))
def test_triplet_margin_with_distance_4_swap_takes_the_nearer_of_two(play, program, d):
    # The margin is so large that few hinges bend.
    program = program.with_options(distance_function=d)

    def law(unswapped):
        near, _, other = distances(program)
        return torch.maximum(unswapped.value, (near - other + 512.0).clamp(min=0.0))

    assert play.agree(program, "value", law, program.with_options(swap=False))


@given(distance_programs(reduction="none", swap=False))
def test_triplet_margin_with_distance_5_costs_the_margin_where_nothing_differs(play, program):
    same = program.with_tensors(negative=some.separate(program.tensors["positive"]))

    assert play.agree(same, "value", float(program.options.get("margin", 1.0)))


@given(distance_programs(reduction="none", swap=False, distance_function=Function("squared")))
def test_triplet_margin_with_distance_6_gradient(play, program):
    unit = differentiated(program)
    (a, p, n), u = map(unit.exact, NAMES), some.exact_upstream(unit, value_shape(unit))
    near, far, _ = distances(unit)
    slack = near - far + unit.options.get("margin", 1.0)
    assume((slack.abs() > 2.0).all())
    u = torch.where(slack > 0, u, 0.0).unsqueeze(-1)

    assert play.agree(unit, "grad anchor", lambda: 2 * u * ((a - p) - (a - n)))
    assert play.agree(unit, "grad positive", lambda: -2 * u * (a - p))
    assert play.agree(unit, "grad negative", lambda: 2 * u * (a - n))


@given(some.DTYPES)
def test_triplet_margin_with_distance_7_gradient_at_the_margin_is_that_of_the_line(play, dtype):
    trace = play(of_numbers(dtype, 0.0, 1.0, 3.0, margin=2.0, distance_function=Function("manhattan")))

    assert trace.value.item() == 0
    assert [trace.grad(name).item() for name in NAMES] == [0.0, 1.0, -1.0]


@given(
    distance_programs(reduction="none", batch=True, swap=False, distance_function=Function("squared")),
    st.integers(0, 300),
)
def test_triplet_margin_with_distance_8_special_distances(play, program, place):
    assume(program.tensors["anchor"].data)
    for name, value in itertools.product(NAMES[1:], (math.nan, math.inf)):
        spoiled = program.with_tensors(**{name: some.planted(some.separate(program.tensors[name]), place, value)})
        found, there = play(spoiled).value.double(), ~spoiled.exact(name).isfinite().all(-1)
        expected = value if math.isnan(value) else math.inf if name == "positive" else 0.0

        assert (found[there].isnan() if math.isnan(expected) else found[there] == expected).all()
        assert found[~there].isfinite().all()


@some.every
@given(NO_MARGIN, some.DTYPES)
def test_triplet_margin_with_distance_9_refuses_margins_that_are_not_positive(play, margin, dtype):
    assert play.refuses(of_numbers(dtype, 0.0, 1.0, 3.0, margin=margin))


@given(some.DTYPES)
def test_triplet_margin_with_distance_10_refuses_tensors_of_different_shapes(play, dtype):
    for program in some.of_shapes(COMPONENT, NAMES, NO_SHAPE, dtype):
        assert play.refuses(program)
