"""Results: one record per clause, component and dtype; the file they are written to; the table a person reads."""

import dataclasses
import json
import math
import os
import platform
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich.progress
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from torchstone import __version__
from torchstone.conformance.clauses import UnknownName, clause, clauses, component, components

if TYPE_CHECKING:  # torch is imported only where a run needs it: the command reads results without
    from torchstone.conformance.backend import Backend
    from torchstone.conformance.judge import Verdict
    from torchstone.conformance.player import Player

OUTCOMES = ("pass", "fail", "error", "known", "fixed", "inconclusive", "vacuous", "unsupported", "blocked")
BAD = ("fail", "error", "fixed")
EDITION = "2026.1"
PHASES = ("generation", "backend", "reference", "judge")


@dataclass
class Record:
    """What one clause says about one component in one dtype."""

    clause: str
    component: str
    dtype: str
    outcome: str
    programs: int = 0
    comparisons: int = 0
    inconclusive: int = 0
    unsupported: int = 0
    worst: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)
    reason: str = ""
    diagnosis: str = ""
    others: list[str] = field(default_factory=list)
    rule: str = ""
    place: str = ""
    expected: float | None = None
    actual: float | None = None
    budget: float | None = None
    program: Any = None
    course: Any = None
    script: str = ""

    def to_json(self) -> dict[str, Any]:
        """As JSON, with what says nothing left out."""
        fields = plain(dataclasses.asdict(self))
        needed = ("clause", "component", "dtype", "outcome", "programs", "comparisons", "worst", "seconds")
        numbers = ("expected", "actual", "budget")  # where a zero says something
        return {
            name: value
            for name, value in fields.items()
            if name in needed or (value is not None if name in numbers else value not in (0, "", None, []))
        }

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "Record":
        return cls(**fields)

    @property
    def order(self) -> tuple[int, str, str]:
        """Records are in the order of the spec, whatever the order they were made in."""
        return list(clauses()).index(self.clause), self.component, self.dtype


def plain(value: Any) -> Any:
    """A value in JSON's types only: it has no NaN and no infinities, which become strings."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def records(clause: str, stem: str, player: "Player", seconds: float, explained: bool = True) -> list[Record]:
    """The records of one test, from its ledger; `explained`: with what the backend is asked for once more."""
    from torchstone.conformance.failure import script
    from torchstone.conformance.program import to_json

    if player.dialect:
        reason = f"declared as the dialect `{player.dialect.name}`, shipped by {player.dialect.shipped_by}"
        return [Record(clause, stem, "", "known", seconds=dict.fromkeys(PHASES, 0.0), reason=reason)]
    ledger, judge = player.ledger, player.judge
    spent = {
        "generation": seconds - ledger.backend_seconds - judge.reference_seconds - judge.judge_seconds,
        "backend": ledger.backend_seconds,
        "reference": judge.reference_seconds,
        "judge": judge.judge_seconds,
    }
    again = [(known, player.replay(known)) for known in player.known]
    held = {known.program.dtype: known for known, replay in again if replay.outcome in BAD}
    gone = {known.program.dtype: known for known, replay in again if replay.outcome in ("pass", "inconclusive")}
    judged = any(counts["judged"] for counts in ledger.counts.values())
    played = sum(counts["programs"] for counts in ledger.counts.values())
    found = []
    for dtype in sorted({*ledger.counts, *ledger.failures, *held, *gone}) or [""]:
        counts, verdict = ledger.counts[dtype], ledger.failures.get(dtype)
        if judged and counts["programs"] and verdict is None and not (counts["judged"] or counts["known"]):
            continue  # programs that only something else was computed from
        share = counts["programs"] / played if played else 1.0
        record = Record(
            clause,
            stem,
            dtype,
            _outcome(counts, verdict, dtype in held, dtype in gone),
            counts["programs"],
            counts["comparisons"],
            counts["inconclusive"],
            counts["unsupported"],
            ledger.worst[dtype],
            {phase: round(time * share, 4) for phase, time in spent.items()},
        )
        if verdict is not None:
            record.rule, record.place, record.worst = verdict.rule, verdict.place, verdict.worst
            record.expected, record.actual, record.budget = verdict.expected, verdict.actual, verdict.budget
            record.others = sorted(ledger.involved[dtype] - {stem})
            record.program = to_json(verdict.program)
            if explained:
                record.script = script(player.backend, verdict, clause)
                record.course = player.course(verdict.program, verdict.at)
        elif record.outcome in ("known", "fixed"):
            deviation = (gone if record.outcome == "fixed" else held).get(dtype) or player.known[0]
            record.reason, record.program = deviation.reason, to_json(deviation.program)
            record.course = player.replay(deviation).course if explained else None
        elif record.outcome == "unsupported":
            record.reason = next(iter(sorted(ledger.reasons)), "")
        found.append(record)
    return found


def _outcome(counts: Counter[str], verdict: "Verdict | None", held: bool, gone: bool) -> str:
    if verdict is not None:
        return verdict.outcome
    if gone:
        return "fixed"
    if held or counts["known"]:
        return "known"
    if counts["comparisons"]:
        return "pass"
    if counts["inconclusive"]:
        return "inconclusive"
    return "vacuous" if counts["programs"] or not counts["unsupported"] else "unsupported"


def header(backend: "Backend", **settings: Any) -> dict[str, Any]:
    """The first line of a results file: what was tested, with what, and how."""
    from torchstone.conformance.backend import name_of, version_of
    from torchstone.conformance.budget import FLOOR, RUNS, SAFETY

    return {
        "torchstone": __version__,
        "edition": EDITION,
        "backend": {"name": name_of(backend), "version": version_of(backend)},
        "settings": settings,
        "budget": {"safety": SAFETY, "floor": FLOOR, "runs": RUNS},
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "numpy", "hypothesis", "pytest")},
        },
        "platform": platform.platform(),
    }


def write(path: Path, header: dict[str, Any], found: Sequence[Record], problems: Sequence[str], seconds: float) -> None:
    """Write a results file whole or not at all: a header, the records, and a footer that shows it was not cut off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ordered = sorted(found, key=lambda record: record.order)
    counts = dict(count(ordered))
    footer = {"end": len(ordered), "outcomes": counts, "seconds": round(seconds, 2), "problems": list(problems)}
    lines = [header, *(record.to_json() for record in ordered), footer]
    replace(path, "".join(json.dumps(line) + "\n" for line in lines))


