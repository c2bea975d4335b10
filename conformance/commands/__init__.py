"""The commands of `torchstone`, one a file, and what they share. Nothing here imports torch before it is needed."""

import enum
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from torchstone.conformance.plugin import PROFILES

NONCONFORMING, MISTAKE, NO_BACKEND = 1, 2, 3

console = Console(emoji=False)  # `:one:` may be in the name of a backend
errors = Console(stderr=True, emoji=False)

Profile = enum.StrEnum("Profile", {name: name for name in PROFILES})  # type: ignore[misc]
QUICK = Profile("quick")
OUT = Path("torchstone-results")
BACKEND = typer.Option(
    "--backend", "-b", help="NAME, NAME:REST, torch-like:package.module[:attribute] or package.module:object."
)


def mistake(message: object, code: int = MISTAKE) -> typer.Exit:
    """Say what is wrong with a call, and leave with its exit code."""
    errors.print(str(message), style="red", markup=False, highlight=False, soft_wrap=True)
    return typer.Exit(code)


def started(backend: str) -> Any:
    """The backend, or an exit with a message that says what to write, or what went wrong in it."""
    import traceback

    from torchstone.conformance import backend as backends

    try:
        return backends.load(backend)
    except backends.UnknownBackend as unknown:
        raise mistake(unknown) from None
    except Exception:
        raise mistake(f"backend: {backend} could not be started:\n{traceback.format_exc()}", NO_BACKEND) from None


def suite(backend: str, out: Path, stems: list[str], *, profile: str, seed: int, jobs: int = 1) -> list[str]:
    """The command that plays the suite in pytest, in several processes if asked, without what only slows it."""
    return [
        *(sys.executable, "-m", "pytest", "--pyargs", "torchstone.conformance"),
        *("-c", str(files("torchstone.conformance") / "pytest.ini"), "-p", "no:cacheprovider", "-p", "no:terminal"),
        *("-p", "no:logging", "-p", "no:unraisableexception", "-p", "no:benchmark"),
        "--assert=plain",  # a failure is told from the ledger: rewriting every assertion would cost seconds
        *(f"--backend={backend}", f"--torchstone-profile={profile}", f"--hypothesis-seed={seed}"),
        *(f"--torchstone-out={out}", "--torchstone-quiet"),
        *(f"--torchstone-component={stem}" for stem in stems),
        *(["-n", str(jobs), "--dist", "worksteal"] if jobs > 1 else []),
    ]
