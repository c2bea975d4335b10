"""Measure the budget of spec/accuracy.md: does it accuse correct code, and how small an error does it see?

    python docs/measure_budget.py --programs 20000 --jobs 2 --out docs/budget.md

Programs of every component are played on torch's built-ins and judged. In every twentieth of them a relative error of
2, 4, 8 and 16 ulp is planted in all results, and the judge is compared with the tolerances that are customary.
Programs that a declared deviation of torch covers are left out, and counted.
"""

import argparse
import os
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings

from torchstone.conformance.backend import Unsupported, load
from torchstone.conformance.budget import FLOOR, MORE, RUNS, SAFETY
from torchstone.conformance.clauses import components
from torchstone.conformance.judge import FAR, Judge, Verdict
from torchstone.conformance.known import covered, declared
from torchstone.conformance.strategies import programs_of
from torchstone.conformance.trace import Entry, Trace

PLANTED = (2, 4, 8, 16)
EVERY = 20  # programs that an error is planted in: to say "wrong" takes all runs, which is slow
# What torch.testing.assert_close uses by default: relative and absolute, by dtype. Nothing in the suite uses them.
CUSTOMARY = {"float64": (1e-7, 1e-7), "float32": (1.3e-6, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float16": (1e-3, 1e-5)}


def planted(trace: Trace, ulps: int) -> Trace:
    """The trace with every result off by so many ulp of its dtype."""
    return Trace(
        tuple(
            Entry(
                {n: (t.double() * (1 + ulps * torch.finfo(t.dtype).eps)).to(t.dtype) for n, t in entry.tensors.items()}
            )
            for entry in trace.entries
        )
    )


def customary(trace: Trace, exact: Trace) -> bool:
    """Whether the customary tolerances let a trace pass."""
    pairs = zip(trace.entries, exact.entries, strict=True)
    close = []
    for entry, expected in pairs:
        for name, values in expected.tensors.items():
            actual = entry.tensors[name]
            rtol, atol = CUSTOMARY[str(actual.dtype).removeprefix("torch.")]
            close.append(torch.allclose(actual.double(), values.double(), rtol=rtol, atol=atol, equal_nan=True))
    return all(close)


def measure(stem: str, programs: int, start: int) -> dict[str, Any]:
    """Counts for one component, by dtype."""
    torch.set_num_threads(1)
    backend = load("torch")
    known = [deviation for deviation in declared(backend) if deviation.component == stem]
    found = defaultdict(lambda: defaultdict(Counter))  # type: ignore[var-annotated]
    ratios: defaultdict[str, list[float]] = defaultdict(list)
    runs: Counter[int] = Counter()
    failures: list[str] = []

    @seed(start)
    @settings(
        max_examples=programs,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(programs_of(stem))
    def play(program: Any) -> None:
        judge, row = Judge(), found[program.dtype]
        try:
            trace = backend.play(program)
            verdict = judge.conforms(program, trace)
        except Unsupported:
            row[0]["unsupported"] += 1
            return
        except Exception as error:
            verdict = Verdict("error", program, rule=f"{type(error).__name__}: {error}")
        if not verdict and covered(known, program):
            row[0]["known"] += 1
            return
        row[0][verdict.outcome] += 1
        if not verdict:
            failures.append(f"{stem}: {verdict.rule or verdict.place}: {verdict.expected} {verdict.actual}")
            return
        budget = judge.budget(program)
        ratios[program.dtype].append(verdict.worst)
        runs[budget.runs] += 1
        row[0]["customary"] += not customary(trace, budget.trace)
        if len(ratios[program.dtype]) % EVERY == 0 and verdict.outcome == "pass":
            for ulps in PLANTED:
                wrong = planted(trace, ulps)
                row[ulps]["judge"] += not judge.conforms(program, wrong)
                row[ulps]["customary"] += not customary(wrong, budget.trace)
                row[ulps]["programs"] += 1

    play()
    counts = {dtype: {k: dict(v) for k, v in rows.items()} for dtype, rows in found.items()}
    return {"counts": counts, "ratios": dict(ratios), "runs": dict(runs), "failures": failures, "stem": stem}


def report(parts: list[dict[str, Any]], asked: int) -> str:
    """The page: what was found, in tables."""
    ratios: defaultdict[str, list[float]] = defaultdict(list)
    runs: Counter[int] = Counter()
    counts: dict[str, dict[int, Counter[str]]] = {d: {k: Counter() for k in (0, *PLANTED)} for d in CUSTOMARY}
    for part in parts:
        runs.update(part["runs"])
        for dtype, values in part["ratios"].items():
            ratios[dtype] += values
        for dtype, rows in part["counts"].items():
            for ulps, row in rows.items():
                counts[dtype][ulps].update(row)
    every = [value for values in ratios.values() for value in values]
    total = len(every)
    failures = [failure for part in parts for failure in part["failures"]]
    lines = [
        "# The budget, measured",
        "",
        f"`python docs/measure_budget.py --programs {asked}` wrote this page: {total:,} programs of {len(parts)} "
        f"components on torch {version('torch')}, judged",
        f"with a safety factor of {SAFETY:g}, a floor of {FLOOR:g} ulp and {RUNS} runs, {RUNS // 2} for an error of "
        f"more than {FAR:g} budgets, fewer where it is more than that, and {MORE * RUNS} where rounding moves a "
        "number by more than itself or may choose another way for the computation to go.",
        "The model is [accuracy](../spec/accuracy.md).",
        "",
        "## Does it accuse correct code?",
        "",
        f"Programs that failed: {len(failures)}. Error / budget is an upper bound: the budget is computed only as",
        "far as it is needed. Programs that a declared deviation of torch covers are under known.",
        "",
        "| dtype | programs | failed | known | inconclusive | median error / budget | 99 % | largest |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for dtype, values in ratios.items():
        row = counts[dtype][0]
        quantiles = " | ".join(f"{q:.3f}" for q in (*np.quantile(values, (0.5, 0.99)), max(values)))
        failed = row["fail"] + row["error"]
        told = f"{failed} | {row['known']} | {row['inconclusive']}"
        lines.append(f"| {dtype} | {len(values) + failed + row['known']:,} | {told} | {quantiles} |")
    shares = [(n, sum(count for k, count in runs.items() if k >= n) / total) for n in (1, 2, 5, RUNS // 2, RUNS)]
    lines += [
        "",
        "Rounded runs that were needed: none for "
        f"{runs[0] / total:.1%} of the programs; " + ", ".join(f"{n} or more for {s:.2%}" for n, s in shares) + ".",
        "",
        "## How small an error does it see?",
        "",
        f"The share of programs (one in {EVERY} of the above) that fail when every result is off by so many ulp,",
        "judged here and by the customary tolerances",
        "(`torch.testing.assert_close`: " + ", ".join(f"{d} {r:g}/{a:g}" for d, (r, a) in CUSTOMARY.items()) + ").",
        "",
        "| dtype | " + " | ".join(f"{n} ulp, here | customary" for n in PLANTED) + " | customary, on correct code |",
        "|---|" + "---|" * (2 * len(PLANTED) + 1),
    ]
    for dtype, values in ratios.items():
        rows = [counts[dtype][n] for n in PLANTED]
        cells = [f"{row[who] / max(1, row['programs']):.0%}" for row in rows for who in ("judge", "customary")]
        accused = counts[dtype][0]["customary"] / len(values)
        lines.append(f"| {dtype} | " + " | ".join(cells) + f" | {accused:.1%} |")
    if failures:
        lines += ["", "## Failures", "", *(f"- {failure}" for failure in failures[:50])]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=20_000, help="about how many in all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="a file for the page; without it, it is printed")
    given_ = parser.parse_args()
    stems = [page.stem for page in components()]
    each = -(-given_.programs // len(stems))
    with ProcessPoolExecutor(given_.jobs) as pool:
        parts = list(pool.map(measure, stems, [each] * len(stems), [given_.seed] * len(stems)))
    page = report(parts, given_.programs)
    if given_.out:
        given_.out.write_text(page, "utf-8")
    else:
        print(page)


if __name__ == "__main__":
    main()
