"""The physical limit: the bytes that a step must move, and how fast this machine moves bytes.

What comes in is read once, what goes out is written once, and what changes is both: no implementation can move less.
Which tensors an optimizer keeps, and which of them a step changes, is seen on the reference.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from torchstone.conformance import oracle
from torchstone.conformance.benchmarks.cases import FORWARD, TRAINING, Case
from torchstone.conformance.program import LossProgram, OptimizerProgram, Program, SparseData, Step, TensorData
from torchstone.reference.optimizer import defaults

SMALL = 100  # elements of the program on which the reference is watched
LARGEST = 1 << 24  # elements of the largest tensors that are moved: beyond any cache
ROUNDS = 7


def bytes_moved(case: Case) -> int | None:
    """The bytes that a case must move; None where memory is not what limits it: products of matrices, a function that
    is minimised, and schedulers, which move nothing."""
    if case.what == TRAINING or case.kind == "schedulers" or _multiplies(case.component, case.what):
        return None
    program = case.program()
    if isinstance(program, LossProgram):
        return _loss(program, case.elements if _keeps_shape(case.component) else 1)
    assert isinstance(program, OptimizerProgram)
    (event,) = program.events
    return _step(program, event) if isinstance(event, Step) else None


def _loss(program: LossProgram, values: int) -> int:
    read = sum(_size(data) for data in program.tensors.values())
    written = sum(_size(program.tensors[name]) for name in program.differentiate)
    return read + written + values * _width(program.dtype)


def _step(program: OptimizerProgram, event: Step) -> int:
    total = 0
    changed = changing(program.component, any(isinstance(grad, SparseData) for grad in event.grads))
    for grad in event.grads:
        assert grad is not None
        # Of a gradient that stores some rows, these are all that is moved, and their numbers.
        sparse = isinstance(grad, SparseData)
        shape = (len(grad.rows), *grad.shape[1:]) if isinstance(grad, SparseData) else grad.shape
        count = math.prod(shape)
        total += 3 * count * _width(grad.dtype) + 8 * sparse * shape[0]
        state = _state(program.component, shape, grad.dtype, sparse)
        total += sum(2 * size for name, size in state.items() if name in changed)
    return total


@cache
def changing(stem: str, sparse: bool = False) -> frozenset[str]:
    """The names of the tensors in an optimizer's state that its third step changes."""
    generator = torch.Generator().manual_seed(0)
    after = list(_states(stem, [torch.randn(4, 3, generator=generator) for _ in range(4)], sparse))
    return frozenset(n for n, leaf in after[2].items() if n in after[1] and not torch.equal(leaf, after[1][n]))


@cache
def _state(stem: str, shape: tuple[int, ...], dtype: str, sparse: bool) -> dict[str, int]:
    """The bytes of each tensor in the state of a parameter after a step."""
    ones = torch.ones(shape, dtype=getattr(torch, dtype))
    return {name: leaf.nbytes for name, leaf in next(_states(stem, [ones, ones], sparse)).items()}


def _states(stem: str, tensors: Sequence[Tensor], sparse: bool) -> Iterator[dict[str, Tensor]]:
    """The tensors in the state after each step: the first tensor is the parameter, the others are its gradients."""
    rule = oracle.rule("optimizers", stem)
    param, *grads = tensors
    state: Any = rule.init(param)
    for grad in grads:
        param, state = rule.update(param, grad.to_sparse(1) if sparse else grad, state, **defaults(rule))
        yield {name: leaf for name, leaf in state._asdict().items() if isinstance(leaf, Tensor) and leaf.dim()}


def _small(stem: str, what: str) -> Program:
    return Case(stem, what, "float32", SMALL).program()


@cache
def _multiplies(stem: str, what: str) -> bool:
    """Whether a component multiplies matrices, which takes more than to move them."""
    with FlopCounterMode(display=False) as counter:
        oracle.play(_small(stem, what), dtype=None)
    return bool(counter.get_total_flops() > 0)


@cache
def _keeps_shape(stem: str) -> bool:
    """Whether the value of a loss is as large as its first tensor, and not one number."""
    return oracle.play(_small(stem, FORWARD), dtype=None).value.numel() == SMALL


def _size(data: TensorData) -> int:
    return math.prod(data.shape) * _width(data.dtype)


def _width(dtype: str) -> int:
    size: int = getattr(torch, dtype).itemsize
    return size


@dataclass(frozen=True)
class Roof:
    """The least time to move bytes, at sizes from a few hundred bytes to what no cache holds."""

    bytes: tuple[float, ...]
    seconds: tuple[float, ...]

    @property
    def bandwidth(self) -> float:
        """Bytes a second, of memory."""
        return self.bytes[-1] / self.seconds[-1]

    def time(self, moved: float) -> float:
        """The least seconds that it takes to move so many bytes: between two sizes on a line of both logarithms."""
        if moved >= self.bytes[-1]:
            return moved / self.bandwidth
        return float(np.exp(np.interp(np.log(moved), np.log(self.bytes), np.log(self.seconds))))


def measured_roof(largest: int = LARGEST) -> Roof:
    """Time the fastest of copy, scaling in place and triad (McCalpin 1995), each by the median of a few rounds."""
    sizes = [2**k for k in range(6, largest.bit_length(), 2)]
    found = []
    for n in sizes:
        a, b, c = (torch.ones(n) for _ in range(3))
        kernels = ((8, lambda a, b, c: a.copy_(b)), (8, lambda a, b, c: a.mul_(1.0)), (12, _triad))
        moved = 8 * n  # each kernel's time is that of as many bytes
        found.append((moved, min(_time(kernel, a, b, c) * 8 / each for each, kernel in kernels)))
    seconds = np.minimum.accumulate([taken for _, taken in reversed(found)])[::-1]  # to move less takes no longer
    return Roof(tuple(float(moved) for moved, _ in found), tuple(map(float, seconds)))


def _triad(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return torch.add(b, c, alpha=3.0, out=a)


def _time(kernel: Any, *tensors: Tensor) -> float:
    loops = max(1, 100_000 // tensors[0].numel())
    taken = []
    for _ in range(ROUNDS + 1):
        start = perf_counter()
        for _ in range(loops):
            kernel(*tensors)
        taken.append((perf_counter() - start) / loops)
    return median(taken[1:])
