"""lbfgs: the clauses of spec/optimizers/lbfgs.md as properties of a backend."""

import dataclasses
import itertools
import math
from typing import Any

import torch
from hypothesis import example, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import (
    Function,
    Group,
    Minimize,
    OptimizerProgram,
    SaveAndReload,
    SetOption,
)

RATES = st.one_of(st.just(1.0), some.TENSOR_RATES)
COUNTS = some.one_of_these(3, 1, 2, 5)
LIMITS = some.one_of_these(100, 1, 2, 4, 8)
TOLERANCES = some.one_of_these(0.0, 1e-7, 1e-3, 0.1)
MORE = some.one_of_these(4, 8, 5, 6)
FIRST_LENGTHS = some.one_of_these(1.0, 0.05, 0.5, 3.0)  # after which a search is longer
HISTORIES = some.one_of_these(100, 1, 2, 3)
SEARCHES = some.one_of_these(None, "strong_wolfe")

SETTABLE = {
    "lr": RATES,
    "max_iter": COUNTS,
    "max_eval": LIMITS,
    "tolerance_grad": TOLERANCES,
    "tolerance_change": TOLERANCES,
    "history_size": HISTORIES,
    "line_search_fn": SEARCHES,
}
STEADY = SETTABLE

CONVEX = (Function("quadratic", (2.0, 1.0)), Function("quadratic", (0.5, -1.0)), Function("hyperbola", (0.5,)))
ROUGH = (Function("valley", (10.0,)), Function("wells", (1.0,)), Function("waves", (1.0, 3.0)))
OBJECTIVES = (*CONVEX, *ROUGH, Function("linear", (0.5,)))
SIZES = (((2,),), ((1,),), ((3,),), ((2, 2), (1,)), ((), (2,)), ((2,), (0,)), ((5,),), ((2, 3),))


def options(draw: some.Draw) -> dict[str, Any]:
    """Every option."""
    limits = st.one_of(st.none(), LIMITS)
    return some.options(draw, **{**SETTABLE, "max_eval": limits})


def plain(draw: some.Draw) -> dict[str, Any]:
    """Iterations that nothing ends before the last, of the length of the rate."""
    rate = draw(st.sampled_from([1.0, 0.5, 0.1]))
    return {"lr": rate, "max_iter": draw(COUNTS), "max_eval": 100, "tolerance_grad": 0.0, "tolerance_change": 0.0}


def searching(draw: some.Draw) -> dict[str, Any]:
    """A few iterations with a line search, which end before all that is left is rounding."""
    few = {"max_iter": draw(st.sampled_from([2, 1, 3])), "max_eval": draw(st.sampled_from([12, 6]))}
    return {**plain(draw), **few, "tolerance_grad": 1e-3, "tolerance_change": 1e-3, "line_search_fn": "strong_wolfe"}


@st.composite
def problems(
    draw, options=options, objectives=OBJECTIVES, *, steps=(1, 4), settable=None, dtypes=some.DTYPES, changing=True
):
    """Steps through closures that compute the same objective, or one after the other, with options changed and state
    reloaded between them."""
    dtype = draw(dtypes)
    params = [
        some.rounded(dtype, shape, some.numbers(draw, math.prod(shape), dtype))
        for shape in draw(st.sampled_from(SIZES))
    ]
    chosen, first = options(draw), draw(st.sampled_from(objectives))
    changing = changing and draw(some.BOOLEANS)
    events = [Minimize(first)]
    for _ in range(draw(st.integers(*steps)) - 1):
        between = draw(st.sampled_from([None, "reload", "set"])) if settable is not None else None
        if between == "reload":
            events.append(SaveAndReload())
        elif between == "set" and settable:
            name = draw(st.sampled_from(sorted(settable)))
            events.append(SetOption(0, name, draw(settable[name])))
        events.append(Minimize(draw(st.sampled_from(objectives)) if changing else first))
    return OptimizerProgram("lbfgs", chosen, (Group(tuple(params)),), tuple(events))


PROGRAMS = st.one_of(some.optimizer_programs("lbfgs", options, settable=STEADY), problems(settable=STEADY))


