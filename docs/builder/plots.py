"""The picture of a component, drawn from the reference: one or two panels as SVG that take their colours from the page.

A loss is drawn over the first number of a sample of its first example; an optimizer walks down a narrow valley; a
schedule, an average or a clipped gradient is drawn over what its example begins.
"""

import html
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from torch import Tensor

from torchstone.conformance import test_examples as examples
from torchstone.conformance.clauses import Page
from torchstone.conformance.oracle import play
from torchstone.conformance.program import (
    Average,
    AverageProgram,
    Function,
    GradientProgram,
    LossProgram,
    Schedule,
    ScheduleProgram,
    ScheduleStep,
    TensorData,
)
from torchstone.reference import torch_api

# What is drawn in these colours takes the page's, light or dark.
INK, FAINT, LINES = "#101112", "#131415", ("#212223", "#242526", "#272829", "#303132")
COLOURS = {INK: "ink", FAINT: "faint", **{colour: f"line-{i}" for i, colour in enumerate(LINES, 1)}}
STYLES = ("-", "--", "-.", ":")
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "torchstone",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "grid.color": FAINT,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "font.size": 9,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}
# The valley that optimizers walk down is ten times as steep across as along.
POINTS = 73
START, STEEPNESS, STEPS = (-4.0, 1.5), 10.0, 60
LEARNING_RATES = (3.0, 1.0, 0.5, 0.3, 0.15, 0.05)
# Options that show the form of a schedule better than those of its example, which a person can work out by hand.
SCHEDULES: dict[str, dict[str, Any]] = {
    "cosine_annealing": dict(T_max=20),
    "cosine_annealing_warm_restarts": dict(T_0=5, T_mult=2),
    "cyclic": dict(base_lr=0.1, max_lr=1.0, step_size_up=8, mode="triangular2"),
    "exponential": dict(gamma=0.9),
    "multi_step": dict(milestones=(10, 30), gamma=0.3),
    "one_cycle": dict(max_lr=1.0, total_steps=41),
    "polynomial": dict(total_iters=30, power=2.0),
    "step": dict(step_size=10, gamma=0.5),
}


@dataclass(frozen=True)
class Plot:
    """Panels as SVG elements, side by side where there is room, and in a sentence what they show."""

    panels: tuple[str, ...]
    caption: str


