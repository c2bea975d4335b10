"""The runs that are finished, kept on disk until all are, so that what was interrupted can go on."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

from torchstone.conformance.results import replace
from torchstone.conformance.training.loop import Curve


class OtherRun(ValueError):
    """What was kept is of another run than the one that is asked for."""


class Kept:
    """A folder with a file for each finished run of a stack with a seed, and one that says what they are runs of.

    `resume` goes on with what is there, and raises `OtherRun` where that is of something else; otherwise what is there
    is removed.
    """

    def __init__(self, folder: Path, what: dict[str, Any], resume: bool) -> None:
        self.folder = folder
        told = json.loads(json.dumps(what))
        if resume and folder.is_dir():
            found = json.loads((folder / "what.json").read_text("utf-8"))
            other = [name for name in told if found.get(name) != told[name]]
            if other:
                raise OtherRun(
                    f"training: what is kept in {folder} must be of the same run, got another {', '.join(other)}; "
                    "leave --resume out to begin anew"
                )
            return
        self.remove()
        folder.mkdir(parents=True)
        replace(folder / "what.json", json.dumps(told))

    def get(self, stack: str, seed: int) -> Curve | None:
        file = self._file(stack, seed)
        return Curve(**json.loads(file.read_text("utf-8"))) if file.is_file() else None

    def put(self, stack: str, seed: int, curve: Curve) -> None:
        replace(self._file(stack, seed), json.dumps(dataclasses.asdict(curve)))

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, stack: str, seed: int) -> Path:
        return self.folder / f"{stack}-{seed}.json"