def joined(tensors):
    """Tensors end to end in one."""
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def parameters(program, trace, after=-1):
    """All parameters after an event, end to end."""
    return joined([trace.param(i, after=after) for i in range(len(program.groups[0].params))])


@given(problems(plain, steps=(1, 2)), some.BOOLEANS)
def test_lbfgs_1_the_parameters_are_one_vector(play, program, split):
    params = program.groups[0].params
    values = [number for param in params for number in param.data]
    ends = (0, 1, len(values)) if split else (0, len(values))
    parts = [values[low:high] for low, high in itertools.pairwise(ends)]
    other = (Group(tuple(some.rounded(program.dtype, (len(part),), part) for part in parts)),)
    once = dataclasses.replace(program, groups=other)
    count = len(params[0].data)

    def first(trace):
        return parameters(once, trace)[:count].reshape(params[0].shape)

    assert play.agree(program, "param 0", first, once)


@given(some.optimizer_programs("lbfgs", plain, kinds=("closure",), groups=1, params=2, spreads=some.TAME))
def test_lbfgs_1_a_missing_gradient_is_one_of_zeros(play, program):
    params = program.groups[0].params
    events = [
        dataclasses.replace(
            event,
            grads=tuple(
                some.rounded(param.dtype, param.shape, [0.0] * len(param.data)) if grad is None else grad
                for grad, param in zip(event.grads, params, strict=True)
            ),
        )
        for event in program.events
    ]

    assert play.agree(program, "param 0", lambda other: other.param(0), some.with_events(program, events))


@given(problems(options, steps=(2, 3), dtypes=some.WIDE_DTYPES))
def test_lbfgs_2_the_loss_before_the_step_is_returned(play, program):
    objective = program.events[-1].objective

    assert play.agree(program, "loss", lambda trace: objective(parameters(program, trace, after=-2)), program)


@given(problems(plain, steps=(2, 3)))
def test_lbfgs_3_a_gradient_within_the_tolerance_changes_nothing(play, program):
    first, *others = program.events
    still = [SetOption(0, "tolerance_grad", 1e9), first, SetOption(0, "tolerance_grad", 0.0)]
    extra = some.with_events(program, [*still, first, *others])

    assert play.agree(extra, "param 0", lambda without: without.param(0), program)


@given(
    some.one_parameter(
        "lbfgs", some.using(plain, max_iter=1, line_search_fn=None), steps=(1, 1), spreads=some.TAME, starts=some.ZEROS
    )
)
def test_lbfgs_4_the_first_move_is_no_longer_than_the_rate(play, program):
    g, lr = some.gradients(program)[0].torch(torch.float64), program.options["lr"]

    assert play.agree(program, "param 0", lambda: -lr * g / g.abs().sum().clamp(min=1.0))


@given(problems(some.using(plain, max_iter=1), CONVEX, steps=(2, 4)))
def test_lbfgs_4_later_lengths_are_the_rate(play, program):
    assert play.conforms(program)


SQUARE = Minimize(Function("quadratic", (1.0, 0.0)))  # of one parameter x: x ** 2
ENDLESS = {"max_iter": 1, "max_eval": 100, "tolerance_grad": 0.0, "tolerance_change": 0.0}


def of_one(start, *events, **options):
    """One parameter of one element, in float64."""
    return OptimizerProgram("lbfgs", options, (Group((some.rounded("float64", (1,), [start]),)),), events)


@given(st.sampled_from([0.5, -1.0, 2.0]))
def test_lbfgs_3_a_gradient_as_large_as_the_tolerance_is_small_enough(play, start):
    options = {**ENDLESS, "lr": 0.25, "tolerance_grad": 2 * abs(start)}  # the gradient is 2 * start

    assert (play(of_one(start, SQUARE, **options)).param(0) == start).all()


@given(st.sampled_from([1.5e-7, 0.9e-7, 1e-7, 1.1e-7]))
def test_lbfgs_3_the_tolerance_is_a_tenth_of_a_millionth(play, slope):
    assert play.conforms(of_one(slope / 2, SQUARE, max_iter=1, tolerance_change=0.0))


