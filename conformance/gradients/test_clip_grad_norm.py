"""clip_grad_norm: the clauses of spec/gradients/clip_grad_norm.md as properties of a backend."""

import dataclasses
import math

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import GradientProgram, TensorData

DEGREES = some.one_of_these(2.0, 1.0, math.inf, 3.0, 0.5, "inf", 1.5)
LIMITS = some.decimals(0.0, 20.0, 1.0, 0.5, 0.1, 5.0, 1e-3, 0.0, math.inf)
FINITE = some.one_of_these(1.0, 0.5, 0.0, 5.0, 1e-3)


def drawn(draw):
    return {
        "max_norm": draw(LIMITS),
        **some.options(draw, norm_type=DEGREES, error_if_nonfinite=st.just(False)),
    }


def gradients(**fixed):
    return some.gradient_programs("clip_grad_norm", drawn, **fixed)


PROGRAMS = gradients()


def there(program):
    """The numbers of the gradients that there are."""
    return {i for i, grad in enumerate(program.grads) if grad is not None}


def exact(program):
    """All elements of all gradients, as one vector in float64."""
    return torch.cat([program.grads[i].torch(torch.float64).flatten() for i in sorted(there(program))])


def degree(program):
    return float(program.options.get("norm_type", 2.0))


def norm(program):
    """The norm in float64."""
    x, p = exact(program).abs(), degree(program)
    if not x.numel():
        return torch.zeros((), dtype=torch.float64)
    return x.amax() if p == math.inf else (x**p).sum() ** (1 / p)


def of(grads, **options):
    """A program of these gradients, with 1 as the largest norm unless the options say otherwise."""
    data = tuple(None if grad is None else some.rounded("float64", (len(grad),), grad) for grad in grads)
    return GradientProgram("clip_grad_norm", {"max_norm": 1.0, **options}, data)


def with_options(program, **options):
    return dataclasses.replace(program, options={**program.options, **options})


def spoiled(program, place, value):
    """The program with this number in the place of an element."""
    counted = [i for i in sorted(there(program)) if program.grads[i].data]
    assume(counted)
    i = counted[place % len(counted)]
    grads = list(program.grads)
    grads[i] = some.planted(grads[i], place, value)
    return dataclasses.replace(program, grads=tuple(grads))


def elements(program, trace):
    """All elements of all gradients of a trace, as one vector."""
    return torch.cat([trace.grad(i).flatten() for i in sorted(there(program))])


@given(PROGRAMS)
def test_clip_grad_norm_1_norm_of_all_elements_together(play, program):
    assert play.agree(program, "norm", lambda: norm(program))


@given(PROGRAMS)
def test_clip_grad_norm_1_agrees_with_the_reference(play, program):
    assert play.conforms(program)


@given(gradients(norm_type=math.inf), st.sampled_from(["inf", math.inf]))
def test_clip_grad_norm_2_infinite_degree_is_the_largest_element(play, program, p):

    assert play(with_options(program, norm_type=p)).norm == norm(program)


@given(PROGRAMS, st.sampled_from([None, 1.05, 0.95, 1.5]))
def test_clip_grad_norm_3_gradients_are_multiplied_by_one_number(play, program, near):
    c = program.options["max_norm"] if near is None else near * norm(program).item()
    program = with_options(program, max_norm=c)
    for i in there(program):
        grad = program.grads[i].torch(torch.float64)

        assert play.agree(program, f"grad {i}", lambda grad=grad: grad * (c / (norm(program) + 1e-6)).clamp(max=1.0))


@given(PROGRAMS, st.sampled_from([2.0, 8.0, 2.0**20]))
def test_clip_grad_norm_4_small_gradients_stay_as_they_are(play, program, times):
    roomy = with_options(program, max_norm=times * (norm(program).item() + 1e-3))

    assert (elements(roomy, play(roomy)).double() == exact(roomy)).all()


@given(PROGRAMS, FINITE)
def test_clip_grad_norm_5_returns_the_norm_before(play, program, limit):
    other = with_options(program, max_norm=limit)

    assert play.agree(other, "norm", lambda plain: plain.norm, program)


@given(PROGRAMS, st.integers(1, 7))
def test_clip_grad_norm_6_tensors_are_of_no_account(play, program, cut):
    values = exact(program).flip(0).tolist()
    whole = [some.rounded(program.dtype, (len(part),), part) for part in (values[:cut], values[cut:]) if part]
    assume(whole)
    other = dataclasses.replace(program, grads=tuple(whole))

    def law(plain):
        return elements(program, plain).flip(0)[cut : cut + len(whole[-1].data)] if len(whole) > 1 else None

    assert play.agree(other, "norm", lambda plain: plain.norm, program)
    if len(whole) > 1:
        assert play.agree(other, "grad 1", law, program)


