"""The judge accepts honest rounding and refuses planted errors."""

import dataclasses
import math
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchstone.conformance import oracle
from torchstone.conformance import strategies as some
from torchstone.conformance.backends import torch as torch_backend
from torchstone.conformance.budget import FLOOR, MORE, RUNS, Budget, Law
from torchstone.conformance.clauses import components
from torchstone.conformance.judge import KNOWN, Judge
from torchstone.conformance.program import (
    Function,
    Group,
    LossProgram,
    Minimize,
    OptimizerProgram,
    ScheduleProgram,
    ScheduleStep,
    Step,
    TensorData,
)
from torchstone.conformance.trace import Entry, Refusal, Trace

QUICKLY = settings(max_examples=60, deadline=None, database=None, derandomize=True)
DTYPES = ("float64", "float32", "bfloat16", "float16")


def tensor(values, dtype="float64"):
    return some.rounded(dtype, (len(values),), values)


def l1(input, target, dtype="float64", **options):
    tensors = {"input": tensor(input, dtype), "target": tensor(target, dtype)}
    return LossProgram("l1", options, tensors, ("input",))


def adam(dtype, steps=3, **options):
    grads = [tensor([3.0, -1e-7, 0.0, 2.0], dtype)] * steps
    start = TensorData(dtype, (4,), (0.0, 1.0, -0.5, 0.0))
    return OptimizerProgram("adam", options, (Group((start,)),), tuple(Step((grad,)) for grad in grads))


def changed(trace, name, change, after=-1):
    """The trace with one output changed."""
    entries = list(trace.entries)
    tensors = dict(entries[after].tensors)
    tensors[name] = change(tensors[name])
    entries[after] = dataclasses.replace(entries[after], tensors=tensors)
    return Trace(tuple(entries))


@QUICKLY
@given(st.one_of([some.programs_of(page.stem) for page in components()]))
def test_the_reference_in_its_own_dtype_is_within_budget(program):
    assert Judge().conforms(program, oracle.play(program, dtype=None))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_planted_error_of_sixteen_ulp_is_refused(dtype):
    program = dataclasses.replace(adam(dtype, steps=1, lr=0.1), component="sgd")
    right = oracle.play(program, dtype=None)
    eps = torch.finfo(right.param(0).dtype).eps
    wrong = changed(right, "param 0", lambda param: (param.double() * (1 + 16 * eps)).to(param.dtype))
    assert Judge().conforms(program, right)
    verdict = Judge().conforms(program, wrong)
    assert verdict.outcome == "fail"
    assert verdict.worst > 1


def test_bias_corrections_in_float32_are_refused_in_float64():
    program = adam("float64", steps=1)
    step = torch.tensor([-3.0, 1e-7, 0.0, -2.0], dtype=torch.float64)
    m, v = 0.1 * step, 0.001 * step**2
    correction1, correction2 = 1 - torch.tensor(0.9), 1 - torch.tensor(0.999)
    moved = 1e-3 * (m / correction1.double()) / ((v / correction2.double()).sqrt() + 1e-8)
    start = torch.tensor([0.0, 1.0, -0.5, 0.0], dtype=torch.float64)
    wrong = changed(oracle.play(program), "param 0", lambda _: start + moved)
    assert not Judge().conforms(program, wrong)


def test_a_failure_is_said_only_after_all_runs_and_names_the_element():
    program = adam("float32", steps=2)
    little = torch.tensor([0.0, 0.0, 1e-5, 0.0])
    wrong = changed(oracle.play(program, dtype=None), "param 0", lambda p: p + little, after=1)
    judge = Judge()
    verdict = judge.conforms(program, wrong)
    assert RUNS // 2 <= judge.budget(program).runs <= RUNS
    assert verdict.place == "param 0[2] after event 1"
    assert verdict.actual == pytest.approx(verdict.expected + 1e-5)
    assert verdict.budget < 1e-6


@pytest.mark.parametrize(("error", "share"), [(1e-4, 2), (1e-2, 4), (1.0, 8)])
def test_the_more_budgets_an_error_has_the_fewer_runs_are_made(error, share):
    program = adam("float32", steps=2)
    wrong = changed(oracle.play(program, dtype=None), "param 0", lambda p: p + torch.tensor([0.0, 0.0, error, 0.0]))
    judge = Judge()
    assert not judge.conforms(program, wrong)
    assert RUNS // (2 * share) < judge.budget(program).runs <= RUNS // share
    judge = Judge()
    assert not judge.conforms(program, wrong, KNOWN)
    assert judge.budget(program).runs <= KNOWN // 2


