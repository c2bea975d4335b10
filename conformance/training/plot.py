"""The learning curves as a picture, with the reference's band over its seeds."""

import importlib.util
import io
from collections.abc import Sequence
from statistics import mean
from typing import TYPE_CHECKING, Any

from torchstone.conformance.training import summary
from torchstone.conformance.training.lockstep import FRACTION

if TYPE_CHECKING:
    from torchstone.conformance.training.result import Result

# The stacks should lie on one another, so they are told apart by form as well as by colour.
STYLES: dict[str, dict[str, Any]] = {
    "built-in": {"color": "#b8c0cc", "linewidth": 6, "solid_capstyle": "round"},
    "reference": {"color": "#1f5fa8", "linewidth": 2},
    "backend": {"color": "#d9480f", "linestyle": "none", "marker": "o", "markersize": 5, "markerfacecolor": "white"},
}
GREY = "#5c6570"


def available() -> bool:
    """Is matplotlib installed?"""
    return importlib.util.find_spec("matplotlib") is not None


def png(result: "Result") -> bytes:
    """Test error and losses, means over the seeds with the reference's band; the first steps beside their budget."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 4.8), layout="constrained")
    figure.suptitle(_plain(summary.title(result)), fontsize=13, fontweight="bold", x=0.01, ha="left")
    error, loss, steps = figure.subplots(1, 3)
    for axes in (error, loss, steps):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#e3e6ea", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(colors=GREY)
    _error(error, result)
    _loss(loss, result)
    _steps(steps, result)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=130, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _epochs(axes: Any, result: "Result") -> range:
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel("epoch", color=GREY)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return range(1, result.recipe.epochs + 1)


def _name(result: "Result", stack: str) -> str:
    return _plain(f"backend {result.backend}") if stack == "backend" else stack


def _plain(text: str) -> str:
    """Text from a backend, in which nothing is a formula."""
    return text.replace("$", r"\$")


def _draw(axes: Any, result: "Result", what: str, label: bool = False, **form: Any) -> None:
    """The mean over the seeds of each stack, and from the least to the most of the reference's."""
    epochs = range(1, result.recipe.epochs + 1)
    for stack, curves in result.curves.items():
        each = list(zip(*(_values(curve, what) for curve in curves), strict=True))
        axes.plot(
            epochs, [mean(v) for v in each], label=_name(result, stack) if label else None, **STYLES[stack], **form
        )
        if stack == "reference" and len(curves) > 1 and len(each) > 1:
            low, high = map(min, each), map(max, each)
            seeds = f"reference, all {len(curves)} seeds" if label else None
            axes.fill_between(
                epochs, [*low], [*high], color=STYLES[stack]["color"], alpha=0.18, linewidth=0, label=seeds
            )


def _values(curve: Any, what: str) -> Sequence[float]:
    if what == "error":
        return [1 - accuracy if accuracy < 1 else float("nan") for accuracy in curve.accuracy]
    values: Sequence[float] = getattr(curve, what)
    return values


def _published(axes: Any, values: Sequence[float]) -> None:
    """A row that was printed somewhere."""
    axes.plot(range(1, len(values) + 1), values, linestyle="none", marker="x", color="black", label="published")


def _error(axes: Any, result: "Result") -> None:
    """One minus the accuracy, on a logarithmic axis, where the last epochs can be told apart."""
    from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

    epochs = _epochs(axes, result)
    axes.set_title("Test images named wrongly", loc="left", fontsize=11)
    axes.set_yscale("log")
    _draw(axes, result, "error", label=True)
    if result.recipe.published:
        _published(axes, [1 - float(text) for text in result.recipe.published.accuracy[: len(epochs)]])
    if result.recipe.goal is not None:
        _line(axes, 1 - result.recipe.goal, f"goal: {result.recipe.goal:.0%} named rightly", epochs[0])
    axes.yaxis.set_major_locator(FixedLocator([0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.legend(loc="upper right", frameon=False)


def _line(axes: Any, height: float, text: str, left: float) -> None:
    """A dashed line that says what it is."""
    axes.axhline(height, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
    axes.annotate(text, (left, height), xytext=(0, 4), textcoords="offset points", color=GREY, fontsize=9)


def _loss(axes: Any, result: "Result") -> None:
    epochs = _epochs(axes, result)
    axes.set_title("Mean loss over samples", loc="left", fontsize=11)
    _draw(axes, result, "test_loss")
    _draw(axes, result, "train_loss", alpha=0.45)
    if result.recipe.published:
        _published(axes, [float(text) for text in result.recipe.published.batch_loss[: len(epochs)]])
    axes.set_ylim(bottom=0)
    first = result.curves["reference"][0]
    for text, losses in (("training", first.train_loss), ("test", first.test_loss)):
        lower = losses[0] <= min(first.train_loss[0], first.test_loss[0])
        offset = (-4, -9) if lower else (9, 2)
        axes.annotate(
            text,
            (epochs[0], losses[0]),
            xytext=offset,
            textcoords="offset points",
            ha="center" if lower else "left",
            va="top" if lower else "bottom",
            color=GREY,
            fontsize=9,
        )


def _steps(axes: Any, result: "Result") -> None:
    axes.set_title("First steps: error / distance travelled", loc="left", fontsize=11)
    axes.set_xlabel("step", color=GREY)
    axes.set_yscale("log")
    _line(axes, FRACTION, f"the budget must be below {FRACTION:.0%}", 1)
    drawn: set[str] = set()
    for each in (each for each in result.agreements if each.part == "first steps"):
        steps = range(1, len(each.errors) + 1)
        if not each.errors:
            continue
        if each.dtype not in drawn:
            drawn.add(each.dtype)
            allowed = [b / d for b, d in zip(each.budget, each.travelled, strict=True)]
            axes.plot(steps, allowed, color="black", linewidth=1.4)
            text, place = f"budget, {each.dtype}", (steps[-1], allowed[-1])
            axes.annotate(text, place, xytext=(0, 5), textcoords="offset points", ha="right", fontsize=9)
        # A distance of zero has no place on a logarithmic axis.
        errors = [e / d if e else float("nan") for e, d in zip(each.errors, each.travelled, strict=True)]
        form = {"markevery": 3, "markersize": 4} if each.stack == "backend" else {"linewidth": 4}
        axes.plot(steps, errors, **STYLES[each.stack] | form)
