"""What is accepted: the statistics of spec/training.md, "The end of the run"."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

LEVEL = 0.001  # how often a stack that is right may be refused by one of the two comparisons
SEEDS = 3  # how many runs of the reference make a distribution


@dataclass(frozen=True)
class Check:
    """One clause asked of one stack: `pass`, `fail`, `inconclusive`, `unsupported` or `error`, and what was found."""

    clause: str
    stack: str
    outcome: str
    found: str


def mcnemar(lost: int, won: int) -> float:
    """How likely fair coins divide the images on which two stacks differ at least this unevenly: exact, two-sided."""
    differ = lost + won
    tail = sum(math.comb(differ, k) for k in range(min(lost, won) + 1))
    return min(1.0, float(2 * tail / 2**differ))  # training.14


def t_cdf(t: float, freedom: int) -> float:
    """Student's distribution for whole degrees of freedom, as a finite series (Abramowitz and Stegun 26.7.3-4)."""
    angle = math.atan(t / math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term = total = cosine if odd else 1.0
    for k in range(2 + odd, freedom, 2):
        term *= cosine**2 * (k - 1) / k
        total += term
    if odd:
        return 0.5 + (angle + (sine * total if freedom > 1 else 0.0)) / math.pi
    return 0.5 + 0.5 * sine * total


def t_quantile(probability: float, freedom: int) -> float:
    """Where Student's distribution reaches this probability (above one half), by bisection."""
    low, high = 0.0, 1.0
    while t_cdf(high, freedom) < probability:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if t_cdf(middle, freedom) < probability else (low, middle)
    return high


def prediction_interval(accuracies: Sequence[float], runs: int, images: int) -> tuple[float, float]:
    """Where the mean accuracy of `runs` further runs lies, given the reference's; outside with probability `LEVEL`.

    Half an image is added on both sides, since accuracies are counts.
    """
    count = len(accuracies)
    half = t_quantile(1 - LEVEL / 2, count - 1) * stdev(accuracies) * math.sqrt(1 / runs + 1 / count)  # training.15
    centre = mean(accuracies)
    return centre - half - 0.5 / images, centre + half + 0.5 / images