@given(PROGRAMS, st.sampled_from([2.0, -1.0, 0.5, -4.0]))
def test_clip_grad_norm_7_norm_scales_with_the_gradients(play, program, by):
    grads = tuple(None if grad is None else some.changed(grad, lambda v: by * v) for grad in program.grads)
    scaled = dataclasses.replace(program, grads=grads)

    assert play.agree(scaled, "norm", lambda plain: abs(by) * plain.norm, program)


@given(gradients(missing=False), st.integers(0, 5))
def test_clip_grad_norm_8_parameters_without_a_gradient_count_for_nothing(play, program, at):
    # A backend looks whether a gradient has come to be, and raises `Broken` where one has.
    at = at % (len(program.grads) + 1)
    more = dataclasses.replace(program, grads=(*program.grads[:at], None, *program.grads[at:]))

    assert play.agree(more, "norm", lambda plain: plain.norm, program)
    for i in range(len(program.grads)):
        assert play.agree(more, f"grad {i + (i >= at)}", lambda plain, i=i: plain.grad(i), program)


@given(gradients(max_norm=0.5))
def test_clip_grad_norm_9_gradients_change_in_place(play, program):
    # What is looked at is the tensor that the parameter's gradient was.
    assume(norm(program) > 1)

    assert elements(program, play(program)).double().abs().sum() < exact(program).abs().sum()


@given(st.sampled_from([(), (None,), (None, None)]), DEGREES, FINITE, st.booleans())
def test_clip_grad_norm_10_nothing_to_clip(play, grads, p, limit, strict):
    assert play(of(grads, max_norm=limit, norm_type=p, error_if_nonfinite=strict)).norm == 0


@given(PROGRAMS, st.integers(0, 5), st.sampled_from([(0,), (2, 0)]))
def test_clip_grad_norm_11_gradients_without_elements_count_for_nothing(play, program, at, shape):
    at = at % (len(program.grads) + 1)
    assume(exact(program).numel())
    empty = TensorData(program.dtype, shape, ())
    program = dataclasses.replace(program, grads=tuple(g for g in program.grads if g is None or g.data))
    more = dataclasses.replace(program, grads=(*program.grads[:at], empty, *program.grads[at:]))

    assert play.agree(more, "norm", lambda plain: plain.norm, program)


@given(DEGREES, st.sampled_from([[[]], [[], []]]))
def test_clip_grad_norm_11_nothing_but_gradients_without_elements(play, p, grads):
    program = of(grads, norm_type=p)

    assert play(program).norm == 0
    assert play.conforms(program)


@given(PROGRAMS, st.integers(0, 300))
def test_clip_grad_norm_12_nan_spreads(play, program, place):
    program = spoiled(program, place, math.nan)
    trace = play(program)

    assert trace.norm.isnan()
    assert elements(program, trace).isnan().all()


@given(PROGRAMS, FINITE, st.integers(0, 300), st.sampled_from([math.inf, -math.inf]))
def test_clip_grad_norm_13_infinity_leaves_nothing(play, program, limit, place, value):
    program = with_options(spoiled(program, place, value), max_norm=limit)
    trace, finite = play(program), exact(program).isfinite()

    assert trace.norm == math.inf
    assert (elements(program, trace)[finite] == 0).all()
    assert elements(program, trace)[~finite].isnan().all()


@given(gradients(error_if_nonfinite=True), st.integers(0, 300), st.sampled_from([math.nan, math.inf, -math.inf]))
def test_clip_grad_norm_14_refuses_norms_that_are_not_finite(play, program, place, value):
    assert play.refuses(spoiled(program, place, value))


@given(PROGRAMS)
def test_clip_grad_norm_14_finite_norms_are_not_refused(play, program):
    plain = with_options(program, error_if_nonfinite=False)
    assume(play.exact(plain, None).norm.isfinite())

    assert play.agree(with_options(program, error_if_nonfinite=True), "norm", lambda plain: plain.norm, plain)


@given(PROGRAMS)
def test_clip_grad_norm_15_the_ends_of_the_domain(play, program):
    none, everything = (with_options(program, max_norm=limit) for limit in (0.0, math.inf))
    assume(play.exact(everything, None).norm.isfinite())

    for i, grad in enumerate(program.grads):
        if grad is not None:  # in float16 the 1e-6 underflows: it is rounding that decides if there is a number
            assert play.agree(none, f"grad {i}", 0.0)
    assert (elements(everything, play(everything)).double() == exact(everything)).all()


@given(PROGRAMS)
def test_clip_grad_norm_16_refuses_norms_below_zero(play, program):
    for limit in (-1.0, -1e-6, -math.inf, math.nan):
        assert play.refuses(with_options(program, max_norm=limit))


@given(PROGRAMS)
def test_clip_grad_norm_17_refuses_degrees_that_are_not_positive(play, program):
    for p in (0.0, -1.0, -2.0, -math.inf, math.nan):
        assert play.refuses(with_options(program, norm_type=p))


@given(PROGRAMS)
def test_clip_grad_norm_17_refuses_other_words(play, program):
    for p in ("fro", "nuc", "", None):
        assert play.refuses(with_options(program, norm_type=p))
