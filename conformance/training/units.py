"""Runs of one stack with one seed, one after the other or several at a time."""

import ctypes
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch

from torchstone.conformance.backend import Backend
from torchstone.conformance.training import data, loop
from torchstone.conformance.training.data import Dataset
from torchstone.conformance.training.loop import Builtin, Curve, Make, Played, ReferenceTrainer, around
from torchstone.conformance.training.recipe import Recipe

BUILTIN, REFERENCE, BACKEND = STACKS = ("built-in", "reference", "backend")
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT = 1 << 28

Load = Callable[[], Backend]  # picklable where there are several processes
Unit = tuple[str, int]  # a stack and a seed
Done = tuple[Unit, Curve | str]  # its curve, or what went wrong


class Crashed(Exception):
    """A process of a parallel run died."""


@dataclass(frozen=True)
class Trains:
    """What it takes to train. All of it can be sent to another process; the data and the backend are loaded there."""

    recipe: Recipe
    dataset: str
    folder: Path | None
    load: Load
    threads: int
    loaded: Dataset | None = None

    @cached_property
    def given(self) -> Dataset:
        return self.loaded or data.load(self.dataset, self.folder)

    @cached_property
    def backend(self) -> Backend:
        return self.load()

    @property
    def steps(self) -> int:
        """Of one run."""
        return self.recipe.epochs * -(-len(self.given.train[1]) // self.recipe.batch)

    @cached_property
    def makes(self) -> dict[str, Make]:
        """How each stack is made from its parameters."""
        recipe = self.recipe
        return {
            BUILTIN: lambda params: Builtin(recipe, params),
            REFERENCE: lambda params: Played(recipe, params, lambda p: ReferenceTrainer(recipe, p)),
            BACKEND: around(self.backend, recipe),
        }

    def one(self, unit: Unit, tick: Callable[[int], None]) -> Curve | str:
        """A run of one stack; where its components raise, what they said. `tick` is told of every step."""
        stack, seed = unit
        try:
            return loop.train(self.recipe, self.given, seed, self.makes[stack], tick)
        except Exception as error:  # whatever a backend raises is its outcome and not the end of the run
            return f"seed {seed}: {type(error).__name__}: {error}"

    def ready(self) -> None:
        """Compute with as many threads as this has, and keep memory."""
        torch.set_num_threads(self.threads)
        keep_memory()


def keep_memory() -> None:
    """Let freed blocks stay with the process: the reference allocates at every step, and mapping memory is slow."""
    try:
        mallopt = ctypes.CDLL(None).mallopt  # the GNU C library's; elsewhere there is nothing to do
    except (AttributeError, OSError, TypeError):
        return
    for option in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
        mallopt(option, KEPT)


def beside(trains: Trains, units: Sequence[Unit], jobs: int) -> Iterator[Done]:
    """Several runs at a time, in processes of their own, as they come to their end."""
    spawning = multiprocessing.get_context("spawn")  # a copy of a process with threads may hang
    bare = replace(trains, loaded=None)
    with ProcessPoolExecutor(jobs, spawning, _begin, (bare,)) as pool:
        try:
            asked = {pool.submit(_one, unit): unit for unit in units}
            for done in as_completed(asked):
                yield asked[done], done.result()
        except BrokenProcessPool:
            raise Crashed("training: no process may die while it trains, but one did; --jobs 1 shows where") from None
        finally:
            for process in multiprocessing.active_children():
                process.terminate()


_own: list[Trains] = []  # in a process of `beside`


def _begin(trains: Trains) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one ends it
    trains.ready()
    _own.append(trains)


def _one(unit: Unit) -> Curve | str:
    return _own[0].one(unit, lambda steps: None)
