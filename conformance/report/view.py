"""What a report shows: the records of a run, put together by component and part. It decides; templates only show."""

import json
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from torchstone.conformance import results
from torchstone.conformance.clauses import KINDS, Clause, Page, clause, clauses, components
from torchstone.conformance.failure import compact
from torchstone.conformance.report import levels, text
from torchstone.conformance.report.levels import Claim, Level
from torchstone.conformance.results import BAD, Record

# From the one that says most about a clause to the one that says least; with the sign that stands for it.
SIGNS = {
    "fail": "✗",
    "error": "!",
    "fixed": "↺",
    "blocked": "⊘",
    "known": "≠",
    "pass": "✓",
    "inconclusive": "?",
    "vacuous": "∅",
    "unsupported": "–",
}
MEANINGS = {
    "fail": "it disagreed",
    "error": "a crash, a changed input, a wrong shape or dtype",
    "fixed": "a declared deviation that no longer holds",
    "blocked": "it fails only because another component in it does",
    "known": "a declared deviation that still holds",
    "pass": "everything agreed",
    "inconclusive": "rounding decides the result",
    "vacuous": "nothing was compared",
    "unsupported": "the backend does not offer it",
}
DTYPES = ("float64", "float32", "bfloat16", "float16")


def first(outcomes: Iterable[str]) -> str:
    """The outcome that says most."""
    there = set(outcomes)
    return next(outcome for outcome in SIGNS if outcome in there)


def cell_id(stem: str, part: str) -> str:
    """The anchor of a cell on the page."""
    return f"{stem}-{part}".replace(" ", "-")


@dataclass(frozen=True)
class Entry:
    """One clause on one component within one part: a record for each dtype."""

    clause: Clause
    records: tuple[Record, ...]

    @property
    def outcome(self) -> str:
        return first(record.outcome for record in self.records)

    @property
    def id(self) -> str:
        return f"{cell_id(self.records[0].component, levels.part_of(self.records[0]))}:{self.clause.id}"

    @property
    def outcomes(self) -> str:
        """All its outcomes, as words with spaces between."""
        return " ".join(dict.fromkeys(record.outcome for record in self.records))

    @property
    def shown(self) -> Record:
        """The record that is shown in full: of those with the outcome the one with the smallest program."""
        told = [record for record in self.records if record.outcome == self.outcome]
        return min(told, key=lambda record: len(json.dumps(record.program)) if record.program else 1 << 40)


@dataclass(frozen=True)
class Cell:
    """One part of one component."""

    page: Page
    part: str
    entries: tuple[Entry, ...]

    @property
    def id(self) -> str:
        return cell_id(self.page.stem, self.part)

    @cached_property
    def counts(self) -> Counter[str]:
        """How many of its clauses have each outcome."""
        return Counter(entry.outcome for entry in self.entries)

    @cached_property
    def outcome(self) -> str:
        return first(self.counts)

    @property
    def diagnosis(self) -> str:
        """What the backend does instead, as far as that is known."""
        return next((r.diagnosis for entry in self.entries for r in entry.records if r.diagnosis), "")

    @property
    def words(self) -> str:
        """What it says to someone who does not see it: `fail: 2 of 14 clauses`."""
        said = [f"{self.counts[outcome]} {outcome}" for outcome in SIGNS if self.counts[outcome]]
        return f"{self.page.stem}, {self.part}: {', '.join(said)}"


@dataclass(frozen=True)
class Row:
    """One component: its cell in each part that it has, and its accuracy in each dtype."""

    page: Page
    cells: dict[str, Cell]
    accuracy: dict[str, tuple[float, float]]  # the worst and the median of its clauses, by dtype

    @cached_property
    def bad(self) -> list[Entry]:
        """What fails: of each clause the first part in which it does."""
        found: dict[str, Entry] = {}
        for cell in self.cells.values():
            for entry in cell.entries:
                if entry.outcome in BAD:
                    found.setdefault(entry.clause.id, entry)
        return list(found.values())

    @property
    def first_bad(self) -> Entry:
        """The failing clause with the smallest program."""
        return min(self.bad, key=lambda entry: len(json.dumps(entry.shown.program)))

    @property
    def asked(self) -> int:
        """How many clauses were asked of it."""
        return len({entry.clause.id for cell in self.cells.values() for entry in cell.entries})

    @property
    def diagnosis(self) -> str:
        return next((cell.diagnosis for cell in self.cells.values() if cell.diagnosis), "")


