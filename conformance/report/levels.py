"""Levels: how far a backend conforms, computed from the records of a run. spec/levels.md is this file in words."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from torchstone.conformance.clauses import clause, component, components, pages
from torchstone.conformance.results import Record, plural

LOW = ("float16", "bfloat16")
BLOCKING = ("fail", "error", "fixed", "blocked")
# The columns of the matrix, from left to right.
PARTS = ("value", "gradient", "options", "trajectories", "state", "special values", "low precision", "validation")
ROW = re.compile(r"^\| (?P<first>[a-z][\w ,]*) \| (?P<rest>[^\n]+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Level:
    """A level, and what stands between it and the backend: nothing where `reached`, or where it is `passed_over`."""

    name: str
    parts: tuple[str, ...]
    reached: bool
    passed_over: bool
    missing: tuple[str, ...]  # why it is not reached, in words
    blocking: tuple[tuple[str, str], ...]  # the pairs of clause and component that stand in the way
    components: int  # with a decided pair in its parts
    deviations: int  # in its parts and those of the levels before it


@dataclass(frozen=True)
class Claim:
    """What a backend may say of itself. `level` is empty where no level was reached."""

    level: str
    components: int
    of: int
    deviations: int

    def __str__(self) -> str:
        if not self.level:
            return "no level"
        said = (
            self.level if self.components == self.of else f"{self.level} for {self.components} of {self.of} components"
        )
        return f"{said}, with {plural(self.deviations, 'declared deviation')}" if self.deviations else said


@cache
def _tables() -> tuple[dict[tuple[str, str], str], dict[str, tuple[str, ...]]]:
    """The two tables of the page: parts by page and section, and the parts that each level adds."""
    rows = [(row["first"], row["rest"].split(" | ")) for row in ROW.finditer(pages()["levels"].text)]
    sections = [row for row in rows if len(row[1]) == 2 and row[0] != "pages"]
    levels = [row for row in rows if len(row[1]) == 1 and row[0] != "level"]
    parts = {(page, section): part for names, (section, part) in sections for page in names.split(", ")}
    return parts, {name: tuple(added.split(", ")) for name, (added,) in levels}


def part_of(record: Record) -> str:
    """The part that a record is counted under."""
    return "low precision" if record.dtype in LOW else _part(record.clause, record.component)


@cache
def _part(id: str, stem: str) -> str:
    where = clause(id)
    page, section = pages()[where.stem], where.section
    if section == "Examples":  # of the page of the component
        page, section = component(stem), "Value"
    return _tables()[0][page.kind or page.stem, section]


def reckon(records: Sequence[Record], problems: Sequence[str] = ()) -> list[Level]:
    """The levels of the spec, in their order, as these records decide them."""
    left_out = _left_out(records, problems)
    decided = {(r.clause, r.component) for r in records if r.outcome in ("pass", "known")}
    found: list[Level] = []
    parts: tuple[str, ...] = ()
    for name, added in _tables()[1].items():
        parts += added
        own, far = ([r for r in records if part_of(r) in some] for some in (added, parts))
        bad = [record for record in own if record.outcome in BLOCKING]
        missing = [f"{plural(len(pairs), 'clause')} {said}" for said, pairs in _grouped(bad).items()]
        blocking = list(dict.fromkeys((r.clause, r.component) for r in bad))
        if name == "complete":
            more, pairs = _incomplete(records, decided)
            missing, blocking = missing + more, blocking + pairs
        empty = not any(record.outcome == "pass" for record in own)
        before = next((level.name for level in found if not (level.reached or level.passed_over)), "")
        missing += left_out + ([f"{before} is not reached"] if before else [])
        level = Level(
            name,
            added,
            reached=not (missing or empty),
            passed_over=empty and not missing,
            missing=tuple(missing),
            blocking=tuple(blocking),
            components=len({r.component for r in own if (r.clause, r.component) in decided}),
            deviations=len({(r.clause, r.component) for r in far if r.outcome == "known"}),
        )
        found.append(level)
    return found


def claim(levels: Sequence[Level]) -> Claim:
    """The last level that was reached, with what has to be said beside it."""
    reached = [level for level in levels if level.reached]
    if not reached:
        return Claim("", 0, len(components()), 0)
    last = reached[-1]
    return Claim(last.name, levels[0].components, len(components()), last.deviations)


def _left_out(records: Iterable[Record], problems: Sequence[str]) -> list[str]:
    """What a run did not ask about the components that it asked about."""
    seen: dict[str, set[str]] = {}
    for record in records:
        seen.setdefault(record.component, set()).add(record.clause)
    gaps = sum(
        each.testable and each.id not in asked for stem, asked in seen.items() for each in component(stem).clauses
    )
    said = [f"{plural(gaps, 'clause')} {'was' if gaps == 1 else 'were'} not asked"] if gaps else []
    return said + (["the suite itself failed"] if problems else [])


def _incomplete(records: Sequence[Record], decided: set[tuple[str, str]]) -> tuple[list[str], list[tuple[str, str]]]:
    """What `complete` misses besides the clauses that fail."""
    absent = len(components()) - len({record.component for record in records})
    pairs = dict.fromkeys((record.clause, record.component) for record in records)
    open_ = [pair for pair in pairs if pair not in decided]
    lacking = list(dict.fromkeys((r.clause, r.component) for r in records if r.outcome == "unsupported"))
    said = [
        f"{plural(absent, 'component')} {'was' if absent == 1 else 'were'} not asked" if absent else "",
        f"{plural(len(lacking), 'clause')} not offered, or not in every dtype" if lacking else "",
        f"{plural(len(open_), 'clause')} not decided" if open_ else "",
    ]
    return [each for each in said if each], list(dict.fromkeys(lacking + open_))


def _grouped(bad: Iterable[Record]) -> dict[str, set[tuple[str, str]]]:
    """The pairs of clause and component that stand in the way, by what is wrong with them."""
    words = {"fail": "not met", "error": "in error", "fixed": "declared as deviating, and met", "blocked": "blocked"}
    found: dict[str, set[tuple[str, str]]] = {}
    for record in bad:
        found.setdefault(words[record.outcome], set()).add((record.clause, record.component))
    return found
