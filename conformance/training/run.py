"""A training run from end to end: `train` is what the command `torchstone train` calls."""

import ctypes
import dataclasses
import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from rich.progress import Progress
from torch import Tensor

import torchstone
from torchstone.conformance.backend import Backend, name_of
from torchstone.conformance.training import acceptance, data, plot
from torchstone.conformance.training.acceptance import Check
from torchstone.conformance.training.lockstep import WINDOW, Agreement, Make, Window
from torchstone.conformance.training.loop import Builtin, Curve, Played, play_epoch
from torchstone.conformance.training.network import initial
from torchstone.conformance.training.recipe import RECIPES, Recipe
from torchstone.conformance.training.trainer import ReferenceTrainer, trainer_of

BUILTIN, REFERENCE, BACKEND = "built-in", "reference", "backend"
COLUMNS = ("stack", "test accuracy", "test loss", "first steps, error / budget", "lost / won", "seconds", "outcome")
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT = 1 << 28
DTYPES = (torch.float64, torch.float32)


class Interrupted(KeyboardInterrupt):
    """The user stopped the run; the message says where. Nothing was written."""


@dataclass
class Result:
    """What a training run found: `passed` is the verdict, `columns` and `rows` a table, `to_json` every number."""

    recipe: Recipe
    dataset: str
    source: str
    stand_in: bool
    backend: str
    version: str
    seeds: tuple[int, ...]
    curves: dict[str, list[Curve]]  # by stack, one a seed
    agreements: list[Agreement]
    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    columns = COLUMNS

    @property
    def passed(self) -> bool:
        """No check failed, and each said something. A dtype that the backend does not offer is no failure."""
        return all(check.outcome in ("pass", "unsupported") for check in self.checks)

    @property
    def title(self) -> str:
        epochs, seeds = _count(self.recipe.epochs, "epoch"), _count(len(self.seeds), "seed")
        return f"{self.dataset}, {epochs}, {seeds}, backend {self.backend}"

    @property
    def cost(self) -> float:
        """How many times as long the reference stack trained as the built-in one."""
        return self.seconds(REFERENCE) / self.seconds(BUILTIN)

    def seconds(self, stack: str) -> float:
        """The seconds that a stack trained, tests of the network not counted."""
        return sum(curve.seconds for curve in self.curves.get(stack, []))

    def accuracies(self, stack: str) -> list[float]:
        """The final accuracy of each seed."""
        return [curve.accuracy[-1] for curve in self.curves.get(stack, [])]

    def flips(self, stack: str) -> tuple[int, int]:
        """On how many test images the stack is wrong where the reference is right, and the reverse; over all seeds."""
        pairs = [
            (ours.right, theirs.right)
            for ours, theirs in zip(self.curves[REFERENCE], self.curves.get(stack, []), strict=False)
        ]
        return sum(int((r & ~s).sum()) for r, s in pairs), sum(int((s & ~r).sum()) for r, s in pairs)

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """One row a stack, as text."""
        return [self._row(stack) for stack in (BUILTIN, REFERENCE, BACKEND)]

    def _row(self, stack: str) -> tuple[str, ...]:
        name = f"backend {self.backend}" if stack == BACKEND else stack
        outcomes = {check.outcome for check in self.checks if check.stack == stack}
        bad = sorted(outcomes - {"pass", "unsupported"})
        if stack not in self.curves:
            return (name, "-", "-", self._steps(stack), "-", "-", ", ".join(bad))
        accuracies = self.accuracies(stack)
        spread = f" ({min(accuracies):.2%} to {max(accuracies):.2%})" if len(accuracies) > 1 else ""
        loss = mean(curve.test_loss[-1] for curve in self.curves[stack])
        flips = "-" if stack == REFERENCE else "{} / {}".format(*self.flips(stack))
        return (
            name,
            f"{mean(accuracies):.2%}{spread}",
            f"{loss:.4f}",
            self._steps(stack),
            flips,
            f"{self.seconds(stack):.1f}",
            ", ".join(bad) or "pass",
        )

    def _steps(self, stack: str) -> str:
        told = [each for each in self.agreements if each.stack == stack]
        return (
            "\n".join(
                f"{each.dtype} {each.worst:.2g}" if each.steps else f"{each.dtype} {each.outcome}" for each in told
            )
            or "-"
        )

    def to_json(self) -> dict[str, Any]:
        """Everything as plain data. The same seeds give the same, but for the values under `seconds` and `cost`."""
        plain: dict[str, Any] = _plain(
            {
                "kind": "training",
                "torchstone": torchstone.__version__,
                "torch": torch.__version__,
                "backend": {"name": self.backend, "version": self.version},
                "dataset": self.dataset,
                "source": self.source,
                "stand_in": self.stand_in,
                "recipe": dataclasses.asdict(self.recipe),
                "seeds": self.seeds,
                "passed": self.passed,
                "checks": [dataclasses.asdict(check) for check in self.checks],
                "first_steps": [dataclasses.asdict(each) for each in self.agreements],
                "stacks": {
                    stack: [
                        {
                            "train_loss": c.train_loss,
                            "test_loss": c.test_loss,
                            "accuracy": c.accuracy,
                            "seconds": c.seconds,
                        }
                        for c in curves
                    ]
                    for stack, curves in self.curves.items()
                },
                "cost": self.cost,
                "notes": self.notes,
            }
        )
        return plain

    def write(self, out: Path) -> list[Path]:
        """`training.json` and, with matplotlib, `learning-curves.png`: each whole or not at all."""
        out.mkdir(parents=True, exist_ok=True)
        written = []
        if plot.available():
            written.append(_replace(out / "learning-curves.png", plot.png(self)))
        else:
            self.notes.append("no learning-curves.png: it needs matplotlib (pip install 'torchstone[plots]')")
        text = json.dumps(self.to_json(), indent=1, allow_nan=False) + "\n"
        return [_replace(out / "training.json", text.encode()), *written]


