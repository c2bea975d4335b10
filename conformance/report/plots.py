"""Plots as SVG that takes its colours from the page: a trajectory beside its budget, and how much of it is used."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from torchstone.conformance.report import text
from torchstone.conformance.report.course import Point, excess

WIDTH, HEIGHT = 560, 180
LEFT, RIGHT, TOP, BOTTOM = 74, 14, 14, 30
MOST = 1e18  # where an error in units of its budget is cut off


@dataclass(frozen=True)
class Axis:
    """A linear map from numbers to a length on the page."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, about: int) -> list[float]:
        """Round numbers between the ends, about so many."""
        span = (self.high - self.low) / about
        step = 10.0 ** math.floor(math.log10(span))
        step *= next(factor for factor in (1, 2, 5, 10) if factor * step >= span)
        found = (n * step for n in range(math.ceil(self.low / step), math.floor(self.high / step) + 1))
        return list(dict.fromkeys(found))


def _said(ticks: Sequence[float]) -> list[str]:
    """Ticks in as many digits as tell them apart."""
    return next(said for digits in range(3, 18) if len(set(said := [f"{x:.{digits}g}" for x in ticks])) == len(ticks))


def trajectory(course: dict[str, Any]) -> Markup:
    """Two plots, one over the other: the numbers with the budget about the reference, and the error in budgets."""
    columns = ([float(x) for x in course[name]] for name in ("events", "expected", "budget", "actual"))
    points: list[Point] = [(int(event), *numbers) for event, *numbers in zip(*columns, strict=True)]
    events = Axis(points[0][0], max(points[-1][0], points[0][0] + 1), LEFT, WIDTH - RIGHT)
    title = f"{course['output']} after each event"
    return Markup("{}{}").format(_values(points, events, title), _errors(points, events, f"{title}: error / budget"))


def _values(points: Sequence[Point], events: Axis, title: str) -> Markup:
    finite = [x for _, e, b, a in points for x in (e - b, e + b, a) if math.isfinite(x)]
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    if not math.isfinite(high - low):
        return Markup("")
    pad = (high - low) / 12 or abs(high) / 10 or 1.0
    heights = Axis(low - pad, high + pad, HEIGHT - BOTTOM, TOP)
    known = [(events(t), e, b) for t, e, b, _ in points if math.isfinite(e) and math.isfinite(b)]
    upper = [(x, heights(e + b)) for x, e, b in known]
    lower = [(x, heights(e - b)) for x, e, b in reversed(known)]
    actual = [(events(t), heights(a)) for t, _, _, a in points if math.isfinite(a)]
    inside = Markup('<polygon class="band" points="{}"/><polyline class="exact" points="{}"/>').format(
        _path(upper + lower), _path([(x, heights(e)) for x, e, _ in known])
    )
    ticks = heights.ticks(4)
    return _frame(
        title,
        events,
        heights,
        Markup("{}{}").format(inside, _dots(actual)),
        dict(zip(ticks, _said(ticks), strict=True)),
    )


def _errors(points: Sequence[Point], events: Axis, title: str) -> Markup:
    """On a logarithmic axis, where an error of nothing lies on the floor."""
    found = [min(max(excess(point), 0.0), MOST) for point in points]
    top = max([2.0, *(math.ceil(math.log10(error)) for error in found if error)])
    heights = Axis(-3.0, top, HEIGHT - BOTTOM, TOP)
    dots = [
        (events(p[0]), heights(max(-3.0, math.log10(e)) if e else -3.0)) for p, e in zip(points, found, strict=True)
    ]
    line = heights(0.0)
    inside = Markup('<rect class="band" x="{}" y="{}" width="{}" height="{}"/>').format(
        LEFT, line, WIDTH - RIGHT - LEFT, round(HEIGHT - BOTTOM - line, 1)
    )
    inside += Markup('<line class="exact" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(LEFT, WIDTH - RIGHT, line, line)
    apart = max(1, math.ceil(top / 3))
    ticks = {float(n): text.short(10.0**n) for n in (-3, *range(0, int(top) + 1, apart))}
    return _frame(title, events, heights, Markup("{}{}").format(inside, _dots(dots)), ticks)


def _frame(title: str, events: Axis, heights: Axis, inside: Markup, ticks: Mapping[float, str]) -> Markup:
    """A plot with its title, its axes and their numbers."""
    lines = []
    for tick, said in ticks.items():
        y = heights(tick)
        lines.append(
            Markup(
                '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/><text class="left" x="{}" y="{}">{}</text>'
            ).format(LEFT, WIDTH - RIGHT, y, y, LEFT - 8, y + 4, said)
        )
    whole = sorted({round(tick) for tick in events.ticks(8)})
    for tick in (tick for tick in whole if events.low <= tick <= events.high):
        lines.append(Markup('<text class="below" x="{}" y="{}">{}</text>').format(events(tick), HEIGHT - 10, tick))
    return Markup(
        '<figure class="plot"><figcaption>{}</figcaption>'
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg></figure>'
    ).format(title, WIDTH, HEIGHT, title, Markup("").join(lines), inside)


def _dots(points: Sequence[tuple[float, float]]) -> Markup:
    circles = Markup("").join(Markup('<circle cx="{}" cy="{}" r="4"/>').format(*point) for point in points)
    return Markup('<polyline class="found" points="{}"/><g class="found">{}</g>').format(_path(points), circles)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)


REACH = 1.25  # budgets that a strip is wide


def strip(worst: float, median: float) -> Markup:
    """How much of the budget was used: a bar to the worst error, a mark at the median, a line at the whole budget."""

    def place(value: float) -> str:
        return f"{100 * min(value, REACH) / REACH:.1f}%"

    return Markup(
        '<svg class="strip{}" width="100%" height="14" aria-hidden="true">'
        '<rect class="rail" width="100%" height="6" y="4" rx="3"/>'
        '<rect class="bar" width="{}" height="6" y="4" rx="3"/>'
        '<line class="limit" x1="{}" x2="{}" y1="0" y2="14"/><circle class="median" cx="{}" cy="7" r="3"/></svg>'
    ).format("" if worst <= 1 else " over", place(worst), place(1), place(1), place(median))