@given(st.sampled_from([1.5e-10, 0.9e-10, 1.1e-10]))
def test_lbfgs_5_the_least_curvature_of_a_pair(play, curvature):
    start = (2 * curvature) ** 0.5  # the first move is half of it, and the gradient changes by as much as it is
    assert play.conforms(of_one(start, SQUARE, **{**ENDLESS, "lr": 0.25, "max_iter": 2}))


@given(st.sampled_from([0.25, 0.5, 1.0]))
def test_lbfgs_8_a_slope_may_be_as_small_as_the_tolerance(play, start):
    program = of_one(start, SQUARE, **{**ENDLESS, "lr": 0.25, "tolerance_change": (2 * start) ** 2})
    assert (play(program).param(0) != start).all()


@given(st.sampled_from([(0.5, 0.5, 0.0), (2.0, 0.0, 0.25)]))
def test_lbfgs_13_a_step_ends_at_its_tolerances(play, numbers):
    start, grad, change = numbers  # the first gradient is 2 * start, the first move a quarter, or half of the start
    options = {**ENDLESS, "lr": 0.25, "max_iter": 3, "tolerance_grad": grad, "tolerance_change": change}
    assert (play(of_one(start, SQUARE, **options)).param(0) == start - 0.25).all()


@given(st.sampled_from([1.0, -1.0, 1.5]))
def test_lbfgs_13_a_step_ends_where_a_large_loss_changes_little(play, start):
    options = {**ENDLESS, "lr": 2 * abs(start), "max_iter": 3, "tolerance_change": 0.5}  # the first move ends opposite
    assert play.conforms(of_one(start, SQUARE, **options))


@given(st.sampled_from([0.9e-9, 1.9e-9, 1.7e-9]))
def test_lbfgs_13_the_tolerance_of_a_change_is_a_billionth(play, gain):
    start = (gain / 0.75) ** 0.5  # the first move is half of it
    assert play.conforms(of_one(start, SQUARE, lr=0.25, max_iter=3, tolerance_grad=0.0))


@given(problems(some.using(plain, history_size=HISTORIES), steps=(2, 4), settable={}))
def test_lbfgs_5_the_newest_pairs_with_curvature_are_kept(play, program):
    assert play.conforms(program)


@given(problems(some.using(plain, max_iter=st.sampled_from([2, 3, 4])), CONVEX, steps=(1, 2)))
def test_lbfgs_6_the_direction_comes_from_the_pairs(play, program):
    assert play.conforms(program)


@given(problems(some.using(plain, lr=1.0, max_iter=1, history_size=1), CONVEX, steps=(2, 2)), some.BOOLEANS)
def test_lbfgs_7_the_scale_is_that_of_the_newest_pair(play, program, same):
    assert play.conforms(some.with_events(program, [program.events[0]] * 2) if same else program)


@given(
    some.one_parameter("lbfgs", some.using(plain, max_iter=1), steps=(3, 4), spreads=st.just("near"), starts=some.ZEROS)
)
def test_lbfgs_8_without_a_slope_there_is_no_move_and_no_pair(play, program):
    first, *others = program.events
    steep = SetOption(0, "tolerance_change", 0.0)
    slow = some.having(some.with_events(program, [first, steep, *others]), tolerance_change=1e9)

    assert (play(slow).param(0, after=1) == some.origin(program)).all()
    assert play.conforms(slow)


@given(st.sampled_from([2.0, -1.0, 0.5]))
def test_lbfgs_8_the_move_before_makes_no_pair_again(play, start):
    slow, steep = (SetOption(0, "tolerance_change", tolerance) for tolerance in (1e9, 0.0))
    other = Minimize(Function("quadratic", (0.25, 0.0)))  # the move before would have a positive curvature

    assert play.conforms(of_one(start, SQUARE, slow, SQUARE, steep, other, other, **{**ENDLESS, "lr": 0.25}))


@given(problems(plain, CONVEX, steps=(1, 3)))
def test_lbfgs_9_without_line_search_the_move_has_the_length_of_the_rate(play, program):
    assert play.conforms(program)


@given(problems(searching, CONVEX, steps=(1, 3), changing=False))
def test_lbfgs_10_the_move_has_the_length_that_the_line_search_finds(play, program):
    assert play.conforms(program)


