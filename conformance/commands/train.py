"""`torchstone train`."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import rich.markup
import rich.progress
import typer
from rich.table import Table

from torchstone.conformance import clauses as spec
from torchstone.conformance.commands import BACKEND, NO_BACKEND, NONCONFORMING, OUT, console, errors, mistake, started


def train(
    run_of: Annotated[
        str, typer.Argument(metavar="DATASET", help="mnist, fashion_mnist, or digits: a stand-in, no download.")
    ],
    backend: Annotated[str, BACKEND] = "torch",
    epochs: Annotated[int | None, typer.Option(min=1, help="By default the recipe's own number.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many runs, with the seeds 0, 1, 2 ...")] = 1,
    optimizer: Annotated[
        list[str] | None, typer.Option(help="In place of the recipe's: a stem or a torch name (repeatable).")
    ] = None,
    lr: Annotated[float | None, typer.Option(help="Its learning rate.")] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Another option of the optimizer (repeatable).")
    ] = None,
    scheduler: Annotated[
        list[str] | None, typer.Option(help="One that steps at the end of every epoch (repeatable).")
    ] = None,
    scheduler_option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="An option of the scheduler (repeatable).")
    ] = None,
    biases: Annotated[bool, typer.Option(help="Whether the layers have biases; Muon takes matrices only.")] = True,
    jobs: Annotated[int, typer.Option(min=1, help="Processes, which share the threads.")] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run; what is finished is not run again.")
    ] = False,
    out: Annotated[Path, typer.Option(help="The folder for training.json, training.md, learning-curves.png.")] = OUT,
    data: Annotated[Path | None, typer.Option(help="The folder that holds mnist/*.gz; else TORCHSTONE_DATA.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Train on this in place of DATASET.")] = None,
    or_digits: Annotated[bool, typer.Option("--or-digits", help="Take the digits where MNIST cannot be had.")] = False,
) -> None:
    """Train a network three ways from the same start: torch's built-ins, the reference, and the backend.

    With several optimizers or schedulers, every one with every other, each in a folder of its own.

    Exit codes: 0 the backend's run is accepted; 1 it is not; 2 the call or the data are mistaken; 3 the backend could
    not be started or cannot take part.
    """
    from torchstone.conformance import backend as backends
    from torchstone.conformance.backend import Unsupported
    from torchstone.conformance.training import data as files_
    from torchstone.conformance.training import matrix, units
    from torchstone.conformance.training import run as training

    chosen = started(backend)
    try:
        recipe = training.recipe_of(dataset or run_of, epochs)
        recipes = matrix.recipes(
            recipe,
            optimizer or [],
            {**({} if lr is None else {"lr": lr}), **matrix.options(option or [])},
            scheduler or [],
            matrix.options(scheduler_option or []),
            biases,
        )
        results = []
        with rich.progress.Progress(console=errors, disable=not errors.is_terminal, transient=True) as progress:
            for name, each in recipes.items():
                result = training.train(
                    each,
                    (lambda: chosen) if jobs == 1 else partial(backends.load, backend),
                    seeds=seeds,
                    jobs=jobs,
                    out=out / name,
                    resume=resume,
                    data_folder=data,
                    stand_in=or_digits,
                    progress=progress,
                )
                results.append(result)
                show_training(result)
                if len(recipes) > 1:
                    matrix.write(results, out)
    except training.Interrupted as interrupted:
        raise mistake(interrupted, 130) from None
    except Unsupported as reason:
        raise mistake(f"{backend} cannot take part: {reason}", NO_BACKEND) from None
    except units.Crashed as crash:
        raise mistake(crash, NONCONFORMING) from None
    except (files_.Missing, files_.DataError, ValueError, spec.UnknownName) as error:
        raise mistake(error) from None
    if len(results) > 1:
        table_of(matrix.COLUMNS, matrix.rows(results), "every optimizer with every scheduler")
    console.print(f"results: {out / ('matrix.md' if len(results) > 1 else 'training.md')}", highlight=False)
    if not all(result.passed for result in results):
        raise typer.Exit(NONCONFORMING)


def show_training(result: Any) -> None:
    """Print what a training run found."""
    from torchstone.conformance.training import summary, units

    table_of(summary.COLUMNS, summary.rows(result, units.STACKS), summary.title(result))
    console.print(summary.decision(result), highlight=False, markup=False)
    for note in result.notes:
        console.print(note, highlight=False, markup=False)
    verdict = "[bold green]accepted[/]" if result.passed else "[bold red]not accepted[/]"
    console.print(rich.markup.escape(f"{result.backend} on {result.dataset}: ") + verdict, highlight=False)
    console.print(f"the reference took {result.cost:.2f} times as long as torch's built-ins", highlight=False)


def table_of(columns: tuple[str, ...], rows: list[tuple[str, ...]], title: str) -> None:
    """Print a table of text that may be hostile."""
    shown = Table(*columns, title=rich.markup.escape(title), title_style="dim", header_style="bold")
    for row in rows:
        shown.add_row(*map(rich.markup.escape, row))
    console.print(shown)