def searching():
    """A line search without a limit on a straight line, where rounding decides how far each length goes on."""
    straight = Minimize(Function("linear", (0.5,)))
    options = {"lr": 1.0, "max_iter": 8, "max_eval": None, "tolerance_grad": 0.0, "tolerance_change": 0.0}
    start = Group((some.rounded("float32", (3,), (5.6, 0.0, -8.2)),))
    return OptimizerProgram("lbfgs", {**options, "line_search_fn": "strong_wolfe"}, (start,), (straight,))


def test_what_rounding_moves_by_more_than_itself_is_called_wrong_after_more_runs():
    tensors = {"input": tensor([1.0], "float32"), "target": tensor([math.e], "float32")}  # e^1 - e * 1
    program, judge = LossProgram("poisson_nll", {}, tensors, ("input",)), Judge()
    wrong = changed(oracle.play(program, dtype=None), "value", lambda value: value + 1e-5)
    assert not judge.conforms(program, wrong)
    assert judge.budget(program).runs == MORE * RUNS


def test_where_most_runs_take_ways_of_their_own_none_of_them_accuses():
    program, judge = searching(), Judge()
    assert judge.conforms(program, torch_backend.make().play(program))
    beyond = changed(oracle.play(program, dtype=None), "param 0", lambda param: param * 1e6)
    assert judge.conforms(program, beyond)
    assert judge.budget(program).runs == RUNS
    before = changed(beyond, "param 0", lambda param: param + 1, after=0)
    assert judge.conforms(program, before).place.endswith("at the start")


def test_a_way_that_one_run_took_alone_says_that_there_may_be_others():
    # Every length ends where the next begins, but for rounding: torch goes on four times, which no run does.
    options = {"lr": 0.1, "max_iter": 5, "max_eval": 100, "tolerance_grad": 0.0, "tolerance_change": 1e-7}
    quadratic = Minimize(Function("quadratic", (0.5, -1.0)))
    start = Group((tensor([9.8]),))
    program = OptimizerProgram("lbfgs", {**options, "line_search_fn": "strong_wolfe"}, (start,), (quadratic,))
    judge, trace = Judge(), torch_backend.make().play(program)
    assert judge.conforms(program, trace)
    budget = judge.budget(program)
    assert abs(trace.param(0) - budget.trace.param(0)) > 1e6 * budget.allowed.max()
    assert 0 < budget.news()[1] < 0.1
    assert budget.runs == MORE * RUNS


def close_by():
    """A line search whose first length is as flat as it has to be, but for rounding: it may end there or go on."""
    options = {"lr": 0.1, "max_iter": 2, "max_eval": 12, "tolerance_grad": 1e-3, "tolerance_change": 1e-3}
    quadratic = Minimize(Function("quadratic", (2.0, 1.0)))
    start = Group((some.rounded("float64", (1,), (-3.0,)),))
    return OptimizerProgram("lbfgs", {**options, "line_search_fn": "strong_wolfe"}, (start,), (quadratic,) * 2)


def test_where_rounding_may_choose_the_way_more_runs_are_asked():
    program, judge = close_by(), Judge()
    assert judge.conforms(program, torch_backend.make().play(program))
    assert RUNS // 2 < judge.budget(program).runs <= MORE * RUNS
    judge = Judge()
    wrong = changed(oracle.play(program, dtype=None), "param 0", lambda param: param + 10)
    assert not judge.conforms(program, wrong)
    assert judge.budget(program).runs == MORE * RUNS


def test_where_a_way_is_chosen_three_runs_do_not_accuse():
    # The second length is as flat as it has to be, but for rounding; the first three runs happen to agree on it.
    options = {"lr": 0.1, "max_iter": 2, "max_eval": 12, "tolerance_grad": 1e-3, "tolerance_change": 1e-3}
    quadratic = Minimize(Function("quadratic", (0.5, -1.0)))
    start = Group((tensor([-0.93]),))
    program = OptimizerProgram("lbfgs", {**options, "line_search_fn": "strong_wolfe"}, (start,), (quadratic,))
    judge, trace = Judge(), torch_backend.make().play(program)
    assert judge.conforms(program, trace)
    assert abs(trace.param(0) - judge.budget(program).trace.param(0)) > 0.4