@given(problems(plain, CONVEX, steps=(1, 1)))
def test_lbfgs_11_many_iterations_are_many_steps_of_one(play, program):
    steps = some.with_events(some.having(program, max_iter=1), program.events * program.options["max_iter"])

    assert play.agree(program, "param 0", lambda other: other.param(0), steps)


@given(
    problems(
        some.using(plain, lr=FIRST_LENGTHS, max_iter=MORE, max_eval=None, line_search_fn="strong_wolfe"),
        CONVEX,
        dtypes=some.WIDE_DTYPES,
        steps=(1, 2),
    )
)
def test_lbfgs_12_without_a_limit_there_are_five_evaluations_for_four_iterations(play, program):
    assert play.conforms(program)


@given(
    problems(
        some.using(plain, max_iter=5, max_eval=LIMITS, line_search_fn=SEARCHES), CONVEX, steps=(1, 2), changing=False
    )
)
def test_lbfgs_12_a_step_ends_where_its_evaluations_are_used_up(play, program):
    assert play.conforms(program)


@given(
    problems(
        some.using(plain, max_iter=5, tolerance_grad=TOLERANCES, tolerance_change=TOLERANCES, line_search_fn=SEARCHES),
        CONVEX,
        steps=(1, 2),
        changing=False,
    )
)
def test_lbfgs_13_a_step_ends_where_little_changes(play, program):
    assert play.conforms(program)


STEEP = (Function("linear", (1000.0,)), Function("linear", (-3000.0,)))


@given(problems(some.using(plain, lr=0.01, max_iter=3, tolerance_change=0.1), STEEP, steps=(1, 2), changing=False))
def test_lbfgs_13_a_step_ends_with_a_small_move_on_a_steep_slope(play, program):
    assert play.conforms(program)


@given(problems(some.using(searching, lr=st.sampled_from([1.0, 1e-3, 100.0])), steps=(2, 4)))
def test_lbfgs_14_the_line_search_never_goes_up(play, program):
    same = some.with_events(program, program.events[:1] * len(program.events))
    losses = [float(entry.tensors["loss"]) for entry in play(same).entries[1:]]
    for before, after in itertools.pairwise(losses):
        assert not after > before


@given(problems(some.using(searching, max_iter=1, lr=RATES), CONVEX, steps=(1, 1), dtypes=some.WIDE_DTYPES))
def test_lbfgs_14_the_length_meets_both_conditions(play, program):
    assert play.conforms(program)


SEARCH = {"line_search_fn": "strong_wolfe", "max_iter": 1, "max_eval": 25, "tolerance_grad": 0.0}


def search(case, dtype, others):
    """One line search: an objective, where it starts from, and the first length."""
    objective, start, rate = case
    options = {**SEARCH, "lr": rate, "tolerance_change": 1e-3, **others}
    group = Group((some.rounded(dtype, (len(start),), start),))
    return OptimizerProgram("lbfgs", options, (group,), (Minimize(objective),))


def each_of(cases, **others):
    """Every one of these line searches in float64, and some in float32."""

    def decorated(test):
        test = given(st.builds(search, st.sampled_from(cases), st.just("float32"), st.just(others)))(test)
        for case in cases:
            test = example(program=search(case, "float64", others))(test)
        return test

    return decorated


