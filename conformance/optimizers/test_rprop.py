"""rprop: the clauses of spec/optimizers/rprop.md as properties of a backend."""

import math
from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import Group, OptimizerProgram, SetOption, Step

ETAS = some.one_of_these((0.5, 1.2), (0.1, 2.0), (0.9, 1.01), (0.5, 1.5))
STEP_SIZES = some.one_of_these((1e-6, 50), (1e-4, 50.0), (0.05, 0.2), (0.0, 1.0))
WIDE_SIZES = some.one_of_these((1e-6, 50), (1e-4, 50.0))  # no learning rate of a program lies outside
NARROW_SIZES = some.one_of_these((0.05, 0.2), (0.0, 1e-3), (0.5, 50), (1e-3, 1e-2))
FAR_SCALES = some.one_of_these(0.5, 2.0, 2.0**-16, 8.0, 2.0**16)

SETTABLE = {
    "lr": some.TENSOR_RATES,
    "etas": ETAS,
    "step_sizes": STEP_SIZES,
    "maximize": some.BOOLEANS,
}
STEADY = SETTABLE


def options(draw: some.Draw) -> dict[str, Any]:
    """Every option."""
    return some.options(draw, **SETTABLE)


def numbers(draw: some.Draw) -> dict[str, Any]:
    """What the laws below compute with: plain numbers, and bounds that are seldom reached."""
    return {
        "lr": draw(some.LEARNING_RATES),
        "etas": draw(ETAS),
        "step_sizes": draw(WIDE_SIZES),
        "maximize": draw(some.BOOLEANS),
    }


bounded = some.using(numbers, step_sizes=STEP_SIZES)

PROGRAMS = some.optimizer_programs("rprop", options, settable=STEADY)


@given(some.one_parameter("rprop", numbers, starts=some.ZEROS), some.TENSOR_RATES)
def test_rprop_1_step_sizes_start_from_the_rate_of_the_first_step(play, program, other):
    before, after = SetOption(0, "lr", program.options["lr"]), SetOption(0, "lr", other)
    first, *others = program.events
    changed = some.having(program, lr=other)

    assert play.conforms(some.with_events(changed, [before, first, after, *others]))


@given(some.optimizer_programs("rprop", numbers, kinds=("step", "step", "reload"), steps=(2, 12), spreads=some.TAME))
def test_rprop_2_a_gradient_is_compared_with_the_one_before(play, program):
    assert play.conforms(program)


@given(some.one_parameter("rprop", bounded, steps=(2, 12), starts=some.ZEROS, spreads=some.TAME))
def test_rprop_3_a_step_grows_while_the_gradient_keeps_its_sign(play, program):
    assert play.conforms(some.steady(program))


