"""huber: the clauses of spec/losses/huber.md as properties of a backend."""

import dataclasses
import math

import torch
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
from torchstone.conformance.losses.test_smooth_l1 import JOINTS, LARGE, SCALES, SMALL, moved, of_size, whole_targets
from torchstone.conformance.program import LossProgram

DELTAS = {"delta": some.one_of_these(0.5, 1.0, 2.0, 0.1, 1e-3, 30.0, 1, 5.0)}
NO_DELTA = some.one_of_these(0.0, -1.0, math.nan, -math.inf, -0.0, -1e-12, 0)


def huber_programs(tensors, *, reduction=None, batch=False):
    return some.elementwise_programs("huber", tensors, numbers=DELTAS, reduction=reduction, batch=batch)


PROGRAMS = huber_programs(pair)
BATCHES = huber_programs(alike, reduction="none", batch=True)
UNREDUCED = huber_programs(pair, reduction="none")


def delta(program):
    return program.options.get("delta", 1.0)


@given(huber_programs(moderate, reduction="none"))
def test_huber_1_small_errors_are_squared(play, program):
    small = moved(program, delta(program), SMALL)

    assert play.agree(small, "value", lambda: 0.5 * error(small) ** 2)


@given(PROGRAMS)
def test_huber_1_agrees_with_the_reference(play, program):
    assert play.conforms(program)


@given(huber_programs(moderate, reduction="none"))
def test_huber_2_large_errors_count_by_their_size(play, program):
    large = moved(program, delta(program), LARGE)

    assert play.agree(large, "value", lambda: delta(program) * (error(large).abs() - 0.5 * delta(program)))


@given(st.data())
def test_huber_3_is_finite_where_the_square_overflows(play, data):
    dtype, shape = data.draw(some.DTYPES), some.shape(data.draw)
    input = some.tensor(data.draw, dtype, shape, "wide")
    target = some.rounded(dtype, shape, [0.0] * math.prod(shape))
    program = LossProgram("huber", {"reduction": "none"}, {"input": input, "target": target}, ("input",))

    assert play.agree(program, "grad input", lambda: error(program).clamp(-1.0, 1.0))
    assert play(program).value.isfinite().all()


@given(some.DTYPES, st.sampled_from([1.25, 1.125, 1.375]))
def test_huber_3_is_finite_where_half_the_square_is(play, dtype, size):
    size *= torch.finfo(getattr(torch, dtype)).max ** 0.5
    program = of_size("huber", dtype, size, delta=1.5 * size)

    assert play.agree(program, "value", lambda: 0.5 * error(program) * error(program))


@given(huber_programs(moderate), SCALES)
def test_huber_4_scales_with_the_square(play, program, scale):
    tensors = {name: some.changed(data, lambda v: scale * v) for name, data in program.tensors.items()}
    scaled = program.with_tensors(**tensors).with_options(delta=scale * delta(program))

    assert play.agree(scaled, "value", lambda plain: scale**2 * plain.value, program)


@given(huber_programs(moderate), st.sampled_from([1.0, 2.0, 1e3]))
def test_huber_5_is_half_the_squared_error(play, program, factor):
    e = error(program)
    wide = program.with_options(delta=factor * float(e.abs().max()) if (e != 0).any() else factor)
    options = {name: value for name, value in program.options.items() if name != "delta"}
    mse = dataclasses.replace(program, component="mse", options=options)

    assert play.agree(wide, "value", lambda mse: 0.5 * mse.value, mse)


@given(huber_programs(moderate))
def test_huber_6_is_smooth_l1_times_delta(play, program):
    options = {name: value for name, value in program.options.items() if name != "delta"}
    smooth = dataclasses.replace(program, component="smooth_l1", options={**options, "beta": delta(program)})

    assert play.agree(program, "value", lambda smooth: delta(program) * smooth.value, smooth)


@given(huber_programs(apart))
def test_huber_7_shapes_are_repeated_to_their_common_shape(play, program):
    assert repeats(play, program)


@given(PROGRAMS)
def test_huber_8_is_symmetric(play, program):
    swapped = program.with_tensors(input=program.tensors["target"], target=program.tensors["input"])

    assert play.agree(swapped, "value", lambda plain: plain.value, program)


@given(UNREDUCED)
def test_huber_9_gradient_is_the_clipped_error(play, program):
    assert sloped(play, program, lambda error: error.clamp(-delta(program), delta(program)))


@given(huber_programs(moderate, reduction="none"))
def test_huber_9_gradient_at_the_joints(play, program):
    joint = moved(program, delta(program), JOINTS)

    assert sloped(play, joint, lambda error: error.clamp(-delta(program), delta(program)))


@given(huber_programs(special, reduction="none"))
def test_huber_10_special_values(play, program):
    value, e = play(program).value, error(program)

    assert (value.isnan() == e.isnan()).all()
    assert ((value == math.inf) == e.isinf()).all()
    assert (value[e == 0] == 0).all()


@given(huber_programs(special, reduction="none"))
def test_huber_10_gradient_at_an_infinity(play, program):
    unit = dataclasses.replace(program, differentiate=("input", "target"))
    e = error(unit)
    slope = e.clamp(-delta(unit), delta(unit)) * some.exact_upstream(unit, e.shape)
    known = ~e.isnan()

    def law(trace, name, sign):
        return torch.where(known, sign * slope, trace.grad(name))

    assert play.agree(unit, "grad input", lambda trace: law(trace, "input", 1), unit)
    assert play.agree(unit, "grad target", lambda trace: law(trace, "target", -1), unit)


@given(st.data())
def test_huber_11_integer_targets_count_as_numbers(play, data):
    program, floating = whole_targets(data.draw, "huber", DELTAS)

    assert play.agree(program, "value", lambda floating: floating.value, floating)
    if program.differentiate:
        assert play.agree(program, "grad input", lambda floating: floating.grad("input"), floating)


@some.every
@given(NO_DELTA, some.DTYPES, st.sampled_from([1.0, 0.0, 3.0]))
def test_huber_12_refuses_deltas_that_are_not_positive(play, delta, dtype, size):
    assert play.refuses(of_size("huber", dtype, size, "mean", delta=delta))


@some.every
@given(SHAPES_APART, st.booleans(), some.DTYPES)
def test_huber_13_refuses_shapes_that_do_not_broadcast(play, shapes, swapped, dtype):
    left, right = (some.rounded(dtype, shape, [1.0] * math.prod(shape)) for shape in shapes[:: -1 if swapped else 1])

    assert play.refuses(LossProgram("huber", {}, {"input": left, "target": right}))
