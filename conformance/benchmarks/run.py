"""One benchmark: which cases may be timed, the rounds, and what they say."""

import math
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from statistics import median
from typing import Any

import torch

from torchstone.conformance.backend import Backend, Broken, Unsupported, Work
from torchstone.conformance.benchmarks import clock, traffic
from torchstone.conformance.benchmarks.cases import TRAINING, Case, Grid, cases
from torchstone.conformance.benchmarks.comparison import LEVEL, Comparison, compared, rounds_needed
from torchstone.conformance.benchmarks.conforming import DIFFERS
from torchstone.conformance.benchmarks.work import LITERAL, fault, prepared, prepares
from torchstone.conformance.oracle import rule
from torchstone.conformance.training.loop import Stack, around, start
from torchstone.conformance.training.units import keep_memory
from torchstone.reference.optimizer import minimises

CONTROL = "baseline again"  # the contestant that shows what noise can do
PATIENCE = 8  # times the seconds of a grid that the fewest rounds of a case may take


@dataclass
class Contestant:
    """A backend that takes part: `reasons` says of components why they may not be shown with a speed."""

    spec: str
    backend: Backend
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def how(self) -> str:
        return "prepare" if prepares(self.backend) else "play"

    def make(self, case: Case) -> clock.Make:
        if case.what == TRAINING:
            return partial(_training, self.backend, case)
        return partial(prepared, self.backend, case.program())


@dataclass
class Timing:
    """What was measured of one backend in one case; `seconds` has a call in each round."""

    case: Case
    backend: str
    iterations: int
    seconds: list[float]
    moved: int | None  # bytes
    limit: float | None  # the least seconds to move them
    comparison: Comparison | None = None  # None for the baseline itself

    @property
    def median(self) -> float:
        return median(self.seconds)

    @property
    def share(self) -> float | None:
        """The part of the time that the bytes alone must take."""
        return None if self.limit is None else self.limit / self.median


@dataclass(frozen=True)
class Untimed:
    """A case that is not shown with a speed, and why."""

    case: Case
    backend: str
    reason: str

    @property
    def nonconforming(self) -> bool:
        return DIFFERS in self.reason


@dataclass
class Result:
    """A whole benchmark. `timings` has the baseline, its second self and the backends, case by case."""

    baseline: str
    control: str
    contestants: list[Contestant]
    roof: traffic.Roof
    settings: dict[str, Any]
    timings: list[Timing] = field(default_factory=list)
    untimed: list[Untimed] = field(default_factory=list)
    load: list[float] = field(default_factory=list)  # one-minute averages, before each case
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def names(self) -> list[str]:
        """The backends by the names they are shown by: two that are the same are told apart."""
        return labels([each.spec for each in self.contestants])

    def of(self, backend: str) -> list[Timing]:
        return [timing for timing in self.timings if timing.backend == backend]

    @property
    def intervals(self) -> int:
        """How many intervals hold at once: one for each case of each backend."""
        return int(self.settings["intervals"])

    def restless(self) -> list[Timing]:
        """The cases in which the baseline differs from itself: none, where rounds are independent, but in 1 of 20
        runs."""
        own = [timing for timing in self.of(self.control) if timing.comparison]
        return [t for t in own if t.comparison and (t.comparison.low > 1 or t.comparison.high < 1)]


def labels(specs: Sequence[str]) -> list[str]:
    """Each with a number where it stands among them more than once."""
    counts = [specs[:i].count(spec) + 1 for i, spec in enumerate(specs)]
    return [spec if specs.count(spec) == 1 else f"{spec} ({n})" for spec, n in zip(specs, counts, strict=True)]


