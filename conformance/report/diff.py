"""What changed between runs, by clause, component and dtype."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from torchstone.conformance import results
from torchstone.conformance.report import levels, text
from torchstone.conformance.results import OUTCOMES, Record

# How much an outcome says for the backend. What is not here says something about the programs that were drawn.
RANK = {"fail": 0, "error": 0, "blocked": 0, "unsupported": 1, "known": 2, "fixed": 3, "pass": 4}
SHOWN = 40  # changes of a kind that are printed

Key = tuple[str, str, str]  # clause, component, dtype


@dataclass(frozen=True)
class Run:
    """A results file: its name and what is in it."""

    name: str
    header: dict[str, Any]
    records: list[Record]
    footer: dict[str, Any]

    @property
    def claim(self) -> levels.Claim:
        return levels.claim(levels.reckon(self.records, self.footer["problems"]))


@dataclass(frozen=True)
class Change:
    """An outcome that is another one than it was, and which way it went: `better`, `worse` or `open`."""

    key: Key
    old: Record
    new: Record
    declared: bool = False  # the clause deviates in both runs, as declared, in this dtype or in others

    @property
    def way(self) -> str:
        if self.declared and {self.old.outcome, self.new.outcome} == {"pass", "known"}:
            return "open"  # whether a dtype shows it depends on the programs that were drawn
        if not {self.old.outcome, self.new.outcome} <= RANK.keys():
            return "open"
        gain = RANK[self.new.outcome] - RANK[self.old.outcome]
        return "better" if gain > 0 else "worse" if gain < 0 else "open"


def changes(old: Sequence[Record], new: Sequence[Record]) -> list[Change]:
    """The changes from one run to the next, in the order of the spec.

    A clause that is not offered in any dtype has one record without a dtype, which stands for those of the other run.
    """
    before, after = _by_key(old), _by_key(new)
    declared = set.intersection(*({(r.clause, r.component) for r in run if r.outcome == "known"} for run in (old, new)))
    found = []
    for key in dict.fromkeys([*after, *before]):
        general = (*key[:2], "")
        was, now = before.get(key, before.get(general)), after.get(key, after.get(general))
        if was and now and was.outcome != now.outcome and (key[2] or (general in before and general in after)):
            found.append(Change(key, was, now, key[:2] in declared))
    return sorted(found, key=lambda change: change.new.order)


def lost(old: Sequence[Record], new: Sequence[Record]) -> list[tuple[str, str]]:
    """The clauses and components that were asked in the old run and not in the new one."""
    asked = {(record.clause, record.component) for record in new}
    return list(dict.fromkeys((r.clause, r.component) for r in old if (r.clause, r.component) not in asked))


def _by_key(records: Iterable[Record]) -> dict[Key, Record]:
    """The record of each clause, component and dtype; where there are several, as of the examples, the worst."""
    found: dict[Key, Record] = {}
    for record in records:
        key = (record.clause, record.component, record.dtype)
        if key not in found or RANK.get(record.outcome, 5) < RANK.get(found[key].outcome, 5):
            found[key] = record
    return found


def show(runs: Sequence[Run], console: Console) -> int:
    """Print the counts of each run and what changed to the next; 1 where the last step made something worse."""
    console.print(history(runs))
    worse = False
    for before, after in pairwise(runs):
        old, new, problems = before.records, after.records, after.footer["problems"]
        console.print(Text(f"{_plain(before.name)} → {_plain(after.name)}", "bold"))
        found = changes(old, new)
        for way, style in (("worse", "red"), ("better", "green")):
            _list(console, [change for change in found if change.way == way], way, style)
        undecided = sum(change.way == "open" for change in found)
        if undecided:
            console.print(
                f"  {results.plural(undecided, 'outcome')} changed without saying more or less for the backend"
            )
        gone, come = lost(old, new), lost(new, old)
        for said, pairs in (("no longer asked", gone), ("asked for the first time", come)):
            if pairs:
                console.print(f"  {results.plural(len(pairs), 'clause')} {said}: {_few(pairs)}", highlight=False)
        if not (found or gone or come):
            console.print("  nothing changed")
        worse = any(change.way == "worse" for change in found) or bool(problems)
        if problems:
            console.print(Text("  the suite itself failed in the new run", "red"))
    return 1 if worse else 0


def history(runs: Sequence[Run]) -> Table:
    """A row for each run: what was tested, the outcomes and the level."""
    counts = [results.count(run.records) for run in runs]
    seen = [outcome for outcome in OUTCOMES if any(each[outcome] for each in counts)]
    table = Table(header_style="bold", box=SIMPLE, padding=(0, 1, 0, 0))
    for title in ("results", "backend"):
        table.add_column(title, overflow="fold")
    for outcome in seen:
        short = outcome.replace("unsupported", "unsup-\nported").replace("inconclusive", "incon-\nclusive")
        table.add_column(short, justify="right", no_wrap=True)
    table.add_column("level", overflow="fold")
    for run, own in zip(runs, counts, strict=True):
        backend = f"{run.header['backend']['name']} {run.header['backend']['version']}"
        numbers = (str(own[each] or "") for each in seen)
        table.add_row(Text(_plain(run.name)), Text(_plain(backend)), *numbers, run.claim.level or "none")
    return table


def _list(console: Console, found: Sequence[Change], way: str, style: str) -> None:
    """The changes of one kind, those of a clause and component on one line."""
    if not found:
        return
    steps = Counter(f"{change.old.outcome} → {change.new.outcome}" for change in found)
    said = ", ".join(f"{count} {step}" for step, count in steps.items())
    console.print(Text(f"  {results.plural(len(found), 'record')} {way}: {said}", style))
    lines: dict[tuple[str, str, str], list[str]] = {}
    for change in found:
        step = f"{change.old.outcome} → {change.new.outcome}"
        lines.setdefault((*change.key[:2], step), []).append(change.key[2] or "any dtype")
    for (clause, stem, step), dtypes in list(lines.items())[:SHOWN]:
        console.print(
            f"    {clause} {stem}, {', '.join(dtypes)}: {step}", highlight=False, markup=False, soft_wrap=True
        )
    if len(lines) > SHOWN:
        console.print(f"    and {len(lines) - SHOWN} more", highlight=False)


def _few(pairs: Sequence[tuple[str, str]]) -> str:
    said = ", ".join(f"{stem} {clause}" for clause, stem in pairs[:5])
    return said + (" ..." if len(pairs) > 5 else "")


def _plain(value: object) -> str:
    """What came from elsewhere, on one line and with nothing in it that a terminal obeys."""
    return " ".join(str(text.visible(str(value))).split())