def test_where_elements_are_chosen_three_runs_do_not_accuse():
    # Rounding alone decides whether v - a^2 is above zero; in the first four runs it never is.
    steps = (Step((tensor([0.0, 0.0, 0.0]),)), Step((tensor([0.0, 0.0, 0.0]),)), Step((tensor([0.1, 0.0, 0.0]),)))
    start = Group((tensor([0.0, 0.0, 0.0]),))
    program = OptimizerProgram("rmsprop", {"alpha": 0.0, "centered": True}, (start,), steps)
    judge, trace = Judge(), torch_backend.make().play(program)
    assert judge.conforms(program, trace)
    assert abs(trace.param(0) - judge.budget(program).trace.param(0)).max() > 8000


def test_a_comparison_that_is_no_tie_asks_for_no_more_runs():
    program = dataclasses.replace(close_by(), options=close_by().options | {"lr": 0.07})
    judge = Judge()
    wrong = changed(oracle.play(program, dtype=None), "param 0", lambda param: param + 10)
    assert not judge.conforms(program, wrong)
    assert judge.budget(program).runs <= RUNS // 2


def test_what_is_right_to_two_ulp_costs_no_run():
    program = l1([1.0, 2.0], [0.5, 3.0], reduction="none")
    judge = Judge()
    assert judge.conforms(program, oracle.play(program))
    assert judge.budget(program).runs == 0


def test_a_longer_trajectory_has_a_larger_budget():
    def spread(steps):
        budget = Budget(adam("float32", steps=steps))
        for _ in range(8):
            budget.widen()
        return budget.spread[-1]

    assert spread(10) > spread(1) > 0


def test_a_chain_of_rates_is_allowed_a_rounding_for_every_step():
    budget = Budget(ScheduleProgram("exponential", {"gamma": 0.3}, (0.1,), None, (ScheduleStep(),) * 9))
    for _ in range(8):
        budget.widen()
    relative = budget.spread / budget.exact
    assert relative[9] > 3 * relative[1] > 0


@pytest.mark.parametrize(
    ("actual", "expected", "right"),
    [
        (math.nan, math.nan, True),
        (math.inf, math.inf, True),
        (-math.inf, math.inf, False),
        (math.nan, math.inf, False),
        (1.0, math.nan, False),
        (0.0, -0.0, True),
    ],
)
def test_special_values_are_compared_exactly(actual, expected, right):
    program = l1([1.0], [0.0], reduction="none")
    trace = Trace((Entry({"value": torch.tensor([actual], dtype=torch.float64)}),))
    assert bool(Judge().agree(program, trace, "value", torch.tensor([expected]))) is right


def test_a_number_that_rounding_may_send_to_infinity_is_inconclusive():
    program = l1([3e38], [-3e38], "float32", reduction="none")
    for value in (math.inf, torch.finfo(torch.float32).max):
        trace = changed(oracle.play(program, dtype=None), "value", lambda v, value=value: torch.full_like(v, value))
        verdict = Judge().agree(program, trace, "value", oracle.play(program).value)
        assert verdict.outcome == "inconclusive"
        assert verdict.inconclusive == 1


def test_a_gradient_that_cancels_to_nothing_when_rounded_is_inconclusive():
    # The decay 0.1 * param is rounded to minus the gradient, and 0 / (0 + eps) is NaN. Without rounding it is 1.
    gradient, param = tensor([3.1948089599609375e-05], "bfloat16"), tensor([-0.0003204345703125], "bfloat16")
    options = {"weight_decay": 0.1, "eps": 0.0, "lr": 1.0}
    program = OptimizerProgram("adam", options, (Group((param,)),), (Step((gradient,)),))
    rounded = oracle.play(program, dtype=None)
    assert rounded.param(0).isnan().all()
    assert Judge().conforms(program, rounded)
    steady = dataclasses.replace(program, options=options | {"weight_decay": 0.0})
    assert not Judge().conforms(steady, rounded)


def wandering(decay):
    """The sixth gradient and its decay nearly cancel, and the step is their quotient by what is left of them: from
    there on rounding decides where the parameter is, and in bfloat16 a later gradient happens to cancel to 0."""
    grads = (-1.0, 1.0, 0.5, 3.0, -0.9296875, 0.44921875, 0.0, 0.0, -9.875, 0.0)
    options = {"lr": 0.5, "betas": (0.07135, 0.0), "weight_decay": decay}
    start = Group((tensor([0.0], "bfloat16"),))
    return OptimizerProgram("adamax", options, (start,), tuple(Step((tensor([grad], "bfloat16"),)) for grad in grads))