WIDE, DEEP, LEFT, RIGHT, SHALLOW, BOWL = (
    *(Function("wells", (width,)) for width in (10.0, 30.0)),
    *(Function("hyperbola", (center,)) for center in (-2.0, 0.5)),
    Function("valley", (0.1,)),
    Function("quadratic", (2.0, 1.0)),
)
LOW, QUICK, EVEN, SLOW, SHORT, TALL, HIGH, STORM = (
    *(Function("waves", numbers) for numbers in ((0.5, 3.0), (0.5, 5.0), (1.0, 3.0), (1.0, 2.0), (1.0, 5.0))),
    *(Function("waves", numbers) for numbers in ((2.0, 2.0), (5.0, 5.0), (20.0, 5.0))),
)
STEEP_BEYOND = (  # a length is tried at which the slope is as steep the other way
    *((WIDE, [0.6], 30.0), (DEEP, [0.9], 5.0), (RIGHT, [3.0], 5.0), (RIGHT, [-2.0, -3.1], 0.1)),
    *((LEFT, [2.1], 2.0), (LEFT, [1.1], 1.0), (LEFT, [1.6, -0.4], 10.0), (LEFT, [1.4, 0.4, -2.2], 10.0)),
)
BEYOND_THE_BEST = (  # a better length is found from which the slope points away from the other
    *((WIDE, [0.6], 30.0), (WIDE, [-0.7], 30.0), (DEEP, [2.6, -2.3, -0.3], 30.0), (RIGHT, [-2.0], 30.0)),
    *((LEFT, [-0.9, -1.1, -2.1], 30.0), (SHALLOW, [-1.3, 1.3, -2.0], 30.0), (QUICK, [-1.7], 5.0), (SLOW, [0.1], 10.0)),
)
UP_AGAIN = (  # a length descends enough and is yet above one that was tried before: outwards, then inwards
    *((LOW, [-2.8], 1.0), (SLOW, [-4.2], 1.5), (SLOW, [3.7, 0.0, -0.9], 0.2), (EVEN, [2.2, 2.2, -4.4], 0.7)),
    *((QUICK, [-2.6], 100.0), (EVEN, [-3.0], 20.0), (EVEN, [-4.4], 0.3), (SLOW, [3.8], 1.0)),
)
BARELY_LOWER = (  # a length between the two is lower than both, by less than a 1e-4 of what the slope promised
    *((EVEN, [-1.2688], 5.0), (EVEN, [1.3959], 10.0), (EVEN, [1.17112], 20.0)),
)
BELOW_THE_BOUND = (  # the cubic has its minimum at a shorter length than may be tried
    *((LOW, [-2.2], 0.01), (SLOW, [-3.5], 0.1), (SLOW, [3.5], 0.1), (TALL, [3.5], 0.2), (EVEN, [-4.3], 0.03)),
)
NEAR_AN_END = (  # a length near an end is tried once
    *((WIDE, [-0.4], 3.0), (WIDE, [0.3], 0.3), (RIGHT, [0.3], 30.0), (LEFT, [-1.4], 100.0)),
    *((SHALLOW, [-1.3], 30.0), (SHALLOW, [3.2], 30.0), (BOWL, [-0.3], 100.0), (BOWL, [0.9], 5.0)),
)
NEAR_AGAIN = (  # one is near the upper end for the second time
    *((SHORT, [-1.3], 5.0), (TALL, [-3.6], 1.5), (TALL, [-3.7], 30.0), (TALL, [4.1], 100.0)),
    *((QUICK, [1.4], 10.0), (SLOW, [-0.3], 30.0), (EVEN, [0.1], 20.0)),
)
TOO_CLOSE = (  # two lengths lie so close together that the parameters would hardly move between them
    *((QUICK, [3.0], 0.7), (HIGH, [1.9], 10.0), (HIGH, [2.5], 2.0), (QUICK, [1.7, 0.1], 1.5), (HIGH, [0.6, -0.1], 1.5)),
    *((STORM, [2.5, 4.4], 2.0), (STORM, [-3.7, 3.5, 0.4], 20.0)),
)


@each_of(STEEP_BEYOND)
def test_lbfgs_14_a_slope_may_be_too_steep_upwards(play, program):
    assert play.conforms(program)


@each_of(BEYOND_THE_BEST)
def test_lbfgs_15_the_former_best_may_become_the_other(play, program):
    assert play.conforms(program)


@each_of(UP_AGAIN + BARELY_LOWER)
def test_lbfgs_15_what_is_above_a_former_length_ends_the_way_there(play, program):
    assert play.conforms(program)


@each_of(STEEP_BEYOND + BEYOND_THE_BEST + BELOW_THE_BOUND)
def test_lbfgs_16_the_cubic_says_where_to_go_on_inwards(play, program):
    assert play.conforms(program)


@each_of(NEAR_AGAIN)
def test_lbfgs_17_a_length_near_an_end_again_is_moved_away(play, program):
    assert play.conforms(program)