def train(
    dataset: str,
    backend: Backend,
    *,
    epochs: int | None = None,
    seeds: int = 1,
    out: Path | None = None,
    data_folder: Path | None = None,
    stand_in: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Train three stacks alike and judge the backend's: spec/training.md.

    dataset      `mnist` or `digits`; an unknown name is a `ValueError` with what there is
    backend      an object with `play`, and with `trainer` (see `training.trainer`) to take part
    epochs       the recipe's own number where it is None; with fewer the goal is not asked for
    seeds        how many runs, with the seeds 0, 1, 2 ...
    out          the folder for `training.json` and `learning-curves.png`; None writes nothing
    data_folder  what `--data` names; None leaves it to TORCHSTONE_DATA, the cache and the mirrors
    stand_in     train on the digits, saying so, where the data set is missing and there is no network
    progress     a started `rich.progress.Progress` that gets a task for each download and one for the training

    Raises `data.Missing` and `data.DataError` (a message for the user; nothing was trained), `backend.Unsupported`
    where the backend cannot take part, and `Interrupted`. An error inside the backend is an outcome of the result.
    """
    where = ["before the training"]
    try:
        return _train(dataset, backend, epochs, seeds, out, data_folder, stand_in, progress, where)
    except KeyboardInterrupt:
        raise Interrupted(f"training: interrupted {where[0]}; nothing was written") from None


def _train(
    dataset: str,
    backend: Backend,
    epochs: int | None,
    seeds: int,
    out: Path | None,
    folder: Path | None,
    stand_in: bool,
    progress: Progress | None,
    where: list[str],
) -> Result:
    if dataset not in RECIPES:
        raise ValueError(f"training: dataset must be one of {', '.join(RECIPES)}, got {dataset!r}")
    if epochs is not None and epochs < 1:
        raise ValueError(f"training: epochs must be >= 1, got {epochs}")
    if seeds < 1:
        raise ValueError(f"training: seeds must be >= 1, got {seeds}")
    notes: list[str] = []
    try:
        given = data.load(dataset, folder, progress)
    except data.Missing as missing:
        if not stand_in:
            raise
        given = data.load("digits")
        notes.append(f"trained on {given.label}, since {str(missing).splitlines()[0]}")
    asked = RECIPES[given.name]
    recipe = dataclasses.replace(asked, epochs=epochs or asked.epochs)

    makes: dict[str, Make] = {
        BUILTIN: lambda params: Builtin(recipe, params),
        REFERENCE: lambda params: Played(recipe, params, lambda p: ReferenceTrainer(recipe, p)),
        BACKEND: lambda params: Played(recipe, params, lambda p: trainer_of(backend, recipe, p)),
    }
    makes[BACKEND](start(recipe, 0)[0])  # Unsupported is found before anything is trained

    keep_memory()
    where[0] = "in the first steps"
    agreements = first_steps(recipe, given, {name: makes[name] for name in (BUILTIN, BACKEND)})
    broken = {each.stack for each in agreements if each.outcome == "error"}
    stacks = {name: make for name, make in makes.items() if name not in broken}
    curves: dict[str, list[Curve]] = {name: [] for name in stacks}
    total = seeds * recipe.epochs * len(stacks) * math.ceil(len(given.train[1]) / recipe.batch)
    task = progress.add_task(f"train on {given.label}", total=total) if progress else None

    def tick(steps: int) -> None:
        if progress and task is not None:
            progress.advance(task, steps)

    for seed in range(seeds):
        params, generator = start(recipe, seed)
        running = {name: make([param.clone() for param in params]) for name, make in stacks.items()}
        for name in running:
            curves[name].append(Curve())
        for epoch in range(recipe.epochs):
            order = torch.randperm(len(given.train[1]), generator=generator)  # training.8
            for name, stack in running.items():
                where[0] = f"in epoch {epoch + 1} of {recipe.epochs}, seed {seed}, stack {name}"
                play_epoch(stack, curves[name][-1], given.train, given.test, order, recipe.batch, tick)
    where[0] = "while the results were put together"
    result = Result(
        recipe,
        given.label,
        given.source,
        given.stand_in,
        name_of(backend),
        str(getattr(backend, "version", "unknown")),
        tuple(range(seeds)),
        curves,
        agreements,
        notes=notes,
    )
    result.checks = judged(result, asked)
    if recipe.epochs < asked.epochs:
        result.notes.append(f"the goal of {asked.goal:.0%} is for {asked.epochs} epochs and was not asked for")
    if out:
        result.write(out)
    return result


def keep_memory() -> None:
    """Let freed blocks stay with the process: the reference allocates at every step, and mapping memory is slow."""
    try:
        mallopt = ctypes.CDLL(None).mallopt  # the GNU C library's; elsewhere there is nothing to do
    except (AttributeError, OSError, TypeError):
        return
    for option in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
        mallopt(option, KEPT)


def start(recipe: Recipe, seed: int) -> tuple[list[Tensor], torch.Generator]:
    """The initial parameters of a seed, and the generator that goes on to shuffle its epochs."""
    generator = torch.Generator().manual_seed(seed)
    return initial(recipe.sizes, generator), generator


def first_steps(recipe: Recipe, given: data.Dataset, makes: dict[str, Make]) -> list[Agreement]:
    """The first steps of seed 0 beside the reference, for each stack and dtype."""
    params, generator = start(recipe, 0)
    images, labels = given.train
    order = torch.randperm(len(labels), generator=generator)
    batches = [(images[index], labels[index]) for index in order.split(recipe.batch)[:WINDOW]]
    window = Window(recipe, params, batches)
    return [each for dtype in DTYPES for each in window.agreement(makes, dtype)]


def judged(result: Result, asked: Recipe) -> list[Check]:
    """Every clause of the page asked of every stack that it is about."""
    checks = [_first(each) for each in result.agreements]
    reference, images = result.accuracies(REFERENCE), len(result.curves[REFERENCE][0].right)
    for stack in result.curves:
        accuracies = result.accuracies(stack)
        if stack != REFERENCE:
            lost, won = result.flips(stack)
            chance = acceptance.mcnemar(lost, won)
            outcome = "pass" if chance >= acceptance.LEVEL else "fail"
            found = f"{lost} images lost, {won} won against the reference: chance {chance:.2g}"
            checks.append(Check("training.14", stack, outcome, found))
            if len(reference) >= acceptance.SEEDS:
                low, high = acceptance.prediction_interval(reference, len(accuracies), images)
                outcome = "pass" if low <= mean(accuracies) <= high else "fail"
                found = f"mean accuracy {mean(accuracies):.2%}, the reference's interval is {low:.2%} to {high:.2%}"
                checks.append(Check("training.15", stack, outcome, found))
        if result.recipe.epochs >= asked.epochs:
            outcome = "pass" if mean(accuracies) >= asked.goal else "fail"  # training.16
            checks.append(
                Check("training.16", stack, outcome, f"mean accuracy {mean(accuracies):.2%}, goal {asked.goal:.0%}")
            )
    return checks


def _first(each: Agreement) -> Check:
    found = each.reason or f"{each.dtype}: error {each.worst:.2g} of the budget at step {each.at} of {each.steps}"
    return Check("training.13", each.stack, each.outcome, found)


def _replace(path: Path, content: bytes) -> Path:
    """Write a file beside its place and move it there."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _plain(value: Any) -> Any:
    """JSON's types only: NaN and infinities become strings, as in programs."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
