"""What `torchstone bench` does: conformance first, then the rounds, then the report; or two reports compared."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import rich.progress
from rich.console import Console

from torchstone.conformance.backend import Backend
from torchstone.conformance.benchmarks import conforming, regressions, report, storage
from torchstone.conformance.benchmarks.cases import GRIDS, Case, cases
from torchstone.conformance.benchmarks.comparison import NONE
from torchstone.conformance.benchmarks.conforming import Suite, Unusable
from torchstone.conformance.benchmarks.run import Contestant, Result, run
from torchstone.conformance.results import plural


class Mistake(Exception):
    """The call is mistaken; the message says what to write."""


def bench(
    backends: Mapping[str, Backend],
    baseline: str,
    chosen: Sequence[str],
    stems: Sequence[str],
    profile: str,
    files: Sequence[Path],
    suite: Suite,
    threads: int,
    seed: int,
    out: Path,
    console: Console,
) -> int:
    """Time the chosen backends against the baseline and write the report; the exit code. Raises `Mistake`.

    `backends` has each by the text that named it, `files` results to go by in place of running the `suite`.
    """
    grid = GRIDS[profile]
    todo = cases(grid, stems)
    if not todo:
        raise Mistake(f"bench: losses, optimizers and schedulers are timed, got only {', '.join(stems)}")
    needed = sorted({stem for case in todo for stem in case.needs})
    asked = console.is_terminal
    with rich.progress.Progress(console=Console(stderr=True), disable=not asked, transient=True) as progress:
        task = progress.add_task("conformance", total=len(backends))
        reasons = {}
        for name, backend in backends.items():
            try:
                told = [conforming.from_file(file, backend, needed) for file in files]
                found = next((each for each in told if each is not None), None)
                reasons[name] = conforming.from_suite(suite, name, needed if stems else []) if found is None else found
            except Unusable as error:
                raise Mistake(error) from None
            progress.advance(task)
        timing = progress.add_task("timing", total=len(todo))
        done = -1

        def tick(case: Case) -> None:
            nonlocal done
            done += 1
            progress.update(timing, completed=done, description=f"timing {case.component}")

        makes = [Contestant(name, backends[name], reasons[name]) for name in chosen]
        first = Contestant(baseline, backends[baseline], reasons[baseline])
        result = run(first, makes, grid, stems, threads=threads, seed=seed, tick=tick)
    result.settings["profile"] = profile
    written = report.write(result, out)
    _show(result, console)
    console.print(f"report: {', '.join(str(path) for path in written if path.suffix != '.svg')}", highlight=False)
    return 1 if any(each.nonconforming for each in result.untimed) else 0


def _show(result: Result, console: Console) -> None:
    console.print(report.table(result))
    restless = result.restless()
    if restless:
        console.print(
            f"the baseline differed from itself in {plural(len(restless), 'case')}: this machine was not steady",
            highlight=False,
        )
    rounds = [len(timing.seconds) for timing in result.timings] or [0]
    console.print(
        f"{min(rounds)} to {max(rounds)} rounds, load {min(result.load):.1f} to {max(result.load):.1f}, memory moves "
        f"{result.roof.bandwidth / 1e9:.1f} GB/s, all {result.intervals} intervals hold at once with "
        f"{result.settings['level']:.0%}",
        highlight=False,
    )
    for backend, reason, names in report.reasons(result):
        cases = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
        console.print(f"without a speed: {cases}, on {backend}: {reason}", markup=False, highlight=False)


def compare(old: Path, new: Path, console: Console) -> int:
    """Print what changed between two benchmarks; the exit code. Raises `Mistake`."""
    try:
        before, after = storage.read(old), storage.read(new)
    except storage.Unreadable as error:
        raise Mistake(error) from None
    found = regressions.changes(before, after)
    if not found:
        raise Mistake(f"bench: {old} and {new} must have a case of a backend in common, got none")
    worse = [change for change in found if change.regression]
    if any(change.verdict != NONE for change in found):
        console.print(regressions.table(found))
    left = len(before.comparisons) - len(found)
    also = f"; {left} cases are not in both" if left else ""
    console.print(f"{len(found)} cases compared, {len(worse)} regressions{also}", highlight=False)
    return 1 if worse else 0
