"""bce: the clauses of spec/losses/bce.md as properties of a backend."""

import dataclasses
import math

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import LossProgram

INSIDE = (0.5, 0.25, 0.75, 0.125)
# Probabilities so near to 0 that their product with 1 less themselves is below 1e-12, in dtypes that have them.
TINY = (2.0**-40, 2.0**-60, 2.0**-100, 2.0**-110)
CERTAIN = (0.0, 1.0)
NO_PROBABILITY = (-0.125, 1.125, math.nan, math.inf, -math.inf, 2.0, -1e-3, 1e4)
NO_REPEATS = some.one_of_these((3,), (2, 1, 2), (4, 1), (2, 3), (1, 2, 2), (0,), (2, 2, 1))


def pair(draw, dtype, shape):
    """Probabilities of all sizes, the ends included."""
    return some.unit_interval(draw, dtype, shape), some.unit_interval(draw, dtype, shape)


def inside(draw, dtype, shape):
    """Probabilities from 0.01 to 0.99, and any targets."""
    raw = some.numbers(draw, math.prod(shape), dtype, "near", INSIDE)
    between = [abs(v) / 100 if abs(v) >= 1 else min(max(abs(v), 0.01), 0.99) for v in raw]
    return some.data(draw, dtype, shape, between), some.unit_interval(draw, dtype, shape)


def dyadic(draw, dtype, shape):
    """Probabilities and targets whose distance to 1 is exact in every dtype."""
    count = math.prod(shape)
    raw = draw(st.binary(min_size=2 * count, max_size=2 * count))
    input, target = ([(byte % 16 + 0.5) / 16 for byte in raw[i::2]] for i in range(2))
    return some.data(draw, dtype, shape, input), some.data(draw, dtype, shape, [math.floor(8 * y) / 8 for y in target])


def certain(draw, dtype, shape):
    """Inputs that are 0 and 1, and any targets."""
    raw = draw(st.binary(min_size=math.prod(shape), max_size=math.prod(shape)))
    return some.data(draw, dtype, shape, [float(byte & 1) for byte in raw]), some.unit_interval(draw, dtype, shape)


def bce_programs(tensors, *, reduction=None, batch=False):
    return some.elementwise_programs("bce", tensors, weights=("weight",), reduction=reduction, batch=batch)


PROGRAMS = bce_programs(pair)
BATCHES = bce_programs(pair, reduction="none", batch=True)


def weight(program):
    """The element weights in float64, repeated to the shape of the input."""
    given = program.options.get("weight")
    one = torch.ones((), dtype=torch.float64)
    return (one if given is None else given.torch(torch.float64)).expand(program.tensors["input"].shape)


def both(program):
    return dataclasses.replace(program, differentiate=("input", "target"))


def small(component="bce", target="float64", shapes=((2, 2), (2, 2)), dtype="float64", **options):
    """A few probabilities of one half, and targets of one."""
    input, targets = shapes
    return LossProgram(
        component,
        options,
        {
            "input": some.rounded(dtype, input, [0.5] * math.prod(input)),
            "target": some.rounded(target, targets, [1] * math.prod(targets)),
        },
    )


def table(dtype, inputs, targets, component="bce", weight=None):
    """All of these inputs with all of these targets, unreduced."""
    tensors = {
        "input": some.rounded(dtype, (len(inputs), len(targets)), [x for x in inputs for _ in targets]),
        "target": some.rounded(dtype, (len(inputs), len(targets)), list(targets) * len(inputs)),
    }
    options = {"reduction": "none"} | ({} if weight is None else {"weight": some.rounded(dtype, (), [weight])})
    return LossProgram(component, options, tensors, ("input", "target"))


@given(PROGRAMS)
def test_bce_1_value_agrees_with_the_reference(play, program):
    assert play.conforms(dataclasses.replace(program, differentiate=()))


@given(bce_programs(certain, reduction="none"))
def test_bce_2_a_certain_answer_costs_at_most_100(play, program):
    x, y = program.exact("input"), program.exact("target")

    assert play.agree(program, "value", lambda: weight(program) * 100 * torch.where(x == 0, y, 1 - y))


