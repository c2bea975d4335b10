"""The reference playing as a backend: every component in the program's own dtype, with that dtype's honest rounding."""

from collections.abc import Sequence

from torch import Tensor

from torchstone import __version__
from torchstone.conformance import oracle
from torchstone.conformance.program import Program
from torchstone.conformance.trace import Trace
from torchstone.conformance.training.loop import ReferenceTrainer
from torchstone.conformance.training.recipe import Recipe
from torchstone.conformance.training.trainer import Trainer


class Reference:
    name = "reference"
    version = __version__

    def play(self, program: Program) -> Trace:
        return oracle.play(program, dtype=None)

    def trainer(self, recipe: Recipe, params: Sequence[Tensor]) -> Trainer:
        return ReferenceTrainer(recipe, params)


def make() -> Reference:
    return Reference()