def test_what_follows_where_rounding_moved_a_number_by_more_than_it_ever_was_is_not_judged():
    program, judge = wandering(0.8228), Judge()
    trace = torch_backend.make().play(program)
    assert abs(trace.param(0)) > 1e6
    assert judge.conforms(program, trace)
    assert judge.budget(program).lost(trace, RUNS).nonzero()[0].tolist() == [7, 8, 9, 10]
    wrong = changed(trace, "param 0", lambda param: param + 1, after=5)
    assert Judge().conforms(program, wrong).place == "param 0[0] after event 5"
    exact = [entry.tensors["param 0"].to(torch.bfloat16) for entry in oracle.play(program).entries]
    wrong = changed(Trace(tuple(Entry({"param 0": param}) for param in exact)), "param 0", lambda param: param * 1e20)
    assert Judge().conforms(program, wrong).place == "param 0[0] after event 10"
    steady = wandering(0.0)
    wrong = changed(oracle.play(steady, dtype=None), "param 0", lambda param: param * 2)
    assert not Judge().conforms(steady, wrong)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_moving_mean_may_be_computed_from_the_distance_of_both(dtype):
    beta1, one, zero = 0.001, tensor([1.0], dtype), tensor([0.0], dtype)
    options = {"lr": 1.0, "betas": (beta1, 0.0), "eps": 1e-3}
    program = OptimizerProgram("adamax", options, (Group((zero,)),), (Step((one,)), Step((zero,))))

    def by_hand(beta1):
        """From the distance: m + (1 - beta1) * (g - m), as torch does."""
        m = torch.zeros(1, dtype=getattr(torch, dtype))
        params = [m]
        for t, grad in enumerate((1.0, 0.0), 1):
            m = m + (1 - beta1) * (grad - m)
            params.append(params[-1] - m / (1 - beta1**t) / (abs(grad) + 1e-3))
        return Trace(tuple(Entry({"param 0": param}) for param in params))

    assert Judge().conforms(program, by_hand(beta1))
    assert not Judge().conforms(program, by_hand(0.1))


@pytest.mark.parametrize(("reduction", "upstream"), [("mean", 1.0), ("sum", 0.125)])
def test_a_gradient_whose_factors_overflow_in_one_order_only_is_inconclusive(reduction, upstream):
    # (x - y) / v is beyond float32, and half of it or less is not.
    tensors = {"input": tensor([4.4e32, 0.0], "float32"), "target": tensor([0.0, 0.0], "float32")}
    tensors["var"] = tensor([1e-6, 1e-6], "float32")
    program = LossProgram("gaussian_nll", {"reduction": reduction}, tensors, ("input",), (upstream, 1e3))
    right = oracle.play(program, dtype=None)
    assert right.grad("input").isfinite().all()
    overflowed = changed(right, "grad input", lambda grad: torch.where(grad == 0, grad, math.inf))
    verdict = Judge().conforms(program, overflowed)
    assert verdict
    assert verdict.inconclusive >= 1
    smaller = dataclasses.replace(program, tensors=tensors | {"var": tensor([1.0, 1.0], "float32")})
    infinite = changed(oracle.play(smaller, dtype=None), "grad input", lambda grad: torch.full_like(grad, math.inf))
    assert not Judge().conforms(smaller, infinite)


def test_an_element_that_cannot_be_found_wrong_by_its_size_is_not_counted():
    # 1 - 1e-9 in bfloat16: the result's budget is far larger than the step.
    program = OptimizerProgram(
        "sgd", {"lr": 1.0}, (Group((tensor([1.0], "bfloat16"),)),), (Step((tensor([1.0], "bfloat16"),)),)
    )
    verdict = Judge().conforms(program, oracle.play(program, dtype=None))
    assert verdict
    assert verdict.comparisons == 2  # the start and the exact zero


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda value: value.float(), "must have dtype torch.float64, got torch.float32"),
        (lambda value: value.reshape(1, -1), r"must have shape \(2,\), got \(1, 2\)"),
        (lambda value: None, "must be a tensor, got NoneType"),
    ],
)
def test_the_form_of_an_output_is_judged_first(change, rule):
    program = l1([1.0, 2.0], [0.5, 3.0], reduction="none")
    right = oracle.play(program)
    wrong = changed(right, "value", change)
    for verdict in (Judge().conforms(program, wrong), Judge().agree(program, wrong, "value", right.value)):
        assert verdict.outcome == "error"
        assert re.search(rule, verdict.rule)