@given(some.DTYPES, st.sampled_from([1e-44, 5e-324, 1e-45, 4e-44, 1e-43]), st.sampled_from([1.0, 0.5]))
def test_bce_2_a_logarithm_below_minus_100_is_cut(play, dtype, least, target):
    program = small(shapes=((1,), (1,)), dtype=dtype, target=dtype, reduction="none").with_tensors(
        input=some.rounded(dtype, (1,), [least]), target=some.rounded(dtype, (1,), [target])
    )

    assert play.agree(program, "value", lambda: -target * program.exact("input").log().clamp(min=-100.0))


@given(PROGRAMS)
def test_bce_3_weights_are_repeated_to_the_shape_of_the_input(play, program):
    assume("weight" in program.options)
    shape = program.tensors["input"].shape
    whole = program.with_options(weight=some.reshaped(program.options["weight"], lambda w: w.expand(shape)))

    assert play.agree(program, "value", lambda whole: whole.value, whole)


@given(bce_programs(pair, reduction="none"))
def test_bce_3_weights_multiply_the_loss_of_each_element(play, program):
    bare = dataclasses.replace(program, options={"reduction": "none"})

    assert play.agree(program, "value", lambda bare: weight(program) * bare.value, bare)


@given(some.DTYPES)
def test_bce_3_weights_of_one_axis_belong_to_the_last(play, dtype):
    weights = some.rounded(dtype, (2,), [1.0, 3.0])
    program = table(dtype, (0.5, 0.25), (1.0, 0.5)).with_options(weight=weights)
    whole = program.with_options(weight=some.reshaped(weights, lambda w: w.expand(2, 2)))

    assert play.agree(program, "value", lambda whole: whole.value, whole)


@given(bce_programs(pair, reduction="mean"))
def test_bce_4_mean_divides_by_the_number_of_elements(play, program):
    total = program.with_options(reduction="sum")
    count = math.prod(program.tensors["input"].shape)

    assert play.agree(program, "value", lambda total: total.value / count, total)


@given(bce_programs(dyadic))
def test_bce_5_yes_and_no_are_alike(play, program):
    other = program.with_tensors(
        **{name: some.changed(data, lambda v: 1 - v) for name, data in program.tensors.items()}
    )

    assert play.agree(other, "value", lambda plain: plain.value, program)


@given(some.DTYPES, st.integers(0, 30))
def test_bce_6_log_of_one_less_a_small_number_is_precise(play, dtype, shift):
    x = some.rounded(dtype, (1,), [2.0 ** -(54 + shift if dtype == "float64" else 25 + shift)])
    assume(x.data[0] > 0)
    program = small(dtype=dtype, reduction="sum").with_tensors(input=x, target=some.rounded(dtype, (1,), [0.0]))

    assert play.agree(program, "value", x.data[0])


@given(bce_programs(inside, reduction="none"))
def test_bce_7_gradient(play, program):
    x, y = program.exact("input"), program.exact("target")
    u = weight(program) * some.exact_upstream(program, x.shape)

    assert play.agree(both(program), "grad input", lambda: u * ((1 - y) / (1 - x) - y / x))


@given(bce_programs(inside))
def test_bce_7_gradient_agrees_with_the_reference(play, program):
    assert play.conforms(both(program))


@given(some.DTYPES)
def test_bce_7_gradient_at_tiny_probabilities(play, dtype):
    program = table(dtype, [x for x in TINY if some.rounded(dtype, (1,), [x]).data[0] == x], (1.0, 0.5, 0.0))
    x, y = program.exact("input"), program.exact("target")

    assert play.agree(program, "grad input", lambda: (1 - y) / (1 - x) - y / x)


@given(st.integers(1, 2**10), st.sampled_from([0.0, 0.5, 1.0]))
def test_bce_7_gradient_at_small_probabilities_of_float16(play, units, y):
    input = some.rounded("float16", (1,), [units * 2.0**-16])
    program = LossProgram("bce", {}, {"input": input, "target": some.rounded("float16", (1,), [y])}, ("input",))

    assert play.conforms(program)


