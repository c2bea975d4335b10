"""clip_grad_value: the clauses of spec/gradients/clip_grad_value.md as properties of a backend."""

import dataclasses
import math

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.gradients.test_clip_grad_norm import elements, exact, spoiled, there, with_options
from torchstone.conformance.program import GradientProgram

LIMITS = some.decimals(0.0, 5.0, 1.0, 0.5, 2.0, 0.25, 0.0, math.inf)
POWERS = some.one_of_these(1.0, 0.5, 2.0, 0.25, 0.0)  # numbers of every dtype

PROGRAMS = some.gradient_programs("clip_grad_value", lambda draw: {"clip_value": draw(LIMITS)})


@given(PROGRAMS, POWERS)
def test_clip_grad_value_1_elements_beyond_the_bounds_become_the_bounds(play, program, c):
    program = with_options(program, clip_value=c)
    found, x = elements(program, play(program)), exact(program)

    assert (found[x > c] == c).all()
    assert (found[x < -c] == -c).all()


@given(PROGRAMS)
def test_clip_grad_value_1_agrees_with_the_reference(play, program):
    assert play.conforms(program)


@given(PROGRAMS)
def test_clip_grad_value_2_elements_within_the_bounds_stay(play, program):
    found, x, c = elements(program, play(program)).double(), exact(program), program.options["clip_value"]

    # The bound itself may be rounded to the dtype.
    assert (found[x.abs() < c / 2] == x[x.abs() < c / 2]).all()


@given(PROGRAMS)
def test_clip_grad_value_2_infinite_bounds_leave_everything(play, program):
    program = with_options(program, clip_value=math.inf)

    assert (elements(program, play(program)).double() == exact(program)).all()


@given(PROGRAMS, POWERS)
def test_clip_grad_value_2_an_element_at_the_bound_stays(play, program, c):
    program = with_options(spoiled(program, 0, c), clip_value=c)
    found, x = elements(program, play(program)).double(), exact(program)

    assert (found[x == c] == c).all()


@given(PROGRAMS)
def test_clip_grad_value_3_opposite_gradients_give_opposite_ones(play, program):
    grads = tuple(None if grad is None else some.changed(grad, lambda v: -v) for grad in program.grads)
    other = dataclasses.replace(program, grads=grads)

    assert (elements(other, play(other)) == -elements(program, play(program))).all()


@given(PROGRAMS)
def test_clip_grad_value_4_twice_is_once(play, program):
    once = play(program)
    grads = tuple(
        None if grad is None else some.from_torch(once.grad(i), program.dtype) for i, grad in enumerate(program.grads)
    )
    twice = dataclasses.replace(program, grads=grads)

    assert (elements(twice, play(twice)) == elements(program, once)).all()


@given(PROGRAMS, st.integers(0, 300), st.sampled_from([1e4, -1e4, math.nan, math.inf]))
def test_clip_grad_value_5_elements_do_not_know_of_each_other(play, program, place, value):
    other = spoiled(program, place, value)
    before, after = (elements(each, play(each)) for each in (program, other))
    same = exact(program) == exact(other)

    assert (before[same] == after[same]).all()


@given(PROGRAMS, st.integers(0, 5))
def test_clip_grad_value_6_parameters_without_a_gradient_stay_without(play, program, at):
    # A backend looks whether a gradient has come to be, and raises `Broken` where one has.
    at = at % (len(program.grads) + 1)
    more = dataclasses.replace(program, grads=(*program.grads[:at], None, *program.grads[at:]))

    assert (elements(more, play(more)) == elements(program, play(program))).all()


@given(st.sampled_from([(), (None,), (None, None)]), POWERS)
def test_clip_grad_value_7_nothing_to_clip(play, grads, c):
    assert not play(GradientProgram("clip_grad_value", {"clip_value": c}, grads)).entries[0].tensors


@given(PROGRAMS)
def test_clip_grad_value_8_gradients_change_in_place(play, program):
    # What is looked at is the tensor that the parameter's gradient was.
    program = with_options(program, clip_value=0.0)
    assume((exact(program) != 0).any())

    assert (elements(program, play(program)) == 0).all()


@given(PROGRAMS, POWERS, st.integers(0, 300), st.sampled_from([math.nan, math.inf, -math.inf]))
def test_clip_grad_value_9_special_elements(play, program, c, place, value):
    program = with_options(spoiled(program, place, value), clip_value=c)
    found, x = elements(program, play(program)), exact(program)

    assert found[x.isnan()].isnan().all()
    assert (found[x.isinf()] == torch.copysign(torch.tensor(c), x[x.isinf()])).all()
    assert found[~x.isnan()].isfinite().all()


@given(PROGRAMS)
def test_clip_grad_value_10_refuses_bounds_below_zero(play, program):
    assert there(program)
    for c in (-1.0, -1e-6, -math.inf, math.nan):
        assert play.refuses(with_options(program, clip_value=c))
