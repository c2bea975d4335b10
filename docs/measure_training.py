"""Measures how often the end of a training run errs, and writes a page about it.

    python docs/measure_training.py --out docs/power.md

A run on the digits is repeated with many seeds, by the reference and by the reference with every gradient moved by a
rounding; groups of seeds out of these are judged as `torchstone train` does. Then every planted fault is trained.
"""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

from torchstone.conformance.results import replace
from torchstone.conformance.training import acceptance, data, faults, lockstep, loop, summary
from torchstone.conformance.training.faults import Backend
from torchstone.conformance.training.loop import Curve, ReferenceTrainer
from torchstone.conformance.training.recipe import DIGITS
from torchstone.conformance.training.result import flips

RECIPE = faults.with_parts(DIGITS)
GROUP = 5  # seeds of a run that is judged
GROUPS = 2000
GIVEN = data.digits()
IMAGES = len(GIVEN.test[1])
CLAUSES = ("training.14", "training.15, accuracy", "training.15, loss")


def curve(backend: Backend, seed: int) -> Curve:
    return loop.train(RECIPE, GIVEN, seed, loop.around(backend, RECIPE), lambda steps: None)


def outcomes(stack: list[Curve], reference: list[Curve]) -> dict[str, str]:
    """What each clause says of the end of a run with these curves."""
    found = [acceptance.division(flips(stack, reference))[0]]
    for what, grain in (("accuracy", 1 / IMAGES), ("test_loss", 0.0)):
        ends = ([getattr(each, what)[-1] for each in curves] for curves in (stack, reference))
        found.append(acceptance.equivalence(*ends, grain=grain).outcome)
    return dict(zip(CLAUSES, found, strict=True))


def in_step(backend: Backend, windows: dict[str, lockstep.Window]) -> list[str]:
    """The parts of the run in which the backend leaves the budget."""
    make = loop.around(backend, RECIPE)
    return [
        part
        for part, window in windows.items()
        if any(
            each.outcome == "fail"
            for dtype in lockstep.DTYPES
            for each in window.agreement(part, {"backend": make}, dtype)
        )
    ]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=60, help="runs of the reference against itself")
    arguments.add_argument("--out", type=Path, required=True, help="the page to write")
    given = arguments.parse_args()
    torch.set_num_threads(1)
    seeds = range(given.seeds)
    reference = [curve(Backend("reference", ReferenceTrainer), s) for s in track(seeds, "the reference")]
    moved = [curve(Backend("moved", faults.Permuted), s) for s in track(seeds, "with other roundings")]
    random = np.random.default_rng(0)
    counts = {clause: Counter[str]() for clause in CLAUSES}
    for _ in range(GROUPS):
        drawn = random.choice(given.seeds, GROUP, replace=False)
        for clause, outcome in outcomes([moved[i] for i in drawn], [reference[i] for i in drawn]).items():
            counts[clause][outcome] += 1
    windows = lockstep.windows(RECIPE, GIVEN)
    noticed = []
    for name in track(faults.FAULTS, "planted faults"):
        with faults.fault(name) as backend:
            steps = in_step(backend, windows)
            ends = outcomes([curve(backend, seed) for seed in range(GROUP)], reference[:GROUP])
        noticed.append((name, steps, ends))
    replace(given.out, page(given, counts, noticed))


def page(
    given: argparse.Namespace,
    counts: dict[str, Counter[str]],
    noticed: list[tuple[str, list[str], dict[str, str]]],
) -> str:
    alarms = [
        (clause, *(f"{found[outcome] / GROUPS:.1%}" for outcome in ("pass", "inconclusive", "fail")))
        for clause, found in counts.items()
    ]
    rows = [(name, ", ".join(steps) or "-", *ends.values()) for name, steps, ends in noticed]
    by_steps = sum(bool(steps) for _, steps, _ in noticed)
    by_end = sum("fail" in ends.values() for *_, ends in noticed)
    refused = sum(set(ends.values()) != {"pass"} for *_, ends in noticed)
    return f"""# How often a training run errs

`python docs/measure_training.py --seeds {given.seeds} --out {given.out}` wrote this page. The run is that of
the digits (8x8, from scikit-learn) with AdamW, a decay, a step schedule and smoothed labels, {RECIPE.epochs} epochs;
the clauses are those of [training](../spec/training.md).

## False alarms

The reference against the reference with every gradient moved by a rounding, {given.seeds} seeds; {GROUPS:,} groups of
{GROUP} of them, each judged as a run.

{summary.table(("clause", "pass", "inconclusive", "fail"), alarms)}

## Power

{len(noticed)} planted faults ([the list](../conformance/training/faults.py)), {GROUP} seeds each. The first steps or
the rehearsal refuse {by_steps} of them. The end of the run alone accuses {by_end}, and accepts
{len(noticed) - refused}: what differs by less than another seed does.

{summary.table(("fault", "refused in", *CLAUSES), rows)}
"""


if __name__ == "__main__":
    main()
