"""A training run from end to end: `train` is what the command `torchstone train` calls."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import torch
from rich.progress import Progress

import torchstone
from torchstone.conformance import backend as backends
from torchstone.conformance import known
from torchstone.conformance.backend import name_of, version_of
from torchstone.conformance.training import data
from torchstone.conformance.training.kept import Kept
from torchstone.conformance.training.lockstep import agreements
from torchstone.conformance.training.loop import Curve, start
from torchstone.conformance.training.recipe import RECIPES, Recipe
from torchstone.conformance.training.result import Result
from torchstone.conformance.training.units import BACKEND, BUILTIN, STACKS, Done, Load, Trains, Unit, beside


class Interrupted(KeyboardInterrupt):
    """The user stopped the run; the message says where, and what is kept."""


def recipe_of(dataset: str, epochs: int | None = None) -> Recipe:
    """The recipe of a data set, with so many epochs; with fewer than its own it has no goal.

    Raises `ValueError` for what there is not.
    """
    name = dataset.replace("_", "-")
    if name not in RECIPES:
        raise ValueError(f"training: dataset must be one of {', '.join(RECIPES)}, got {dataset!r}")
    if epochs is not None and epochs < 1:
        raise ValueError(f"training: epochs must be >= 1, got {epochs}")
    recipe = RECIPES[name]
    if epochs is not None:
        recipe = dataclasses.replace(recipe, epochs=epochs, goal=recipe.goal if epochs >= recipe.epochs else None)
    return recipe


def stand_in_for(recipe: Recipe) -> Recipe:
    """The recipe of the digits, with what differs from the recipe of the data set that is missing."""
    digits, whole = RECIPES["digits"], RECIPES[recipe.dataset]
    names = ("epochs", "optimizer", "scheduler", "biases")
    changed = {name: getattr(recipe, name) for name in names if getattr(recipe, name) != getattr(whole, name)}
    return dataclasses.replace(digits, **changed, goal=None if changed else digits.goal)


def train(
    recipe: Recipe,
    load: Load,
    *,
    seeds: int = 1,
    jobs: int = 1,
    out: Path | None = None,
    resume: bool = False,
    data_folder: Path | None = None,
    stand_in: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Train three stacks alike and judge the backend's: spec/training.md.

    recipe       what is trained: see `recipe_of`
    load         gives the backend: an object with `play`, and with `trainer` (see `training.trainer`) to take part
    seeds        how many runs, with the seeds 0, 1, 2 ...
    jobs         processes; with more than one, each loads the backend, and has its share of the threads
    out          the folder for `training.json`, `training.md` and `learning-curves.png`; None writes nothing
    resume       go on with what an interrupted run left in `out`, or take what a finished one did
    data_folder  what `--data` names; None leaves it to TORCHSTONE_DATA, the cache and the mirrors
    stand_in     train on the digits, saying so, where the data set is missing and there is no network
    progress     a started `rich.progress.Progress` that gets a task for each download and one for the training

    Raises `data.Missing` and `data.DataError` (a message for the user; nothing was trained), `backend.Unsupported`
    where the backend cannot take part, `kept.OtherRun`, `units.Crashed` and `Interrupted`. An error inside the backend
    is an outcome of the result.
    """
    if seeds < 1:
        raise ValueError(f"training: seeds must be >= 1, got {seeds}")
    notes: list[str] = []
    try:
        given = data.load(recipe.dataset, data_folder, progress)
    except data.Missing as missing:
        if not stand_in:
            raise
        given, recipe = data.load("digits"), stand_in_for(recipe)
        notes.append(f"trained on {given.label}, since {str(missing).splitlines()[0]}")
    before = torch.get_num_threads()
    trains = Trains(recipe, given.name, data_folder, load, max(1, before // jobs), given)
    trains.makes[BACKEND](start(recipe, 0)[0])  # Unsupported is found before anything is trained
    version = version_of(trains.backend)
    what = {
        "torchstone": torchstone.__version__,
        "torch": torch.__version__,
        "backend": (name_of(trains.backend), version),
        "recipe": dataclasses.asdict(recipe),
        "threads": trains.threads,
    }
    result = Result(
        recipe,
        given.label,
        given.source,
        len(given.test[1]),
        given.stand_in,
        name_of(trains.backend),
        version,
        tuple(range(seeds)),
        notes=notes,
    )
    if resume and out and result.read(out):
        return result
    kept = Kept(out / "interrupted", what, resume) if out else None
    where = ["in the first steps"]
    task = progress.add_task(f"train on {given.label}", total=seeds * len(STACKS) * trains.steps) if progress else None

    def tick(steps: int) -> None:
        if progress and task is not None:
            progress.advance(task, steps)

    def one_by_one(units: list[Unit]) -> Iterator[Done]:
        for unit in units:
            where[0] = f"in stack {unit[0]}, seed {unit[1]}"
            yield unit, trains.one(unit, tick)

    def together(units: list[Unit]) -> Iterator[Done]:
        where[0] = "while seeds were trained"
        for done in beside(trains, units, jobs):
            yield done
            tick(trains.steps)

    if jobs == 1:
        trains.ready()
    try:
        makes = {name: trains.makes[name] for name in (BUILTIN, BACKEND)}
        deviations = {BUILTIN: known.declared(backends.load("torch")), BACKEND: known.declared(trains.backend)}
        agreed = agreements(recipe, given, makes, deviations)
        broken = {each.stack: each.reason for each in agreed if each.outcome == "error"}
        units = [(stack, seed) for seed in range(seeds) for stack in STACKS if stack not in broken]
        found = {unit: finished for unit in units if kept and (finished := kept.get(*unit))}
        tick(len(found) * trains.steps)
        left = [unit for unit in units if unit not in found]
        for unit, curve in one_by_one(left) if jobs == 1 else together(left):
            if isinstance(curve, str):
                broken[unit[0]] = curve
                continue
            found[unit] = curve
            if kept:
                kept.put(*unit, curve)
    except KeyboardInterrupt:
        rest = f"what was finished is in {kept.folder}: go on with --resume" if kept else "nothing was written"
        raise Interrupted(f"training: interrupted {where[0]}; {rest}") from None
    finally:
        torch.set_num_threads(before)
    result.curves, result.agreements, result.broken = _by_stack(found, broken, seeds), agreed, broken
    whole = RECIPES[given.name]
    if whole.goal is not None and recipe.goal is None:
        result.notes.append(f"the goal of {whole.goal:.0%} is that of the recipe as it stands, and was not asked for")
    if out and kept:
        result.write(out)
        kept.remove()
    return result


def _by_stack(found: dict[Unit, Curve], broken: dict[str, str], seeds: int) -> dict[str, list[Curve]]:
    return {stack: [found[stack, seed] for seed in range(seeds)] for stack in STACKS if stack not in broken}
