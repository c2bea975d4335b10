"""Measure the suite itself: programs a second, what the time is spent on, and how it grows.

    python docs/measure_suite.py --page docs/benchmarks.md

The suite is played on torch's built-ins with each profile and number of processes, and once more under Python's
profiler. With `--page` the tables replace what stands between the two marks on that page; otherwise they are printed.
"""

import argparse
import os
import platform
import pstats
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from torchstone.conformance import results
from torchstone.conformance.commands import suite
from torchstone.conformance.plugin import PROFILES
from torchstone.conformance.results import replace

BEGIN, END = "<!-- docs/measure_suite.py wrote this -->", "<!-- to here -->"
COSTS = 10  # places that the profile names


def run(profile: str, jobs: int, stems: list[str], out: Path, *prefix: str) -> tuple[list[results.Record], float]:
    """The records of one run and its seconds, the start of the processes included."""
    command = suite("torch", out, stems, profile=profile, seed=0, jobs=jobs)
    command[1:1] = prefix
    subprocess.run(command, check=False, capture_output=True)
    _, records, footer = results.read(out / "results.jsonl")
    return records, footer["seconds"]


def row(profile: str, jobs: int, records: list[results.Record], seconds: float) -> str:
    """A line of the table: how many programs in how long, and what each phase had of the time."""
    programs = sum(record.programs for record in records)
    spent = {phase: sum(record.seconds.get(phase, 0.0) for record in records) for phase in results.PHASES}
    total = sum(spent.values())
    inside = spent["backend"] + spent["reference"]
    shares = " | ".join(f"{time / total:.0%}" for time in spent.values())
    pace = f"{programs:,} | {seconds:.0f} | {programs / seconds:.0f}"
    return f"| {profile} | {PROFILES[profile]} | {jobs} | {pace} | {shares} | {(total - inside) / inside:.2f} |"


def costs(profile: str, stems: list[str], out: Path) -> list[str]:
    """Where the time is spent, by file, in one process under the profiler: functions with no file are torch's or
    Python's own."""
    file = out / "profile.out"
    run(profile, 1, stems, out, "-m", "cProfile", "-o", str(file))
    spent: Counter[str] = Counter()
    stats: Any = pstats.Stats(str(file))
    for (path, _, function), (_, _, own, _, _) in stats.stats.items():
        builtin = "torch's operations" if "torch" in function else "Python's built-ins"
        spent[builtin if path == "~" else f"`{'/'.join(Path(path).parts[-2:])}`"] += own
    total = sum(spent.values())
    lines = [f"| {name} | {own / total:.1%} |" for name, own in spent.most_common(COSTS)]
    return ["| where | of all time |", "|---|--:|", *lines]


def page(profiles: list[str], jobs: list[int], stems: list[str], profiled: str) -> str:
    """The tables, with how they were measured."""
    lines = []
    load = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory() as folder:
        for profile in profiles:
            for count in jobs:
                lines.append(row(profile, count, *run(profile, count, stems, Path(folder) / "run")))
                load.append(os.getloadavg()[0])
        largest = costs(profiled, stems, Path(folder) / "run")
    about = f"components: {', '.join(stems)}" if stems else "all components"
    return "\n".join(
        [
            f"Measured by `python {' '.join(sys.argv)}` on {platform.machine()}, {os.cpu_count()} cores, load "
            f"{min(load):.1f} to {max(load):.1f}, {about}. Seconds are of the whole run; the shares are of the time in "
            "tests; the last column is the time outside backend and reference for each second inside.",
            "",
            "| profile | programs a test | jobs | programs | seconds | a second | "
            + " | ".join(results.PHASES)
            + " | outside / inside |",
            "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
            *lines,
            "",
            f"The {COSTS} places with the most time of their own, profile {profiled}, in one process under "
            "cProfile, which itself slows calls of Python more than those of torch:",
            "",
            *largest,
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", action="append", choices=PROFILES, help="repeatable; smoke, quick and standard")
    parser.add_argument("--jobs", action="append", type=int, help="repeatable; 1 and 2")
    parser.add_argument("--profiled", choices=PROFILES, default="quick", help="what is played under the profiler")
    parser.add_argument("--component", action="append", default=[], help="only this stem (repeatable)")
    parser.add_argument("--page", type=Path, help="the page to put the tables into")
    given = parser.parse_args()
    text = page(given.profile or ["smoke", "quick", "standard"], given.jobs or [1, 2], given.component, given.profiled)
    if given.page:
        before, _, rest = given.page.read_text("utf-8").partition(BEGIN)
        replace(given.page, f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}")
    else:
        print(text)


if __name__ == "__main__":
    main()