def plot(page: Page) -> Plot:
    """The plot of a component."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return DRAWN[page.kind](page)


def panel(key: str, title: str, draw: Callable[[Any], None]) -> str:
    """What `draw` puts on its axes as an SVG element, whose ids begin with `key`."""
    with rc_context(STYLE):
        figure = Figure(figsize=(3.9, 2.7))
        axes = figure.subplots(gridspec_kw=dict(left=0.15, right=0.98, top=0.89, bottom=0.17))
        axes.set_title(title)
        draw(axes)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = re.sub(r"<metadata>.*?</metadata>", "", buffer.getvalue(), flags=re.DOTALL)
    text = text[text.index("<svg") :].replace("<svg ", f'<svg role="img" aria-label="{html.escape(title)}" ', 1)
    for colour, name in COLOURS.items():
        text = text.replace(colour, f"var(--plot-{name})")
    used = set(re.findall(r'(?:"|\()#([\w-]+)', text))
    text = re.sub(r' id="([^"]+)"', lambda found: f' id="{key}-{found[1]}"' if found[1] in used else "", text)
    return re.sub(r'("|\()#([\w-]+)', rf"\1#{key}-\2", text)


def losses(page: Page) -> Plot:
    """The loss of each unlike sample of the first example, and its slope, over the first number of the sample."""
    program = examples.loss_program(page.examples[0])
    if any(row.name == "reduction" for row in page.parameters):
        program = program.with_options(reduction="none")
    name, first = next(iter(program.tensors.items()))
    whole = play(program).value.numel()
    batch = first.shape[0] if first.shape and whole > 1 else 1
    curves: list[tuple[str, list[tuple[float, float, float]]]] = []
    for sample in range(batch):
        at, of = sample * len(first.data) // batch, sample * whole // batch
        asked = LossProgram(
            page.stem, program.options, program.tensors, (name,), tuple(float(i == of) for i in range(whole))
        )
        curve = loss_curve(asked, name, at, of, (-3.0, 3.0)) or loss_curve(asked, name, at, of, (0.01, 0.99))
        values = [value for _, value, _ in curve]
        if values not in [[value for _, value, _ in other] for _, other in curves]:
            others = [
                f"{other} {data.data[sample]:g}"
                for other, data in program.tensors.items()
                if other != name and data.shape == (batch,)
            ]
            curves.append((", ".join(others), curve))
    if len(dict(curves)) < len(curves):
        curves = [(f"sample {number}", curve) for number, (_, curve) in enumerate(curves, 1)]

    def draw(which: int, axes: Any) -> None:
        for (label, curve), colour, style in zip(curves[:3], LINES, STYLES, strict=False):
            axes.plot([c[0] for c in curve], [c[which] for c in curve], color=colour, linestyle=style, label=label)
        axes.set_xlabel(name if first.shape in ((), (batch,)) else f"first number of {name}")
        if len(curves) > 1 and curves[0][0]:
            axes.legend()

    panels = (
        panel(f"{page.stem}-value", "value", partial(draw, 1)),
        panel(f"{page.stem}-slope", "gradient", partial(draw, 2)),
    )
    return Plot(
        panels, f"One sample of the first example: its value, and the gradient, over the first number of its `{name}`."
    )


def loss_curve(
    program: LossProgram, name: str, at: int, of: int, ends: tuple[float, float]
) -> list[tuple[float, float, float]]:
    """Places of one number of a tensor, one element of the value there, and its slope; nothing where one is refused."""
    data, found = program.tensors[name], []
    for place in torch.linspace(*ends, POINTS, dtype=torch.float64).tolist():
        moved = TensorData(data.dtype, data.shape, (*data.data[:at], place, *data.data[at + 1 :]))
        trace = play(program.with_tensors(**{name: moved}))
        if trace.refusal:
            return []
        found.append((place, trace.value.reshape(-1)[of].item(), trace.grad(name).reshape(-1)[at].item()))
    return found


def optimizers(page: Page) -> Plot:
    """The way down a valley, with the rate of a few that comes closest to the bottom, and the height on the way."""
    walks = {lr: walk(page, lr) for lr in LEARNING_RATES}
    lr = min(walks, key=lambda lr: torch.nan_to_num(height(walks[lr][-1]), torch.inf))
    path = walks[lr]

    def draw_path(axes: Any) -> None:
        x, y = torch.meshgrid(torch.linspace(-5, 2, 90), torch.linspace(-2.2, 2.2, 60), indexing="xy")
        levels = [0.05, 0.5, 2, 5, 10, 17, 26]
        axes.contour(x, y, height(torch.stack([x, y])), levels=levels, colors=FAINT, linewidths=1)
        axes.plot(path[:, 0], path[:, 1], color=LINES[0], marker="o", markersize=2.5, linewidth=1.2)
        axes.plot(0, 0, marker="+", color=INK, markersize=9)
        axes.grid(False)
        axes.set(xlim=(-5, 2), ylim=(-2.2, 2.2), xlabel="first parameter", ylabel="second parameter")

    def draw_heights(axes: Any) -> None:
        heights = [max(height(point).item(), 1e-16) for point in path]
        axes.plot(heights, color=LINES[0])
        axes.set_yscale("log")
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("step")

    panels = panel(f"{page.stem}-path", "path", draw_path), panel(f"{page.stem}-loss", "loss", draw_heights)
    tried = ", ".join(f"{rate:g}" for rate in sorted(LEARNING_RATES))
    return Plot(
        panels,
        f"{len(path) - 1} steps on $(x^2 + {STEEPNESS:g}\\, y^2)/2$ from $({START[0]:g}, {START[1]:g})$ with "
        f"`lr` = {lr:g}, which of {tried} comes closest; other options have their defaults.",
    )


def height(point: Tensor) -> Tensor:
    return (point[0] ** 2 + STEEPNESS * point[1] ** 2) / 2


def walk(page: Page, lr: float) -> Tensor:
    """The points on the way, the start included, in shape (n, 2): until it is at the bottom, lost, or out of steps."""
    point = torch.tensor(START, dtype=torch.float64).reshape(2, 1).requires_grad_()
    optimizer = getattr(torch_api, page.torch_name)([point], lr=lr)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = height(point.reshape(2))
        loss.backward()
        if page.stem == "sparse_adam":
            point.grad = point.grad.to_sparse(1)  # type: ignore[union-attr]
        return loss.detach()

    points = [point.detach().reshape(2).clone()]
    while len(points) <= STEPS and 1e-12 < height(points[-1]) < 1e6:
        optimizer.step(closure)
        points.append(point.detach().reshape(2).clone())
    return torch.stack(points)


def schedulers(page: Page) -> Plot:
    """The rate, and the momentum where it is set too, as far as 50 steps go."""
    example = page.examples[0]
    program = examples.schedule_program(example)
    if page.stem in SCHEDULES:
        program = ScheduleProgram(page.stem, SCHEDULES[page.stem], (1.0,))
    metrics = example.arguments.get("metrics")
    count = 40 if page.stem in SCHEDULES else 2 * len(program.events)
    steps = [ScheduleStep(metrics[min(i, len(metrics) - 1)] if metrics else None) for i in range(count)]
    trace = play(ScheduleProgram(page.stem, program.options, program.base_lrs, None, tuple(steps)))
    seen = [entry.tensors for entry in trace.entries if entry.tensors]
    panels = []
    for name, title, colour in (("lr", "learning rate", LINES[0]), ("momentum", "momentum", LINES[1])):
        if name in seen[0]:
            numbers = [tensors[name][0].item() for tensors in seen]
            panels.append(panel(f"{page.stem}-{name}", title, partial(_steps, numbers, colour)))
    said = ", ".join(f"`{option}` = {_said(value)}" for option, value in program.options.items())
    return Plot(tuple(panels), f"From a base rate of {program.base_lrs[0]:g}" + (f" with {said}." if said else "."))


def _steps(numbers: list[float], colour: str, axes: Any) -> None:
    axes.plot(numbers, color=colour, marker="o", markersize=3, linewidth=1.2)
    axes.set_xlabel("t")
    axes.set_ylim(bottom=min(0.0, *numbers))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _said(value: Any) -> str:
    """An option as a caption says it."""
    if isinstance(value, Function):
        return f"{value.name} {list(value.numbers)}"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_said, value)) + ")"
    if isinstance(value, Schedule):
        return value.component
    return repr(value)


def averages(page: Page) -> Plot:
    """A parameter that jumps around 1, and its average."""
    models = (1 + torch.randn(40, dtype=torch.float64)).tolist()
    events = tuple(Average((TensorData("float64", (1,), (model,)),)) for model in models)
    options = examples.average_program(page.examples[0]).options
    trace = play(AverageProgram(page.stem, options, (TensorData("float64", (1,), (models[0],)),), (), events))
    found = [trace.average(0, after).item() for after in range(1, len(events) + 1)]

    def draw(axes: Any) -> None:
        axes.plot(models, color=LINES[1], linestyle="none", marker="o", markersize=3, label="parameter")
        axes.plot(found, color=LINES[0], label="average")
        axes.set_xlabel("update")
        axes.legend()

    return Plot(
        (panel(f"{page.stem}-average", "average", draw),),
        "A parameter that is 1 but for normal noise, and its average.",
    )


def gradients(page: Page) -> Plot:
    """What becomes of a gradient of one element."""
    options = examples.gradient_program(page.examples[0]).options
    places = torch.linspace(-8, 8, POINTS, dtype=torch.float64).tolist()
    changed = [
        play(GradientProgram(page.stem, options, (TensorData("float64", (1,), (place,)),))).grad(0).item()
        for place in places
    ]

    def draw(axes: Any) -> None:
        axes.plot(places, places, color=LINES[1], linestyle=":", label="before")
        axes.plot(places, changed, color=LINES[0], label="after")
        axes.set_xlabel("gradient")
        axes.legend()

    said = ", ".join(f"`{option}` = {_said(value)}" for option, value in options.items())
    return Plot((panel(f"{page.stem}-clipped", "gradient", draw),), f"A gradient of one element, with {said}.")


DRAWN: dict[str, Callable[[Page], Plot]] = {
    "losses": losses,
    "optimizers": optimizers,
    "schedulers": schedulers,
    "gradients": gradients,
    "averages": averages,
}
