"""The pictures of a benchmark, as SVG that takes its colour of text from the page it stands in."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from torchstone.conformance.benchmarks.cases import BACKWARD, STEP, Case
from torchstone.conformance.benchmarks.comparison import NONE
from torchstone.conformance.benchmarks.run import Result, Timing

INK, COLOURS = "#010203", ("#1f77b4", "#d9480f", "#2b8a3e", "#9c36b5", "#b08900", "#0c8599")
BASELINE = "#868e96"
DASHES = {"float32": "-", "bfloat16": ":", "float64": "-"}
COLUMNS, EACH = 5, 2.5  # panels in a row, and inches


def times(result: Result, kind: str) -> str:
    """Time against size on logarithmic axes, a panel for each component, with the least time for its bytes."""
    what = BACKWARD if kind == "losses" else STEP
    shown = [t for t in result.timings if t.case.kind == kind and t.case.what == what and t.case.parameters == 1]
    shown = [timing for timing in shown if timing.backend != result.control]
    stems = sorted({timing.case.component for timing in shown})
    if not stems or kind == "schedulers":
        return ""
    rows = -(-len(stems) // COLUMNS)
    figure = Figure(figsize=(EACH * COLUMNS, EACH * 0.9 * rows + 0.7), layout="constrained")
    panels = list(figure.subplots(rows, COLUMNS, squeeze=False, sharex=True, sharey=True).flat)
    for panel in panels[len(stems) :]:
        panel.set_visible(False)
    for panel, stem in zip(panels, stems, strict=False):
        panel.set_title(stem, fontsize=8, parse_math=False)
        panel.loglog()
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_minor_locator(NullLocator())
        own = [timing for timing in shown if timing.case.component == stem]
        for name, colour in _colours(result).items():
            for dtype in DASHES:
                _line(panel, [t for t in own if t.backend == name and t.case.dtype == dtype], DASHES[dtype], colour)
        limits = {t.case.elements: t.limit for t in own if t.limit and t.case.dtype == "float32"}
        panel.plot(list(limits), list(limits.values()), color=INK, linewidth=1, linestyle=(0, (5, 2)))
    figure.supxlabel("elements", fontsize=9)
    figure.supylabel("seconds", fontsize=9)
    dtypes = [d for d in DASHES if any(t.case.dtype == d for t in shown)]
    drawn = {name: colour for name, colour in _colours(result).items() if any(t.backend == name for t in shown)}
    _legend(figure, drawn, [*((d, DASHES[d]) for d in dtypes), ("least time for the bytes", (0, (5, 2)))])
    return _svg(figure)


def ratios(result: Result, kind: str) -> str:
    """The ratio of each component at the largest size that was timed, with its interval."""
    named = {t.case: t for t in result.timings if t.backend == result.baseline and t.case.kind == kind}
    largest: dict[tuple[str, ...], Case] = {}
    for case in sorted(named, key=lambda case: (case.elements, case.parameters == 1)):
        largest[case.component, case.what, case.dtype] = case
    rows = sorted(largest.values(), key=lambda c: (c.component, c.what, c.dtype), reverse=True)
    bars = {name: [t for t in result.of(name) if t.comparison and t.case in rows] for name in result.names}
    if not any(bars.values()):
        return ""
    rows = [case for case in rows if any(t.case == case for found in bars.values() for t in found)]
    figure = Figure(figsize=(9, 0.19 * len(rows) * max(1, len(bars) ** 0.7) + 1.2), layout="constrained")
    axes = figure.subplots()
    height = 0.8 / len(bars)
    for place, (name, found) in enumerate(bars.items()):
        y = [rows.index(t.case) + 0.4 - height * (place + 0.5) for t in found]
        told = [t.comparison for t in found if t.comparison]
        colours = [to_rgba(_colours(result)[name], 0.35 if c.verdict == NONE else 0.9) for c in told]
        axes.barh(y, [c.ratio - 1 for c in told], height, left=1, color=colours)
        axes.hlines(y, [max(c.low, 0.01) for c in told], [min(c.high, 100) for c in told], color=INK, linewidth=0.8)
    axes.axvline(1, color=BASELINE, linewidth=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks(range(len(rows)), [case.name for case in rows], fontsize=6)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xlabel(
        "time as a multiple of the baseline's (less is faster); lines are intervals, pale is no difference", fontsize=8
    )
    axes.tick_params(axis="x", labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    _legend(figure, {name: _colours(result)[name] for name, found in bars.items() if found}, [])
    return _svg(figure)


def _colours(result: Result) -> dict[str, str]:
    backends = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(result.names)}
    return {result.baseline: BASELINE, **backends}


def _line(panel: Any, found: Sequence[Timing], dashes: Any, colour: str) -> None:
    if found:
        sizes = [timing.case.elements for timing in found]
        panel.plot(sizes, [t.median for t in found], dashes, color=colour, marker=".", markersize=4, linewidth=1.2)
        panel.tick_params(labelsize=6)
        panel.spines[["top", "right"]].set_visible(False)


def _legend(figure: Figure, backends: Mapping[str, str], lines: Sequence[tuple[str, Any]]) -> None:
    handles = [Line2D([], [], color=colour, linewidth=3, label=f" {name}") for name, colour in backends.items()]
    handles += [Line2D([], [], color=INK, linewidth=1, linestyle=dashes, label=text) for text, dashes in lines]
    legend = figure.legend(handles=handles, loc="outside upper center", ncols=4, fontsize=8, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)


def _svg(figure: Figure) -> str:
    style = {"svg.fonttype": "none", "svg.hashsalt": "torchstone", "font.family": "sans-serif"}
    ink = dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color", "axes.edgecolor"), INK)
    buffer = io.StringIO()
    with rc_context({**style, **ink}):
        for axes in figure.axes:
            axes.tick_params(which="both", colors=INK)
            axes.title.set_color(INK)
            for spine in axes.spines.values():
                spine.set_color(INK)
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = re.sub(r"#000000|#010203", "currentColor", svg[svg.index("<svg") :])
    return re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', 'fill="currentColor"', svg, count=1)