def run(
    baseline: Contestant,
    contestants: Sequence[Contestant],
    grid: Grid,
    stems: Sequence[str] = (),
    *,
    threads: int = 1,
    seed: int = 0,
    roof: traffic.Roof | None = None,
    tick: Callable[[Case], None] = lambda case: None,
) -> Result:
    """Time every case of the grid on the baseline, on the baseline once more, and on each backend.

    `roof` is measured where it is not given. `tick` is called before each case. Raises nothing of a backend's: what
    goes wrong in it stands among the untimed.
    """
    torch.set_num_threads(threads)
    keep_memory()
    todo = cases(grid, stems)
    intervals = max(1, len(todo) * (len(contestants) + 1))
    needed = max(rounds_needed(intervals), min(grid.rounds, 10))
    settings = {
        "threads": threads,
        "seed": seed,
        "level": LEVEL,
        "intervals": intervals,
        "rounds": {"most": max(grid.rounds, needed), "least": needed},
        "seconds a case": grid.seconds,
    }
    result = Result(
        f"{baseline.spec} (baseline)", CONTROL, list(contestants), roof or traffic.measured_roof(), settings
    )
    names = dict(zip(result.names, contestants, strict=True))
    everyone = {result.baseline: baseline, CONTROL: baseline, **names}
    checked: dict[tuple[int, str, str, str], str] = {}
    slow: dict[tuple[Any, ...], int] = {}  # of each line of cases, the size that took too long
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in todo:
            tick(case)
            result.load.append(os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan)
            if case.line in slow:
                reason = f"left out: it took too long with {slow[case.line]:,} elements"
                result.untimed += [Untimed(case, name, reason) for name in everyone if name != CONTROL]
                continue
            why = {name: _refused(each, case, checked) for name, each in everyone.items()}
            makes = {name: each.make(case) for name, each in everyone.items() if not why[name]}
            result.untimed += [Untimed(case, n, reason) for n, reason in why.items() if reason and n != CONTROL]
            if result.baseline not in makes:
                more = [name for name in names if name in makes]
                result.untimed += [Untimed(case, name, "the baseline has no time to compare with") for name in more]
                continue
            try:
                iterations, times = clock.rounds(
                    makes,
                    once=_once(case),
                    most=settings["rounds"]["most"],  # type: ignore[index]
                    least=needed,
                    seconds=grid.seconds,
                    patience=PATIENCE * grid.seconds,
                    seed=seed,
                )
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
                if isinstance(error, clock.TooLong):
                    reason, slow[case.line] = f"left out: {error}", case.elements
                result.untimed += [Untimed(case, name, reason) for name in makes if name != CONTROL]
                continue
            _add(result, case, iterations, times)
    return result


def _once(case: Case) -> bool:
    """Whether a second call would have other work: what minimises a function comes nearer to its minimum."""
    return case.kind == "optimizers" and minimises(rule("optimizers", case.component))


def _refused(contestant: Contestant, case: Case, checked: dict[tuple[int, str, str, str], str]) -> str:
    """Why a case may not be shown with a speed; empty if it may."""
    for stem in case.needs:
        if stem in contestant.reasons:
            return f"{stem} {contestant.reasons[stem]}" if stem != case.component else contestant.reasons[stem]
    if contestant.how == "play" and case.what != TRAINING and case.elements > LITERAL:
        return f"not timed: a backend that can only play is given {LITERAL:,} numbers at most"
    key = (id(contestant), *case.line[:3])
    if key not in checked:
        checked[key] = _fault(contestant, case)
    return checked[key]


def _fault(contestant: Contestant, case: Case) -> str:
    try:
        if case.what == TRAINING:
            contestant.make(case)()()
            return ""
        found = fault(contestant.backend, case.program())
    except Unsupported as reason:
        return f"not offered: {reason}"
    except Broken as error:
        return f"{DIFFERS}: {error}"
    except Exception as error:
        return f"{DIFFERS}: it must not crash, and raised {type(error).__name__}: {error}"
    return f"{DIFFERS} where it is timed: {found}" if found else ""


def _add(result: Result, case: Case, iterations: dict[str, int], times: dict[str, list[float]]) -> None:
    moved = traffic.bytes_moved(case)
    limit = None if moved is None else result.roof.time(moved)
    base, control = times[result.baseline], times[CONTROL]
    for name, seconds in times.items():
        timing = Timing(case, name, iterations[name], seconds, moved, limit)
        if name != result.baseline:
            timing.comparison = compared(seconds, base, control, result.intervals)
        result.timings.append(timing)


def _training(backend: Backend, case: Case) -> Work:
    """A step on a batch of random images: forward, loss, backward, optimizer."""
    recipe = case.recipe()
    params, generator = start(recipe, 0)
    images = torch.rand(recipe.batch, recipe.sizes[0], generator=generator)
    target = torch.randint(recipe.sizes[-1], (recipe.batch,), generator=generator)
    return _Step(around(backend, recipe)(params), images, target)


class _Step:
    """A training step as work."""

    def __init__(self, stack: Stack, images: torch.Tensor, target: torch.Tensor) -> None:
        self.stack, self.images, self.target = stack, images, target

    def __call__(self) -> None:
        self.stack.step(self.images, self.target)

    def seen(self) -> dict[str, torch.Tensor]:
        return {f"param {i}": param.detach() for i, param in enumerate(self.stack.params)}
