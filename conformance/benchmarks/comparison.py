"""When two times differ. The one place where a benchmark decides.

In every round each contestant is built anew and timed once, in random order, so that a round gives one ratio of a
backend to the baseline. The ratios of a case are summed up by their median, with the interval between two order
statistics that holds it whatever the distribution: the sign test, turned around (Thompson 1936). The level is divided
by the number of intervals in the run (Bonferroni), so that all of them hold at once with the level that is stated.

The baseline is also timed against itself, as one contestant more. A difference is one where the interval lies beyond
what the baseline's own interval, in the same case and the same rounds, says that noise can do.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median

from scipy.stats import binom

LEVEL = 0.95  # with which all intervals of a run hold at once
FASTER, SLOWER, NONE = "faster", "slower", "no difference"


def rounds_needed(intervals: int) -> int:
    """The rounds with which an interval exists: all ratios lie on one side of the median with 2 * 0.5**rounds."""
    return math.ceil(1 + math.log2(intervals / (1 - LEVEL)))


def interval(ratios: Sequence[float], intervals: int = 1) -> tuple[float, float]:
    """Where the median ratio lies, at the level that so many intervals need to hold at once."""
    ordered, place = sorted(ratios), _place(len(ratios), intervals)
    return (ordered[place - 1], ordered[-place]) if place else (0.0, math.inf)


@cache
def _place(count: int, intervals: int) -> int:
    """Counted from either end, the order statistic that the interval ends at; 0 where there are too few."""
    tail = (1 - LEVEL) / intervals / 2  # the chance that the median of so many lies beyond one end
    return int((binom.cdf(range(count // 2), count, 0.5) <= tail).sum())


@dataclass(frozen=True)
class Comparison:
    """A backend's time as a multiple of the baseline's: the median over rounds, and where it lies.

    `least` is the smallest ratio above 1 that is more than noise here, as the baseline against itself shows it.
    """

    ratio: float
    low: float
    high: float
    least: float

    @property
    def verdict(self) -> str:
        if self.low > self.least:
            return SLOWER
        return FASTER if self.high < 1 / self.least else NONE


def least_difference(control: Sequence[float], intervals: int) -> float:
    """The ratio that the baseline against itself may reach by noise: the farther end of its interval."""
    low, high = interval(control, intervals)
    return max(high, 1 / low if low else math.inf, 1.0)


def compared(
    backend: Sequence[float], baseline: Sequence[float], control: Sequence[float], intervals: int
) -> Comparison:
    """Times of the same rounds, in seconds, of a backend, the baseline, and the baseline once more."""
    ratios = [ours / theirs for ours, theirs in zip(backend, baseline, strict=True)]
    same = [ours / theirs for ours, theirs in zip(control, baseline, strict=True)]
    return Comparison(median(ratios), *interval(ratios, intervals), least_difference(same, intervals))


def changed(old: Comparison, new: Comparison) -> str:
    """Whether a backend became faster or slower against the baseline from one run to another: both intervals are
    apart, and by more than the noise of the noisier run."""
    least = max(old.least, new.least)
    if new.low > old.high and new.ratio > old.ratio * least:
        return SLOWER
    return FASTER if new.high < old.low and new.ratio * least < old.ratio else NONE
