"""Declared deviations: where a backend is known to differ, why, and the stored program that shows it.

A file `NAME.known.toml` holds `[[deviation]]` tables, one a cause, with `clause` (one, or a list of all that the
cause shows in), `reason` and `program` (JSON), and where they help `component` (one, or a list, for a general
clause), `link`, `backends` (the names it holds for), `excepted` (those it does not hold for) and `where`: what the
JSON forms of the failing programs have in common. A table must hold entry by entry, a list holds if one of its items
does, an event matches by its kind, and `{ above = 0.0, below = 1e-12 }` matches the numbers between. Without `where`,
every failure of the clause is taken to be this one.
"""

import itertools
import json
import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torchstone.conformance.backend import Backend, known_file, name_of
from torchstone.conformance.clauses import clause, component
from torchstone.conformance.program import Program, from_json, to_json

FIELDS = {"clause", "component", "reason", "link", "backends", "excepted", "where", "program"}


BOUNDS = {"above", "below"}


class BadDeviation(Exception):
    """A table of a known file is not as it should be; the message names the file, the table and the rule."""


@dataclass(frozen=True)
class Deviation:
    """One declared deviation."""

    clause: str
    component: str
    reason: str
    program: Program
    link: str = ""
    backends: tuple[str, ...] = ()
    excepted: tuple[str, ...] = ()
    where: dict[str, Any] = field(default_factory=dict)

    def holds_for(self, backend: str) -> bool:
        return backend not in self.excepted and (not self.backends or backend in self.backends)


def covered(deviations: Sequence[Deviation], program: Program) -> bool:
    """Whether a failing program is one of those that deviations describe."""
    form = to_json(program) if any(deviation.where for deviation in deviations) else None
    return any(not deviation.where or _matches(deviation.where, form) for deviation in deviations)


def declared(backend: Backend, file: Path | None = None) -> list[Deviation]:
    """The deviations of a backend, from this file or the one beside it, without those of others that share the file."""
    path, name = file or known_file(backend), name_of(backend)
    return [each for each in (read(path) if path else []) if each.holds_for(name)]


def read(path: Path) -> list[Deviation]:
    """The deviations that a file declares."""
    found = []
    for number, table in enumerate(tomllib.loads(path.read_text("utf-8")).get("deviation", []), 1):
        where = f"{path.name}: deviation {number}"
        missing = {"clause", "reason", "program"} - set(table)
        if missing or set(table) - FIELDS:
            raise BadDeviation(
                f"{where}: the fields are {', '.join(sorted(FIELDS))}, "
                f"of which clause, reason and program must be there; got {', '.join(sorted(table))}"
            )
        program = from_json(json.loads(table.pop("program")))
        about = {program.component, *(schedule.component for schedule in getattr(program, "schedules", ()))}
        ids, shown = _listed(table.pop("clause")), _listed(table.pop("component", program.component))
        if not about & set(shown):
            raise BadDeviation(
                f"{where}: the stored program must be one of {', '.join(shown)}, got {program.component}"
            )
        names: dict[str, Any] = {key: tuple(table.pop(key, ())) for key in ("backends", "excepted")}
        for id, name in itertools.product(ids, (component(name).stem for name in shown)):
            if clause(id).stem not in (
                *about,
                *shown,
                "loss",
                "optimizer",
                "scheduler",
                "training",
                "average",
                "accuracy",
            ):
                raise BadDeviation(f"{where}: clause {id} must be about the program, got one of {program.component}")
            found.append(Deviation(id, name, program=program, **names, **table))
    return found


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _matches(pattern: Any, value: Any) -> bool:
    if isinstance(value, list) and not isinstance(pattern, list):
        return any(_matches(pattern, item) for item in value)
    if isinstance(pattern, list):
        return any(_matches(item, value) for item in pattern)
    if isinstance(pattern, dict) and isinstance(value, int | float):
        return pattern.keys() <= BOUNDS and pattern.get("above", -math.inf) < value < pattern.get("below", math.inf)
    if isinstance(pattern, dict) and isinstance(value, dict):
        return all(name in value and _matches(item, value[name]) for name, item in pattern.items())
    if isinstance(value, dict):
        return bool(pattern == value.get("kind"))
    return type(pattern) is type(value) and bool(pattern == value)
