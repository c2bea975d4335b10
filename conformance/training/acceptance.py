"""What is accepted: the statistics of spec/training.md, "The end of the run"."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

LEVEL = 0.001  # how often a stack that is right may be accused, by each of the tests
ALIKE = 0.01  # the same where images that differ may do so together, and only seeds are independent
MISSED = 0.05  # how often a stack that is a whole margin off may be accepted
UNDECIDED = 0.05  # how often one that is right may not be accepted, with as many seeds as are needed
SEEDS = 3  # how many runs of the reference make a distribution
OUTSIDE = 0.05  # how often a published row of such a run may be found not to be one


@dataclass(frozen=True)
class Check:
    """One clause asked of one stack: `pass`, `fail`, `inconclusive`, `unsupported` or `error`, and what was found."""

    clause: str
    stack: str
    outcome: str
    found: str


def mcnemar(lost: int, won: int) -> float:
    """How likely fair coins divide the images on which two stacks differ at least this unevenly: exact, two-sided."""
    return float(stats.binomtest(lost, lost + won).pvalue) if lost + won else 1.0


def division(flips: Sequence[tuple[int, int]]) -> tuple[str, float]:
    """What becomes of training.14, and the chance for coins, where a seed lost and won so many images each.

    Where rounding errors have grown, the images of a run are lost or won together: coins do not decide that alone.
    """
    chance = mcnemar(sum(lost for lost, _ in flips), sum(won for _, won in flips))
    if chance >= LEVEL:
        return "pass", chance
    told = len(flips) >= SEEDS and by_chance([won - lost for lost, won in flips]) < ALIKE
    return "fail" if told else "inconclusive", chance  # training.14


def by_chance(differences: Sequence[float]) -> float:
    """How likely the mean of as many differences of stacks that do not differ is so far from zero: Student's test."""
    error = np.std(differences, ddof=1) / math.sqrt(len(differences))
    centre = float(np.mean(differences))
    return 2 * float(special.stdtr(len(differences) - 1, -abs(centre) / error)) if error else float(centre == 0)


@dataclass(frozen=True)
class Equivalence:
    """How far the mean of a stack is from the reference's: `difference` give or take `half`, beside the `margin`.

    `chance` is how likely stacks that do not differ are so far apart; `needed` is the number of seeds with which a
    right stack of this spread is accepted.
    """

    difference: float
    half: float
    margin: float
    chance: float
    needed: int

    @property
    def outcome(self) -> str:
        """`pass` within the margin; `fail` where there is a difference; otherwise nothing is shown either way."""
        if abs(self.difference) + self.half <= self.margin:
            return "pass"
        return "fail" if self.chance < LEVEL else "inconclusive"


def equivalence(stack: Sequence[float], reference: Sequence[float], grain: float = 0.0) -> Equivalence:
    """Two one-sided t-tests on the differences of runs that started alike (Schuirmann 1987).

    `grain` is the smallest step in which the values can differ; the margin is at least one and a half of them.
    """
    count = len(reference)
    differences = np.subtract(stack, reference)
    centre, spread = float(differences.mean()), float(differences.std(ddof=1))
    error = spread / math.sqrt(count)
    own = float(np.std(reference, ddof=1)) * math.sqrt((count - 1) / special.chdtri(count - 1, MISSED))
    margin = max(math.sqrt(2) * own, 1.5 * grain)  # training.15
    half = student(1 - MISSED, count) * error
    return Equivalence(centre, half, margin, by_chance(differences.tolist()), needed(spread, margin))


def student(probability: float, count: int) -> float:
    """The quantile of Student's distribution for a mean of so many values."""
    return float(special.stdtrit(count - 1, probability))


def needed(spread: float, margin: float) -> int:
    """How many seeds it takes until a stack that differs by nothing but its spread is accepted, 1 - UNDECIDED of the
    time were the margin exact; at most a million."""

    def enough(count: int) -> bool:
        quantiles = student(1 - MISSED, count) + student(1 - UNDECIDED / 2, count)
        return spread * quantiles <= margin * math.sqrt(count)  # training.21

    low, high = SEEDS, 10**6
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low


def interval(values: Sequence[float], asked: int) -> tuple[float, float]:
    """Where one further run lies; of `asked` such intervals all hold together but for the chance `OUTSIDE`."""
    count = len(values)
    half = student(1 - OUTSIDE / asked / 2, count) * np.std(values, ddof=1) * math.sqrt(1 + 1 / count)
    return float(np.mean(values) - half), float(np.mean(values) + half)  # training.23
