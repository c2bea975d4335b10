"""`torchstone bench`."""

import enum
import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from torchstone.conformance import clauses as spec
from torchstone.conformance.commands import BACKEND, OUT, console, mistake, started, suite

Grid = enum.StrEnum("Grid", {name: name for name in ("quick", "standard", "thorough")})  # type: ignore[misc]
STANDARD = Grid("standard")


def bench(
    backend: Annotated[list[str] | None, BACKEND] = None,
    component: Annotated[
        list[str] | None, typer.Option(help="Only this component: a stem or a torch name (repeatable).")
    ] = None,
    profile: Annotated[Grid, typer.Option(help="Which sizes are timed, and in how many rounds.")] = STANDARD,
    baseline: Annotated[str, typer.Option(help="The backend that the others are compared with.")] = "torch",
    results: Annotated[
        list[Path] | None, typer.Option(help="A results.jsonl of `torchstone run`, in place of a run (repeatable).")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="How many threads torch may use.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that test conformance.")] = min(os.cpu_count() or 1, 8),
    seed: Annotated[int, typer.Option(help="The same seed gives the same order of turns.")] = 0,
    out: Annotated[Path, typer.Option(help="The folder for benchmark.html, .md and .json.")] = OUT,
    compare: Annotated[
        tuple[Path, Path] | None, typer.Option(metavar="OLD.json NEW.json", help="Find regressions; time nothing.")
    ] = None,
) -> None:
    """Time backends against torch's for-loop, component by component, where they conform.

    Exit codes: 0 done; 1 a component that does not conform has no speed, or, with --compare, a regression; 2 the call
    is mistaken; 3 a backend could not be started.
    """
    try:
        import matplotlib  # noqa: F401
        import pytest_benchmark  # noqa: F401
        import scipy  # noqa: F401
    except ImportError as error:
        raise mistake(f"bench: it needs {error.name} (pip install 'torchstone[bench]')") from None
    from torchstone.conformance.benchmarks import command

    try:
        if compare:
            raise typer.Exit(command.compare(*compare, console))
        stems = [spec.component(name).stem for name in component or ()]
        named = {name: started(name) for name in dict.fromkeys([baseline, *(backend or ["torch"])])}
        tested = partial(suite, profile="smoke" if profile == "quick" else "quick", seed=seed, jobs=jobs)
        status = command.bench(
            named, baseline, backend or ["torch"], stems, profile, results or [], tested, threads, seed, out, console
        )
    except (spec.UnknownName, command.Mistake) as error:
        raise mistake(error) from None
    except KeyboardInterrupt:
        raise mistake("interrupted: nothing was written", 130) from None
    raise typer.Exit(status)
