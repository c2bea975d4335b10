"""smooth_l1: the clauses of spec/losses/smooth_l1.md as properties of a backend."""

import dataclasses
import math

from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.losses.test_l1 import (
    SHAPES_APART,
    alike,
    apart,
    error,
    moderate,
    pair,
    repeats,
    sloped,
    special,
)
from torchstone.conformance.program import LossProgram

BETAS = {"beta": some.one_of_these(0.5, 1.0, 2.0, 0.0, 0.1, 1e-3, 30.0, 1)}
POSITIVE = {"beta": some.one_of_these(0.5, 1.0, 2.0, 0.1, 1e-3, 30.0, 1)}
NO_BETA = some.one_of_these(-1.0, math.nan, -math.inf, -1e-12, -1)
SMALL, LARGE, JOINTS = (0.5, -0.25, 0.0, 0.9375, -0.75), (2.0, -4.0, 1.0625, -1.0, 16.0), (1.0, -1.0, 0.0, 0.9375)
# Thresholds under which the square of an error may overflow.
HUGE = {
    "float64": (2.0**513, 2.0**515),
    "float32": (2.0**65, 2.0**68),
    "bfloat16": (2.0**65, 2.0**68),
    "float16": (2.0**9, 2.0**11),
}
SCALES = some.one_of_these(2.0, 0.5, 4.0, 0.25)


def smooth_programs(tensors, *, numbers=BETAS, reduction=None, batch=False):
    return some.elementwise_programs("smooth_l1", tensors, numbers=numbers, reduction=reduction, batch=batch)


PROGRAMS = smooth_programs(pair)
BATCHES = smooth_programs(alike, reduction="none", batch=True)
UNREDUCED = smooth_programs(pair, reduction="none")


def beta(program):
    return program.options.get("beta", 1.0)


def moved(program, unit, multiples):
    """The program with these multiples of a unit for errors, in turn."""
    shape, count = program.tensors["input"].shape, len(program.tensors["input"].data)
    errors = some.rounded(program.dtype, shape, [unit * multiples[i % len(multiples)] for i in range(count)])
    return program.with_tensors(input=errors, target=some.rounded(program.dtype, shape, [0.0] * count))


def of_size(component, dtype, size, reduction="none", **options):
    """Errors of one size and both signs."""
    input = some.rounded(dtype, (2,), [size, -size])
    target = some.rounded(dtype, (2,), [0.0, 0.0])
    return LossProgram(component, {"reduction": reduction, **options}, {"input": input, "target": target}, ("input",))


@given(smooth_programs(moderate, numbers=POSITIVE, reduction="none"))
def test_smooth_l1_1_small_errors_are_squared(play, program):
    small = moved(program, beta(program), SMALL)

    assert play.agree(small, "value", lambda: error(small) ** 2 / (2 * beta(program)))


@given(PROGRAMS)
def test_smooth_l1_1_agrees_with_the_reference(play, program):
    assert play.conforms(program)


@given(smooth_programs(moderate, reduction="none"))
def test_smooth_l1_2_large_errors_count_by_their_size(play, program):
    large = moved(program, beta(program) or 1.0, LARGE)

    assert play.agree(large, "value", lambda: error(large).abs() - 0.5 * beta(program))


@given(UNREDUCED)
def test_smooth_l1_3_beta_of_zero_is_l1(play, program):
    zero = program.with_options(beta=0.0)
    l1 = dataclasses.replace(program, component="l1", options={"reduction": "none"})

    assert play.agree(zero, "value", lambda l1: l1.value, l1)
    for name in program.differentiate:
        assert play.agree(zero, f"grad {name}", lambda l1, name=name: l1.grad(name), l1)


@given(smooth_programs(apart))
def test_smooth_l1_4_shapes_are_repeated_to_their_common_shape(play, program):
    assert repeats(play, program)


@given(PROGRAMS)
def test_smooth_l1_5_is_symmetric(play, program):
    swapped = program.with_tensors(input=program.tensors["target"], target=program.tensors["input"])

    assert play.agree(swapped, "value", lambda plain: plain.value, program)


