"""The statistics that decide about the end of a run: their numbers, and how often they err."""

import math

import numpy as np
import pytest

from torchstone.conformance.training import acceptance
from torchstone.conformance.training.acceptance import MISSED, equivalence, needed


@pytest.mark.parametrize(
    ("flips", "outcome"),
    [
        ([(46, 49)], "pass"),
        ([(408, 216)], "inconclusive"),  # one run, in which all may have one cause
        ([(500, 216), (300, 410)], "inconclusive"),
        ([(408, 216), (200, 420), (350, 150)], "inconclusive"),  # the seeds do not agree
        ([(40, 20), (45, 22), (38, 17), (41, 20), (44, 21)], "fail"),
        ([(0, 30)] * 3, "fail"),
        ([(0, 0)] * 3, "pass"),
    ],
)
def test_images_are_lost_together_where_the_seeds_do_not_agree(flips, outcome):
    assert acceptance.division(flips)[0] == outcome


def test_equal_stacks_whose_images_go_together_are_seldom_accused():
    """One run in which one model or the other is the better by a hundred images, by chance: no coin explains that."""
    random = np.random.default_rng(0)
    runs = [[(200 + int(d), 200 - int(d)) for d in random.normal(0, 50, size=5)] for _ in range(2000)]
    outcomes = [acceptance.division(run)[0] for run in runs]
    assert outcomes.count("inconclusive") > 500  # where the coin alone would have accused
    assert outcomes.count("fail") <= 2000 * acceptance.ALIKE * 1.6


def test_mcnemar_is_the_binomial_test():
    assert acceptance.mcnemar(0, 0) == 1
    assert acceptance.mcnemar(5, 5) == 1
    assert acceptance.mcnemar(0, 10) == acceptance.mcnemar(10, 0) == pytest.approx(2 / 2**10)
    assert acceptance.mcnemar(3, 9) == pytest.approx(598 / 4096)


def test_an_equivalence_by_hand():
    """Five seeds with the quantiles of printed tables: t is 2.132, chi-square 9.488."""
    reference, stack = [0.90, 0.92, 0.94, 0.96, 0.98], [0.91, 0.91, 0.95, 0.95, 0.98]
    found = equivalence(stack, reference)

    assert found.difference == pytest.approx(0.0, abs=1e-12)
    assert found.half == pytest.approx(2.132 * 0.01 / math.sqrt(5), rel=1e-3)
    assert found.margin == pytest.approx(math.sqrt(2) * math.sqrt(0.001) * math.sqrt(4 / 9.488), rel=1e-3)
    assert found.outcome == "pass"


def test_runs_that_all_agree_are_equivalent_and_one_image_is_within_the_margin():
    assert equivalence([0.9] * 3, [0.9] * 3).outcome == "pass"
    assert equivalence([0.91] * 3, [0.9] * 3, grain=0.01).outcome == "pass"
    assert equivalence([0.92] * 3, [0.9] * 3, grain=0.01).outcome == "fail"


def rates(seeds: int, ratio: float, off: float, runs: int = 2000) -> dict[str, float]:
    """How often each outcome comes out, where a stack strays by `ratio` of the seeds' spread and is `off` as many."""
    random = np.random.default_rng(0)
    outcomes = []
    for _ in range(runs):
        reference = random.normal(size=seeds)
        stack = reference + ratio * random.normal(size=seeds) + off
        outcomes.append(equivalence(list(stack), list(reference)).outcome)
    return {outcome: outcomes.count(outcome) / runs for outcome in ("pass", "fail", "inconclusive")}


@pytest.mark.parametrize("ratio", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_a_stack_a_whole_margin_off_is_hardly_ever_accepted(seeds, ratio):
    """Four standard errors of 2,000 runs above the stated rate."""
    assert rates(seeds, ratio, math.sqrt(2))["pass"] <= MISSED + 4 * math.sqrt(MISSED / 2000)


@pytest.mark.parametrize("ratio", [0.3, 0.7, 1.0])
def test_with_enough_seeds_a_right_stack_is_accepted(ratio):
    """95 % if the margin were exact; as it is an estimate, and 0.7 of the whole in the mean, eight to nine in ten."""
    seeds = needed(ratio, math.sqrt(2) * 0.7)
    assert rates(seeds, ratio, 0.0)["pass"] >= 0.8


def test_a_right_stack_is_hardly_ever_accused():
    for seeds in (3, 5, 10):
        assert rates(seeds, 1.0, 0.0)["fail"] <= acceptance.LEVEL + 4 * math.sqrt(acceptance.LEVEL / 2000)


def test_too_few_seeds_are_neither_a_pass_nor_a_fail_and_say_how_many_it_takes():
    found = equivalence([0.90, 0.95, 0.91], [0.93, 0.91, 0.92])

    assert found.outcome == "inconclusive"
    assert found.needed > 3
    assert needed(1.0, 1e-9) == 10**6


def test_another_run_lies_in_the_interval_as_often_as_is_said():
    random = np.random.default_rng(0)
    outside = 0
    for _ in range(2000):
        *seen, another = random.normal(size=11)
        low, high = acceptance.interval(seen, 1)
        outside += not low <= another <= high
    assert outside / 2000 == pytest.approx(acceptance.OUTSIDE, abs=4 * math.sqrt(acceptance.OUTSIDE / 2000))
