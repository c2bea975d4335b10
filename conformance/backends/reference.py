"""The reference playing as a backend: every component in the program's own dtype, with that dtype's honest rounding."""

from torchstone import __version__
from torchstone.conformance import oracle
from torchstone.conformance.program import Program
from torchstone.conformance.trace import Trace


class Reference:
    name = "reference"
    version = __version__

    def play(self, program: Program) -> Trace:
        return oracle.play(program, dtype=None)


def make() -> Reference:
    return Reference()
