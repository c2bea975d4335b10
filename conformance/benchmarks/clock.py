"""The rounds: every contestant is built anew and timed once, in random order."""

import gc
import random
from collections.abc import Callable, Mapping
from time import perf_counter

from torchstone.conformance.backend import Work

Make = Callable[[], Work]
BURST = 5e-4  # seconds that calls are timed in a row at least, where the work can be repeated
BURSTS = 5  # in a round, of which the fastest counts: what else runs on the machine only ever takes time
ENOUGH = 1e-2  # seconds of bursts in a round, after which there are no more


class TooLong(Exception):
    """A case would take longer than it may; the message says how long."""


def burst(work: Work, iterations: int) -> float:
    """Seconds for one call, over so many in a row. Garbage is not collected meanwhile."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        start = perf_counter()
        for _ in range(iterations):
            work()
        return (perf_counter() - start) / iterations
    finally:
        if enabled:
            gc.enable()


def repeats(work: Work) -> tuple[int, float]:
    """How many calls make up a burst, and the seconds of one. The first call may build what the others find."""
    work()
    iterations = 1
    while (taken := min(burst(work, iterations) for _ in range(2))) * iterations < BURST / 2:
        iterations = max(2 * iterations, int(BURST / max(taken, BURST / 10_000)))
    return iterations, taken


def rounds(
    makes: Mapping[str, Make], *, once: bool, most: int, least: int, seconds: float, patience: float, seed: int
) -> tuple[dict[str, int], dict[str, list[float]]]:
    """The calls in a burst of each contestant, and the seconds a call took in each round.

    `once` is for work that is another at the second call. There are as many rounds as fit into `seconds`, between
    `least` and `most`; where even the fewest take longer than `patience`, it is `TooLong`.
    """
    order = random.Random(seed)
    iterations, slowest = {}, 0.0
    for name, make in makes.items():
        iterations[name], taken = (1, ENOUGH) if once else repeats(make())
        slowest = max(slowest, iterations[name] * taken)
        _within(patience, least * len(makes) * taken * iterations[name], least)
    bursts = max(1, min(BURSTS, int(ENOUGH / slowest)))  # the same for all, since the fastest of more is faster
    times: dict[str, list[float]] = {name: [] for name in makes}
    count, done, start = most, 0, perf_counter()
    while done < count:
        for name in order.sample(list(makes), len(makes)):
            work = makes[name]()
            if not once:
                burst(work, 1 + iterations[name] // 4)  # not counted: what is built at the first call, and caches
            times[name].append(min(burst(work, iterations[name]) for _ in range(bursts)))
            del work
        gc.collect(0)
        done += 1
        spent = perf_counter() - start
        if spent > patience:
            _within(patience, spent / done * least, least)
        count = min(most, max(least, int(seconds * done / spent)))
    return iterations, times


def _within(patience: float, expected: float, least: int) -> None:
    """Whether so many seconds may be spent, as those that were measured foretell it."""
    if expected > patience:
        raise TooLong(f"{least} rounds would take {expected:.0f} s, and may take {patience:.0f} s")