def replace(path: Path, content: str | bytes) -> Path:
    """Write a file beside its place and move it there, so that it is there whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


class CutOff(Exception):
    """A results file is not whole, or not one of this edition; the message names the file and the rule."""


def read(path: Path) -> tuple[dict[str, Any], list[Record], dict[str, Any]]:
    """The header, the records and the footer of a results file. Raises `CutOff` where it is not whole."""
    try:
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    except ValueError:
        lines = []
    if len(lines) < 2 or not isinstance(lines[-1], dict) or lines[-1].get("end") != len(lines) - 2:
        raise CutOff(f"results: the file must end with a footer that counts its records, got {path}; run again")
    try:
        found = [Record.from_json(line) for line in lines[1:-1]]
        for record in found:
            clause(record.clause), component(record.component)
    except (TypeError, UnknownName) as wrong:
        raise CutOff(f"results: the records must be those of edition {EDITION}, got {path}: {wrong}") from None
    return lines[0], found, lines[-1]


def plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def count(found: Iterable[Record]) -> Counter[str]:
    """How many records there are of each outcome, in the order of `OUTCOMES`."""
    counts = Counter(record.outcome for record in found)
    return Counter({outcome: counts[outcome] for outcome in OUTCOMES if counts[outcome]})


def table(found: Sequence[Record]) -> Table:
    """Outcomes by component, and the worst error in budgets."""
    seen = [outcome for outcome in OUTCOMES if any(record.outcome == outcome for record in found)]
    title = "clause x dtype, by component; worst: error / budget"
    shown = Table(title=title, header_style="bold", title_style="dim", show_footer=True, box=SIMPLE, padding=0)
    counts = count(found)
    shown.add_column("component", "all", overflow="fold")
    numbers: dict[str, Any] = {"justify": "right", "no_wrap": True}  # so that it is the names that are folded
    for outcome in seen:
        heading = outcome.replace("unsupported", "unsup-\nported")
        shown.add_column(heading, str(counts[outcome]), style=STYLES.get(outcome, ""), **numbers)
    shown.add_column("programs", f"{sum(record.programs for record in found):,}", **numbers)
    shown.add_column("compari-\nsons", f"{sum(record.comparisons for record in found):,}", **numbers)
    shown.add_column("worst", **numbers)
    for stem in [page.stem for page in components()]:
        own = [record for record in found if record.component == stem]
        if own:
            counts = count(own)
            worst = max(float(record.worst) for record in own)
            shown.add_row(
                stem,
                *(str(counts[outcome] or "") for outcome in seen),
                f"{sum(record.programs for record in own):,}",
                f"{sum(record.comparisons for record in own):,}",
                f"{worst:.2f}",
            )
    return shown


def speed(found: Sequence[Record], seconds: float) -> str:
    """How many programs were played in how long, and what the time was spent on."""
    programs = sum(record.programs for record in found)
    spent = {phase: sum(record.seconds.get(phase, 0.0) for record in found) for phase in PHASES}
    total = sum(spent.values()) or 1.0
    shares = ", ".join(f"{phase} {time / total:.0%}" for phase, time in spent.items())
    return f"{programs:,} programs in {seconds:.1f} s, {programs / seconds:.0f} a second ({shares})"


STYLES = {"pass": "green", "fail": "bold red", "error": "bold red", "fixed": "bold red", "known": "yellow"}


class Progress:
    """A progress bar on a terminal, and nothing elsewhere."""

    def __init__(self, title: str, total: int) -> None:
        console = Console(stderr=True)
        self._bar = rich.progress.Progress(
            rich.progress.TextColumn("[bold]{task.description}"),
            rich.progress.BarColumn(),
            rich.progress.MofNCompleteColumn(),
            rich.progress.TimeElapsedColumn(),
            rich.progress.TextColumn("[red]{task.fields[note]}"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task(title, total=total or None, note="")
        self._bar.start()

    def total(self, count: int) -> None:
        self._bar.update(self._task, total=count)

    def advance(self, note: str) -> None:
        self._bar.update(self._task, advance=1, note=note)

    def close(self) -> None:
        self._bar.stop()