def test_missing_outputs_and_entries_are_errors():
    program = l1([1.0], [0.0])
    assert "must hold" in Judge().conforms(program, Trace((Entry({}),))).rule
    program = adam("float64")
    short = Trace(oracle.play(program).entries[:2])
    assert "after every event" in Judge().conforms(program, short).rule


def test_refusals_are_compared_too():
    bad, good = l1([1.0], [0.0], reduction="wrong"), l1([1.0], [0.0])
    refused = Trace((Entry(refusal=Refusal("ValueError", "no")),))
    judge = Judge()
    assert judge.conforms(bad, refused)
    assert judge.conforms(bad, oracle.play(good)).outcome == "fail"
    assert judge.conforms(good, refused).outcome == "error"
    assert judge.agree(good, refused, "value", 1.0).outcome == "error"
    assert judge.refuses(bad, refused)
    assert not judge.refuses(good, oracle.play(good))


@pytest.mark.parametrize(("number", "other"), [(math.nan, 0.0), (math.inf, torch.finfo(torch.float64).max)])
def test_what_no_budget_is_for_is_alike_only_with_the_very_numbers(number, other):
    """The reference gives a gradient too, and these do not; so nothing says how far apart their values may be."""
    program = l1([1.0, 2.0], [0.0, 0.0], reduction="none")
    one, two = (Trace((Entry({"value": tensor([each, 2.0]).torch()}),)) for each in (number, other))

    assert Judge().alike(program, one, one).outcome == "pass"
    assert Judge().alike(program, one, two).outcome == "fail"


def test_a_law_has_the_budgets_of_both_of_its_sides():
    program, doubled = l1([0.1, 0.7], [0.3, 0.2], "float32"), l1([0.2, 1.4], [0.6, 0.4], "float32")
    judge = Judge()
    trace, other = (oracle.play(each, dtype=None) for each in (doubled, program))
    assert judge.agree(doubled, trace, "value", lambda plain: 2 * plain.value, [(program, other)])
    assert not judge.agree(doubled, trace, "value", lambda plain: 2.00001 * plain.value, [(program, other)])


def test_a_law_that_cancels_is_allowed_the_rounding_of_what_cancels():
    program = l1([1.0, 1.0], [0.0, 1e-6], "float32", reduction="none")
    trace = oracle.play(program, dtype=None)
    near = changed(trace, "value", lambda v: v + torch.tensor([0.0, 6e-8]))
    difference = l1([1e-6], [0.0], "float32", reduction="none")

    def law(both):
        return both.value[:1] - both.value[1:]

    assert Judge().agree(difference, oracle.play(difference, dtype=None), "value", law, [(program, near)])
    far = changed(trace, "value", lambda v: v + torch.tensor([0.0, 6e-6]))
    assert not Judge().agree(difference, oracle.play(difference, dtype=None), "value", law, [(program, far)])


def test_a_law_is_widened_where_the_budget_beside_it_was_used_up_before():
    program = l1([1.0, 1.0], [0.0, 1e-6], "float32", reduction="none")
    difference = l1([1e-6], [0.0], "float32", reduction="none")
    judge = Judge()
    while judge.budget(difference).runs < RUNS:
        judge.budget(difference).widen()
    near = changed(oracle.play(program, dtype=None), "value", lambda v: v + torch.tensor([0.0, 6e-8]))
    trace = oracle.play(difference, dtype=None)
    assert judge.agree(difference, trace, "value", lambda both: both.value[:1] - both.value[1:], [(program, near)])


def test_two_programs_of_a_law_take_different_roundings():
    program = l1([0.1, 0.7], [0.3, 0.2], "float32")
    law = Law(lambda one, two: one.value - two.value, [Budget(program), Budget(program)], torch.Size())
    law.widen()
    assert law.spread > 0


def test_the_floor_is_in_ulp_of_the_dtype_under_test():
    program = l1([1.0], [0.0], "float16", reduction="none")
    trace = oracle.play(program, dtype=None)
    eps = torch.finfo(torch.float16).eps
    near = changed(trace, "value", lambda v: v + FLOOR * eps)
    assert Judge().agree(program, near, "value", 1.0)