@dataclass(frozen=True)
class Deviation:
    """A declared deviation: its reason, and where it was found."""

    reason: str
    entries: list[tuple[Cell, Entry]] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    """Everything that a report shows."""

    header: dict[str, Any]
    records: list[Record]
    footer: dict[str, Any]
    rows: list[Row]
    levels: list[Level]
    claim: Claim

    @property
    def label(self) -> str:
        """The backend, by name and version, and where it computed."""
        backend, device = self.header["backend"], self.header["settings"].get("device")
        return f"{backend['name']} {backend['version']}" + (f" on {device}" if device else "")

    @property
    def settings(self) -> dict[str, str]:
        """How the run was asked for, as far as it was asked for anything."""

        def said(value: Any) -> str:
            if isinstance(value, dict):
                return ", ".join(f"{name}: {item}" for name, item in value.items())
            return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

        return {name: said(value) for name, value in self.header["settings"].items() if value}

    @property
    def conforms(self) -> bool:
        return not self.footer["problems"] and not any(record.outcome in BAD for record in self.records)

    @cached_property
    def counts(self) -> Counter[str]:
        return results.count(self.records)

    @property
    def programs(self) -> int:
        return sum(record.programs for record in self.records)

    @property
    def comparisons(self) -> int:
        return sum(record.comparisons for record in self.records)

    @property
    def kinds(self) -> list[tuple[str, list[Row]]]:
        found = [(kind, [row for row in self.rows if row.page.kind == kind]) for kind in KINDS]
        return [(kind, rows) for kind, rows in found if rows]

    @property
    def failing(self) -> list[Row]:
        return [row for row in self.rows if row.bad]

    @cached_property
    def deviations(self) -> list[Deviation]:
        """The declared deviations, in the order of the components."""
        found: dict[str, Deviation] = {}
        for row in self.rows:
            for cell in row.cells.values():
                for entry in cell.entries:
                    for reason in dict.fromkeys(r.reason for r in entry.records if r.outcome == "known"):
                        found.setdefault(reason, Deviation(reason)).entries.append((cell, entry))
        return list(found.values())

    @property
    def next_level(self) -> Level | None:
        """The first level that is missing."""
        return next((level for level in self.levels if not (level.reached or level.passed_over)), None)


def view(header: dict[str, Any], records: Sequence[Record], footer: dict[str, Any]) -> Report:
    """What the report of these results shows."""
    own = [Record(**text.visible(vars(record))) for record in records]
    found = levels.reckon(own, footer["problems"])
    by_component: dict[str, list[Record]] = {}
    for record in sorted(own, key=lambda record: (clause(record.clause).stem != record.component, record.order)):
        by_component.setdefault(record.component, []).append(record)
    rows = [_row(page, by_component[page.stem]) for page in components() if page.stem in by_component]
    return Report(text.visible(header), own, text.visible(footer), rows, found, levels.claim(found))


def _row(page: Page, own: Sequence[Record]) -> Row:
    parts: dict[str, dict[str, list[Record]]] = {}
    for record in own:
        parts.setdefault(levels.part_of(record), {}).setdefault(record.clause, []).append(record)
    cells = {
        part: Cell(page, part, tuple(Entry(clauses()[id], tuple(some)) for id, some in parts[part].items()))
        for part in levels.PARTS
        if part in parts
    }
    worst = {dtype: [float(r.worst) for r in own if r.dtype == dtype and r.comparisons] for dtype in DTYPES}
    return Row(page, cells, {dtype: (max(some), statistics.median(some)) for dtype, some in worst.items() if some})


def program(record: Record) -> str:
    """The program of a record, as a person reads it."""
    return compact(record.program)
