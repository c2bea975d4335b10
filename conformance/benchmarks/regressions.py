"""Two benchmarks compared by ratio: each backend against the baseline of its own run, so that machines may differ."""

from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from torchstone.conformance.benchmarks.comparison import FASTER, NONE, SLOWER, Comparison, changed
from torchstone.conformance.benchmarks.conforming import DIFFERS
from torchstone.conformance.benchmarks.storage import Stored


@dataclass(frozen=True)
class Change:
    """What became of one case of one backend; `new` is None where it is no longer timed."""

    case: str
    backend: str
    old: Comparison
    new: Comparison | None
    verdict: str

    @property
    def regression(self) -> bool:
        return self.verdict == SLOWER or DIFFERS in self.verdict


def changes(old: Stored, new: Stored) -> list[Change]:
    """Every case that both runs have, and those that are no longer timed because they no longer conform."""
    found = []
    for (case, backend), before in old.comparisons.items():
        after = new.comparisons.get((case, backend))
        reason = new.untimed.get((case, backend), "")
        if after:
            found.append(Change(case, backend, before, after, changed(before, after)))
        elif DIFFERS in reason:
            found.append(Change(case, backend, before, None, reason))
    return found


def table(found: list[Change]) -> Table:
    """What changed, the worst first."""
    shown = Table(header_style="bold", title="time as a multiple of the baseline's, in the same run", title_style="dim")
    shown.add_column("case", overflow="fold")
    shown.add_column("backend", overflow="fold")
    for name in ("old", "new", "new / old"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("", overflow="fold")
    for each in sorted((c for c in found if c.verdict != NONE), key=lambda c: -_growth(c)):
        cells = (each.case, each.backend, _ratio(each.old), _ratio(each.new), f"{_growth(each):.2f}", each.verdict)
        style = "red" if each.regression else "green" if each.verdict == FASTER else ""
        shown.add_row(*(Text(cell) for cell in cells), style=style)
    return shown


def _growth(change: Change) -> float:
    return change.new.ratio / change.old.ratio if change.new else float("inf")


def _ratio(comparison: Comparison | None) -> str:
    if comparison is None:
        return "-"
    return f"{comparison.ratio:.2f} [{comparison.low:.2f}, {comparison.high:.2f}]"