@given(smooth_programs(moderate), SCALES)
def test_smooth_l1_6_scales_with_the_numbers(play, program, scale):
    tensors = {name: some.changed(data, lambda v: scale * v) for name, data in program.tensors.items()}
    scaled = program.with_tensors(**tensors).with_options(beta=scale * beta(program))

    assert play.agree(scaled, "value", lambda plain: scale * plain.value, program)


@given(smooth_programs(moderate, numbers=POSITIVE))
def test_smooth_l1_7_is_huber_divided_by_beta(play, program):
    options = {name: value for name, value in program.options.items() if name != "beta"}
    huber = dataclasses.replace(program, component="huber", options={**options, "delta": beta(program)})

    assert play.agree(program, "value", lambda huber: huber.value / beta(program), huber)


@given(some.DTYPES, st.sampled_from([0, 1]), st.sampled_from([0.75, 0.5]))
def test_smooth_l1_8_is_finite_where_the_square_overflows(play, dtype, which, part):
    beta = HUGE[dtype][which]
    program = of_size("smooth_l1", dtype, part * beta, beta=beta)

    assert play.agree(program, "value", 0.5 * part**2 * beta)


@given(smooth_programs(pair, numbers=POSITIVE, reduction="none"))
def test_smooth_l1_9_gradient_is_the_clipped_error(play, program):
    assert sloped(play, program, lambda error: (error / beta(program)).clamp(-1.0, 1.0))


@given(smooth_programs(moderate, numbers=POSITIVE, reduction="none"))
def test_smooth_l1_9_gradient_at_the_joints(play, program):
    joint = moved(program, beta(program), JOINTS)

    assert sloped(play, joint, lambda error: (error / beta(program)).clamp(-1.0, 1.0))


@given(smooth_programs(special, reduction="none"))
def test_smooth_l1_10_special_values(play, program):
    value, e = play(program).value, error(program)

    assert (value.isnan() == e.isnan()).all()
    assert ((value == math.inf) == e.isinf()).all()
    assert (value[e == 0] == 0).all()


@given(smooth_programs(special, reduction="none"))
def test_smooth_l1_10_gradient_at_an_infinity_and_at_a_tie(play, program):
    program = dataclasses.replace(program, differentiate=("input", "target"))
    trace, e = play(program), error(program)
    slope = e.sign() * some.exact_upstream(program, e.shape)
    known = e.isinf() | (e == 0)

    assert (trace.grad("input")[known] == slope[known]).all()
    assert (trace.grad("target")[known] == -slope[known]).all()


def whole_targets(draw, component, numbers):
    """A program whose target is of integers, and the same with the target in the dtype of the input."""
    dtype, shape = draw(some.DTYPES), some.shape(draw)
    input, target = some.tensor(draw, dtype, shape, "near"), some.indices(draw, shape, 7, (-3,))
    options = some.options(draw, **numbers)
    program = some.loss_program(draw, component, {"input": input, "target": target}, options)
    return program, program.with_tensors(target=some.rounded(dtype, shape, target.data))


@given(st.data())
def test_smooth_l1_11_integer_targets_count_as_numbers(play, data):
    program, floating = whole_targets(data.draw, "smooth_l1", BETAS)

    assert play.agree(program, "value", lambda floating: floating.value, floating)
    if program.differentiate:
        assert play.agree(program, "grad input", lambda floating: floating.grad("input"), floating)


@some.every
@given(NO_BETA, some.DTYPES, st.sampled_from([1.0, 0.0, 3.0]))
def test_smooth_l1_12_refuses_betas_below_zero(play, beta, dtype, size):
    assert play.refuses(of_size("smooth_l1", dtype, size, "mean", beta=beta))


@some.every
@given(SHAPES_APART, st.booleans(), some.DTYPES)
def test_smooth_l1_13_refuses_shapes_that_do_not_broadcast(play, shapes, swapped, dtype):
    left, right = (some.rounded(dtype, shape, [1.0] * math.prod(shape)) for shape in shapes[:: -1 if swapped else 1])

    assert play.refuses(LossProgram("smooth_l1", {}, {"input": left, "target": right}))