@given(some.DTYPES, st.sampled_from([None, 3.0, 0.0]))
def test_bce_8_gradient_at_the_ends(play, dtype, weight):
    program = table(dtype, (0.0, 1.0), (0.0, 1.0, 0.5, 0.25), weight=weight)
    x, y = program.exact("input"), program.exact("target")

    assert play.agree(program, "grad input", (1 if weight is None else weight) * torch.where(x == 0, 1 - y, -y))


@given(bce_programs(inside, reduction="none"))
def test_bce_9_gradient_of_the_target(play, program):
    x = program.exact("input")
    u = weight(program) * some.exact_upstream(program, x.shape)

    assert play.agree(both(program), "grad target", lambda: u * (torch.log1p(-x) - x.log()))


@given(some.DTYPES)
def test_bce_9_gradient_of_the_target_of_a_certain_answer(play, dtype):
    program = table(dtype, (0.0, 1.0), (0.0, 1.0, 0.5))

    assert play.agree(program, "grad target", torch.where(program.exact("input") == 0, 100.0, -100.0).double())


def with_one(program, name, place, value):
    """The program with this number in one place of a tensor."""
    return program.with_tensors(**{name: some.planted(program.tensors[name], place, value)})


def just_outside(dtype, above):
    """The next number above one, or a number below zero that no dtype loses."""
    info = torch.finfo(getattr(torch, dtype))
    return 1 + info.eps if above else -info.tiny


@given(PROGRAMS, st.integers(0, 300))
def test_bce_10_refuses_inputs_that_are_no_probabilities(play, program, place):
    assume(program.tensors["input"].data)

    for value in NO_PROBABILITY:
        assert play.refuses(with_one(program, "input", place, value))


@given(PROGRAMS, some.BOOLEANS, st.integers(0, 300))
def test_bce_10_refuses_inputs_just_outside(play, program, above, place):
    assume(program.tensors["input"].data)

    assert play.refuses(with_one(program, "input", place, just_outside(program.dtype, above)))


@given(PROGRAMS, st.integers(0, 300))
def test_bce_11_refuses_targets_that_are_no_probabilities(play, program, place):
    assume(program.tensors["target"].data)

    for value in NO_PROBABILITY:
        assert play.refuses(with_one(program, "target", place, value))


@given(PROGRAMS, some.BOOLEANS, st.integers(0, 300))
def test_bce_11_refuses_targets_just_outside(play, program, above, place):
    assume(program.tensors["target"].data)

    assert play.refuses(with_one(program, "target", place, just_outside(program.dtype, above)))


TARGET_SHAPES = st.sampled_from(
    [
        ((2, 3), (3,)),
        ((2, 3), (2, 1)),
        ((2, 3), ()),
        ((3,), (1,)),
        ((1,), (3,)),
        ((), (1,)),
        ((2, 3), (6,)),
        ((2, 3), (3, 2)),
    ]
)


@some.every
@given(TARGET_SHAPES, some.DTYPES)
def test_bce_12_refuses_targets_of_another_shape(play, shapes, dtype):
    assert play.refuses(small(shapes=shapes, dtype=dtype, target=dtype))


@some.every
@given(NO_REPEATS, st.sampled_from([(2, 2), (1, 2), (2, 1)]))
def test_bce_13_refuses_weights_that_do_not_fit(play, shape, input):
    assume(not _fits(shape, input))
    weight = some.rounded("float64", shape, [1.0] * math.prod(shape))

    assert play.refuses(small(shapes=(input, input), weight=weight))


def _fits(shape, whole):
    try:
        return torch.broadcast_shapes(shape, whole) == whole
    except RuntimeError:
        return False


@some.every
@given(st.sampled_from(["int64", "int32", "bool"]), st.sampled_from([(2, 2), (3,), ()]))
def test_bce_14_refuses_targets_of_integers(play, dtype, shape):
    assert play.refuses(small(target=dtype, shapes=(shape, shape)))


@some.every
@given(st.sampled_from(["int64", "int32", "bool"]), st.sampled_from([(2, 2), (3,), ()]))
def test_bce_14_refuses_inputs_of_integers(play, dtype, shape):
    assert play.refuses(small(dtype=dtype, shapes=(shape, shape)))
