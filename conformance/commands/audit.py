"""`torchstone audit`."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from torchstone.conformance import clauses as spec
from torchstone.conformance.commands import NONCONFORMING, OUT, QUICK, Profile, mistake, suite


def audit(
    component: Annotated[
        list[str] | None, typer.Option(help="Only variants of this component: a stem or a torch name (repeatable).")
    ] = None,
    corpus: Annotated[
        str | None, typer.Option(help="A package with MUTANTS and CONTROLS, in place of the suite's own variants.")
    ] = None,
    profile: Annotated[Profile, typer.Option(help="How many programs each test plays.")] = QUICK,
    seed: Annotated[int, typer.Option(help="The same seed gives the same programs.")] = 0,
    sample: Annotated[int, typer.Option(min=1, help="Only every so manieth variant.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = min(os.cpu_count() or 1, 8),
    out: Annotated[Path, typer.Option(help="The folder for audit.json and audit.md.")] = OUT,
) -> None:
    """Test the suite: play it against components with known mistakes until a test notices.

    Exit codes: 0 every mistake was noticed and nothing correct accused; 1 not so; 2 the call is mistaken.
    """
    from torchstone.conformance import detection

    try:
        stems = [spec.component(name).stem for name in component or ()]
    except spec.UnknownName as unknown:
        raise mistake(unknown) from None
    if corpus and not _importable(corpus):
        raise mistake(f"corpus: there must be a package of this name, got {corpus!r}")
    out.mkdir(parents=True, exist_ok=True)
    command = [
        *suite("reference", out, stems, profile=profile, seed=seed),
        *("-p", "no:xdist"),
        *([f"--torchstone-corpus={corpus}"] if corpus else []),
        f"--torchstone-sample={sample}",
    ]
    try:
        found = detection.gather([[*command, f"--torchstone-audit={part}/{jobs}"] for part in range(jobs)], out)
    except KeyboardInterrupt:
        raise mistake("interrupted: nothing was written", 130) from None
    except subprocess.CalledProcessError:
        raise mistake("a part of the audit did not come to its end; what it says stands above", NONCONFORMING) from None
    asked = [f"--component {stem}" for stem in stems] + [f"--corpus {corpus}"] * bool(corpus)
    asked += [f"--profile {profile}"] * (profile != QUICK) + [f"--seed {seed}"] * (seed != 0)
    asked += [f"--sample {sample}"] * (sample > 1)
    raise typer.Exit(detection.show(*found, out, " ".join(["torchstone audit", *asked])))


def _importable(name: str) -> bool:
    """Whether there is a module of this name, beside the working directory too."""
    sys.path.insert(0, "")
    try:
        return importlib.util.find_spec(name) is not None
    except (ModuleNotFoundError, ValueError):
        return False
    finally:
        sys.path.remove("")
