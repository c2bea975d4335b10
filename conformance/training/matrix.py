"""Several optimizers with several schedulers: the recipes of all pairs, and a table of what became of them."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from torchstone.conformance.report.text import markdown
from torchstone.conformance.results import replace
from torchstone.conformance.training import recipe as parts
from torchstone.conformance.training import summary
from torchstone.conformance.training.lockstep import Agreement
from torchstone.conformance.training.recipe import Recipe
from torchstone.conformance.training.result import Result
from torchstone.conformance.training.units import BACKEND, STACKS

COLUMNS = ("optimizer", "scheduler", *(f"accuracy, {stack}" for stack in STACKS), "worst error / budget", "outcome")


def options(texts: Sequence[str]) -> dict[str, Any]:
    """Options written NAME=VALUE. Raises `ValueError` for what is written otherwise."""
    return dict(map(parts.option, texts))


def recipes(
    recipe: Recipe,
    optimizers: Sequence[str],
    given: Mapping[str, Any],
    schedulers: Sequence[str],
    given_schedulers: Mapping[str, Any],
    biases: bool,
) -> dict[str, Recipe]:
    """The recipe with each of these optimizers and each of these schedulers, by the folder for its results.

    Options go to every optimizer, or every scheduler. One that is not named is the recipe's own; what is changed has
    no goal and no published row. Raises `UnknownName` and `ValueError`.
    """
    own = recipe.optimizer
    changed = bool(optimizers or given or schedulers or not biases)
    if given_schedulers and not schedulers:
        raise ValueError(f"training: options of a scheduler need --scheduler, got {', '.join(given_schedulers)}")
    chosen = [parts.optimizer(name, given) for name in optimizers]
    chosen = chosen or [parts.optimizer(own.component, {**own.options, **given})]
    found = {}
    for part in chosen:
        for name in schedulers or [""]:
            scheduler = parts.scheduler(name, given_schedulers, recipe.epochs, part) if name else recipe.scheduler
            each = dataclasses.replace(recipe, optimizer=part, scheduler=scheduler, biases=biases)
            if changed:
                each = dataclasses.replace(each, goal=None, published=None)
            found[_name(each)] = each
    return found if len(found) > 1 else {"": next(iter(found.values()))}


def _name(recipe: Recipe) -> str:
    return "-".join(part.component for part in (recipe.optimizer, recipe.scheduler) if part)


def rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """One row a pair, as text."""
    return [
        (
            result.recipe.optimizer.component,
            result.recipe.scheduler.component if result.recipe.scheduler else "-",
            *(f"{mean(found):.2%}" if (found := result.final(stack, "accuracy")) else "-" for stack in STACKS),
            f"{max((each.worst for each in result.agreements if _judged(each)), default=0.0):.2g}",
            _outcome(result),
        )
        for result in results
    ]


def _judged(each: Agreement) -> bool:
    return each.stack == BACKEND and each.outcome != "known"


def _outcome(result: Result) -> str:
    found = {check.outcome for check in result.checks}
    if result.passed:
        return "accepted, with a declared deviation" if "known" in found else "accepted"
    return "not accepted" if found & {"fail", "error"} else "inconclusive"


def write(results: Sequence[Result], out: Path) -> None:
    """`matrix.md`, the table, and `matrix.json`, with what was decided about each pair."""
    told = [
        {"name": _name(result.recipe), "passed": result.passed, "decision": summary.decision(result)}
        for result in results
    ]
    first = results[0]
    title = f"# {markdown(f'{first.dataset}, backend {first.backend} {first.version}')}\n\n"
    replace(out / "matrix.json", json.dumps(told, indent=1) + "\n")
    replace(out / "matrix.md", title + summary.table(COLUMNS, rows(results)) + "\n")
