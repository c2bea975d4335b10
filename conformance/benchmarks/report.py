"""The report of a benchmark: HTML in one file, Markdown with pictures beside it, and JSON."""

import json
import math
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from statistics import quantiles
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from torchstone.conformance.benchmarks import plots
from torchstone.conformance.benchmarks.comparison import FASTER, NONE, SLOWER
from torchstone.conformance.benchmarks.run import Result, Timing
from torchstone.conformance.benchmarks.storage import to_json
from torchstone.conformance.report.text import markdown
from torchstone.conformance.results import plain, replace

KINDS = ("losses", "optimizers", "schedulers")
PICTURES = {"times": plots.times, "ratios": plots.ratios}
STYLES = {FASTER: "green", SLOWER: "red", NONE: "dim"}


def duration(seconds: float) -> str:
    """Three digits and a unit: `41.7 us`."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)):
        if seconds >= size or unit == "ns":
            number = seconds / size
            return f"{number:.{max(0, 2 - math.floor(math.log10(number))) if number >= 1 else 2}f} {unit}"
    raise AssertionError


def spread(timing: Timing) -> str:
    """The distance between the quartiles, as a part of the median."""
    low, _, high = quantiles(timing.seconds, n=4)
    return f"{(high - low) / timing.median:.0%}"


def multiple(number: float) -> str:
    return "∞" if math.isinf(number) else f"{number:.2f}" if number < 100 else f"{number:.0f}"


def share(part: float | None) -> str:
    return "" if part is None else f"{part:.0%}"


def summary(result: Result) -> list[dict[str, Any]]:
    """What was found of each backend, and of the baseline against itself: counts by kind of component."""
    rows = []
    for name in (result.control, *result.names):
        for kind in KINDS:
            told = [t.comparison for t in result.of(name) if t.case.kind == kind and t.comparison]
            if told:
                ratios = sorted(each.ratio for each in told)
                counts = {verdict: sum(each.verdict == verdict for each in told) for verdict in (FASTER, NONE, SLOWER)}
                rows.append({"backend": name, "kind": kind, "cases": len(told), "counts": counts, "ratios": ratios})
    return rows


def table(result: Result) -> Table:
    """The summary as a person reads it on a terminal."""
    title = "cases, by their time against the baseline's"
    shown = Table(header_style="bold", title=title, title_style="dim", box=SIMPLE, padding=0)
    shown.add_column("backend", overflow="fold")
    shown.add_column("", no_wrap=True)
    for verdict in (FASTER, NONE, SLOWER):
        shown.add_column(verdict.replace(" ", "\n"), justify="right", style=STYLES[verdict], no_wrap=True)
    shown.add_column("median\nratio", justify="right", no_wrap=True)
    shown.add_column("least to most", justify="right", no_wrap=True)
    for row in summary(result):
        ratios = row["ratios"]
        cells = [row["backend"], row["kind"], *map(str, row["counts"].values())]
        cells += [multiple(ratios[len(ratios) // 2]), f"{multiple(ratios[0])} to {multiple(ratios[-1])}"]
        shown.add_row(*(Text(cell) for cell in cells))
    return shown


def reasons(result: Result) -> list[tuple[str, str, list[str]]]:
    """Why cases are not shown with a speed: the backends that share the reason, the reason, and the cases."""
    about: dict[tuple[str, str], list[str]] = {}
    for each in result.untimed:
        about.setdefault((each.reason, each.case.name), []).append(each.backend)
    found: dict[tuple[str, str], list[str]] = {}
    for (reason, name), backends in about.items():
        who = "all" if len(backends) > len(result.names) else ", ".join(backends)
        found.setdefault((who, reason), []).append(name)
    return [(who, reason, names) for (who, reason), names in found.items()]


def write(result: Result, out: Path) -> list[Path]:
    """`benchmark.json`, `benchmark.html`, `benchmark.md` and its pictures, each whole or not at all."""
    out.mkdir(parents=True, exist_ok=True)
    stored = to_json(result)
    drawn = {f"{name}-{kind}": draw(result, kind) for name, draw in PICTURES.items() for kind in KINDS}
    drawn = {name: svg for name, svg in drawn.items() if svg}
    told = _told(result, stored, drawn)
    texts = {f"benchmark-{name}.svg": _alone(svg) for name, svg in drawn.items()}
    texts |= {f"benchmark.{kind}": rendered(kind, told) for kind in ("md", "html")}
    texts["benchmark.json"] = json.dumps(plain(stored), indent=1, allow_nan=False) + "\n"
    return [replace(out / name, text) for name, text in texts.items()]


def _told(result: Result, stored: Mapping[str, Any], drawn: Mapping[str, str]) -> dict[str, Any]:
    """What a template is given."""
    named: dict[tuple[str, Any], Timing] = {(t.backend, t.case): t for t in result.timings}
    groups = []
    for kind in KINDS:
        cases = [t.case for t in result.of(result.baseline) if t.case.kind == kind]
        for stem in dict.fromkeys(case.component for case in cases):
            own = [case for case in cases if case.component == stem]
            rows = [(case, [(n, named.get((n, case))) for n in (result.baseline, *result.names)]) for case in own]
            groups.append((kind, stem, rows))
    return {
        "result": result,
        "stored": stored,
        "about": stored["torchstone"],
        "machine": stored["machine_info"],
        "summary": summary(result),
        "groups": groups,
        "reasons": reasons(result),
        "pictures": drawn,
        "verdicts": (FASTER, NONE, SLOWER),
        "rounds": [len(t.seconds) for t in result.timings] or [0],
    }


def rendered(kind: str, told: Mapping[str, Any]) -> str:
    """The template of a kind, `html` or `md`, with all that it is given escaped as that kind needs it."""
    environment = Environment(
        autoescape=kind == "html",
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=(lambda value: value) if kind == "html" else markdown,
    )
    environment.filters |= {"duration": duration, "spread": spread, "multiple": multiple, "share": share, "svg": Markup}
    template = (files("torchstone.conformance.benchmarks") / f"report.{kind}.jinja").read_text("utf-8")
    page: str = environment.from_string(template).render(told)
    return page


def _alone(svg: str) -> str:
    """A picture for a page that does not lend it its colours."""
    return svg.replace("currentColor", "#333").replace("<svg ", '<svg style="background:#fff" ', 1)