@given(some.one_parameter("rprop", bounded, steps=(3, 12), starts=some.ZEROS, spreads=some.TAME))
def test_rprop_4_a_step_shrinks_when_the_gradient_turns(play, program):
    grad = some.gradients(program)[0]
    turning = [some.times((-1.0) ** (i // 2))(grad) for i in range(len(program.events))]

    assert play.conforms(some.with_grads(program, turning))


def turned(program):
    """The program with the first gradient turned for a second step."""
    first, second, *others = some.gradients(program)
    return some.with_grads(program, [first, some.times(-1.0)(first), second, *others])


@given(some.one_parameter("rprop", numbers, steps=(3, 5), spreads=st.just("near"), dtypes=some.WIDE_DTYPES))
def test_rprop_5_an_element_rests_when_its_gradient_turns(play, program):
    # In float16 the product of two small gradients is zero: optimizer.20 permits it.
    trace = play(turned(program))

    assert (trace.param(0, after=2) == trace.param(0, after=1)).all()


@given(some.one_parameter("rprop", numbers, steps=(3, 12), spreads=some.TAME))
def test_rprop_5_agrees_with_the_reference_after_a_turn(play, program):
    assert play.conforms(turned(program))


@given(some.changing("rprop", bounded, etas=ETAS, step_sizes=STEP_SIZES))
def test_rprop_6_the_step_has_its_new_size(play, program):
    assert play.conforms(program)


@given(st.sampled_from([(1.5e-6, -1.0), (45.0, 1.0)]))
def test_rprop_7_the_bounds_are_a_millionth_and_fifty(play, lr_and_turn):
    lr, turn = lr_and_turn  # the step size shrinks after a turn, and grows after none
    one, zero = some.rounded("float64", (1,), [1.0]), some.rounded("float64", (1,), [0.0])
    other = some.rounded("float64", (1,), [turn])
    steps = tuple(Step((grad,)) for grad in (one, other, one))

    assert play.conforms(OptimizerProgram("rprop", {"lr": lr}, (Group((zero,)),), steps))


@given(
    some.one_parameter("rprop", some.using(numbers, step_sizes=NARROW_SIZES), steps=(1, 1), starts=some.ZEROS),
)
def test_rprop_7_the_first_step_too_keeps_the_bounds(play, program):
    sign = some.gradients(program)[0].torch(torch.float64).sign() * (-1.0 if program.options["maximize"] else 1.0)
    least, most = program.options["step_sizes"]

    assert play.agree(program, "param 0", lambda: -some.number(program, "lr").clamp(least, most) * sign)


@given(some.one_parameter("rprop", bounded, spreads=some.TAME, dtypes=some.WIDE_DTYPES), FAR_SCALES)
def test_rprop_8_the_size_of_gradients_makes_no_difference(play, program, scale):
    scaled = some.reworked(program, grad=some.times(scale))

    assert play.agree(scaled, "param 0", lambda plain: plain.param(0), program)


@given(
    some.one_parameter(
        "rprop",
        some.using(numbers, etas=st.sampled_from([(0.5, 1.2), (0.9, 1.01)])),
        starts=some.ZEROS,
        spreads=st.just("near"),
    )
)
def test_rprop_9_steps_under_a_constant_gradient_grow_geometrically(play, program):
    sign = some.gradients(program)[0].torch(torch.float64).sign() * (-1.0 if program.options["maximize"] else 1.0)

    def displacement():
        grow = torch.tensor(program.options["etas"][1], dtype=torch.float64)
        return -some.number(program, "lr") * sign * sum(grow**t for t in range(len(program.events)))

    assert play.agree(some.steady(program), "param 0", displacement)


@given(some.one_parameter("rprop", bounded))
def test_rprop_10_a_gradient_of_zero_moves_nothing(play, program):
    *before, last = some.gradients(program)
    trace = play(some.with_grads(program, [*before, some.times(0.0)(last)]))

    assert (trace.param(0) == trace.param(0, after=len(before))).all()


@given(some.one_parameter("rprop", bounded, spreads=some.TAME, dtypes=some.WIDE_DTYPES), some.PLACES, some.SIGNS)
def test_rprop_11_an_infinite_gradient_is_one_of_its_sign(play, program, place, sign):
    first, *others = some.gradients(program)
    finite = some.with_grads(program, [some.planted(first, place, sign), *others])
    infinite = some.with_infinite_grad(program, place, sign)

    assert play.agree(infinite, "param 0", lambda plain: plain.param(0), finite)


@given(some.one_parameter("rprop", bounded), some.PLACES, some.SIGNS)
def test_rprop_12_an_infinite_element_stays(play, program, place, sign):
    trace = play(some.with_infinite_start(program, place, sign))

    assert some.element(trace.param(0), place) == sign * math.inf


@given(some.one_parameter("rprop", some.using(bounded, lr=0.0, step_sizes=(0.0, 1.0)), spreads=some.TAME))
def test_rprop_13_nothing_moves_from_a_rate_of_zero_without_a_least_step(play, program):
    assert (play(program).param(0) == some.origin(program)).all()


@given(some.NEGATIVE)
def test_rprop_14_refuses_a_learning_rate_below_zero(play, lr):
    assert play.refuses(some.building("rprop", lr=lr))


@given(st.sampled_from([(0.0, 1.2), (1.0, 1.2), (-0.5, 1.2), (0.5, 1.0), (0.5, 0.9), (math.nan, 1.2), (0.5, math.nan)]))
def test_rprop_15_refuses_factors_that_do_not_shrink_and_grow(play, etas):
    assert play.refuses(some.building("rprop", etas=etas))


@given(st.sampled_from([(-1.0, 50.0), (-1e-9, 50.0), (1.0, 0.5), (math.nan, 50.0), (1e-6, math.nan), (1e-6, -1.0)]))
def test_rprop_16_refuses_bounds_that_are_none(play, step_sizes):
    assert play.refuses(some.building("rprop", step_sizes=step_sizes))


@given(some.LEARNING_RATES)
def test_rprop_16_bounds_may_be_the_same(play, size):
    assert play.conforms(some.building("rprop", step_sizes=(size, size)))