@each_of(NEAR_AN_END)
def test_lbfgs_17_a_length_near_an_end_is_tried_once(play, program):
    assert play.conforms(program)


@each_of(TOO_CLOSE, tolerance_change=1.0)
def test_lbfgs_18_lengths_that_are_too_close_together_end_the_search(play, program):
    assert play.conforms(program)


@given(st.sampled_from([2.0, -2.0, 1.0]))
def test_lbfgs_18_lengths_as_far_apart_as_the_tolerance_are_not_too_close(play, start):
    far = 4 * abs(start)  # how far the first length moves the parameter, which is far above where it started
    program = of_one(start, SQUARE, **{**SEARCH, "lr": far, "tolerance_change": far})
    assert (play(program).param(0) != start).all()


@each_of(BARELY_LOWER, max_eval=2)
def test_lbfgs_18_one_length_between_the_two_is_the_last(play, program):
    assert play.conforms(program)


@each_of(BARELY_LOWER, max_eval=3)
def test_lbfgs_18_two_lengths_between_the_two_are_the_last(play, program):
    assert play.conforms(program)


FAR = some.one_of_these(10.0, 100.0, 3.0)
LENGTHS = some.decimals(0.01, 30.0, 1.0, 0.3, 3.0, 10.0)
CURVED = (
    *(Function("wells", (width,)) for width in (1.0, 4.0, 0.1)),
    *(Function("valley", (depth,)) for depth in (10.0, 1.0)),
    *(Function("hyperbola", (center,)) for center in (0.5, -2.0)),
    *(Function("waves", numbers) for numbers in ((1.0, 3.0), (0.5, 3.0), (5.0, 2.0), (1.0, 5.0))),
)


def once(draw: some.Draw) -> dict[str, Any]:
    """One line search, of lengths that the objective does not fit."""
    return {**searching(draw), "lr": draw(LENGTHS), "max_iter": 1, "max_eval": 25}


@given(problems(once, CURVED, steps=(1, 1), dtypes=some.WIDE_DTYPES))
def test_lbfgs_15_the_search_turns_and_narrows(play, program):
    assert play.conforms(program)


@given(problems(some.using(searching, lr=FAR, max_iter=2), CONVEX, steps=(1, 2), changing=False))
def test_lbfgs_15_a_length_without_enough_descent_turns_inwards(play, program):
    assert play.conforms(program)


NEAR = some.one_of_these(1e-3, 0.01, 0.1)


@given(problems(some.using(searching, lr=NEAR, max_iter=2), CONVEX, steps=(1, 2), changing=False))
def test_lbfgs_16_a_short_length_grows_by_the_cubic(play, program):
    assert play.conforms(program)


@given(problems(some.using(searching, lr=FAR, max_iter=2), OBJECTIVES, steps=(1, 2), changing=False))
def test_lbfgs_17_lengths_keep_away_from_the_ends(play, program):
    assert play.conforms(program)


@given(
    problems(
        some.using(searching, lr=RATES, max_eval=LIMITS, tolerance_change=TOLERANCES),
        CONVEX,
        steps=(1, 2),
        changing=False,
    )
)
def test_lbfgs_18_the_search_is_given_up(play, program):
    assert play.conforms(program)


@given(some.NEGATIVE)
def test_lbfgs_19_refuses_a_learning_rate_below_zero(play, lr):
    assert play.refuses(some.building("lbfgs", lr=lr))


@given(st.sampled_from(["max_iter", "max_eval", "history_size"]), st.sampled_from([0, -1]))
def test_lbfgs_20_refuses_counts_below_one(play, name, count):
    assert play.refuses(some.building("lbfgs", **{name: count}))


@given(st.sampled_from(["tolerance_grad", "tolerance_change"]), some.NEGATIVE)
def test_lbfgs_21_refuses_tolerances_below_zero(play, name, tolerance):
    assert play.refuses(some.building("lbfgs", **{name: tolerance}))


@given(st.sampled_from(["armijo", "", "strong-wolfe", "None"]))
def test_lbfgs_22_refuses_an_unknown_line_search(play, name):
    assert play.refuses(some.building("lbfgs", line_search_fn=name))
