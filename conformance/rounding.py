"""Random rounding: the model of spec/accuracy.md as a torch dispatch mode.

Inside `with Rounding(...)` every inexact elementary operation on float64 tensors gets the error that the dtype under
test could have given it. What several such runs spread over is what an honest implementation may be off by.
"""

import math
from functools import cache, lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from torchstone.reference.precision import NARROWEST

# Signs at random, magnitudes between one half and one: drawn once, read from a different place by every run.
_random = np.random.default_rng(0)
_size = 1 << 16
NOISE = _random.choice((-1.0, 1.0), _size) * _random.uniform(0.5, 1.0, _size)

DOUBLE = torch.finfo(torch.float64).eps / 2
SMALLEST = math.nextafter(0.0, 1.0)

# Operations with no rounding error: they move, select or compare numbers, or change only signs.
EXACT = frozenset(
    """
    _local_scalar_dense _reshape_alias _sparse_coo_tensor_with_dims_and_tensors _to_copy _to_dense _unsafe_view abs
    alias amax amin arange argmax argmin as_strided bitwise_and bitwise_not bitwise_or broadcast_tensors cat ceil
    clamp clamp_max clamp_min clone constant_pad_nd copy copy_ detach diagonal empty empty_like empty_strided eq
    expand fill fill_ flip floor full full_like gather ge gt index index_fill index_select indices is_coalesced
    is_same_size isfinite isinf isnan item le lift lift_fresh logical_and logical_not logical_or lt masked_fill max
    maximum min minimum narrow ne neg new_empty new_empty_strided new_full new_ones new_zeros ones ones_like permute
    relu repeat round scalar_tensor scatter select select_backward sgn sign signbit slice slice_backward sort split
    squeeze stack t transpose unbind unsqueeze value_selecting_reduction_backward view view_as where zero_ zeros
    zeros_like
    """.split()
)
# Where there is one number on each side, the course of a computation may hang on it.
COMPARISONS = frozenset("eq ge gt le lt ne".split())
# Operations that choose between numbers, as those do.
CHOICES = COMPARISONS | frozenset(
    "amax amin argmax ceil clamp clamp_max clamp_min floor max maximum min minimum relu round sgn sign sort".split()
)
# Operations whose error depends on an order of summation nobody prescribes: their inputs are perturbed one by one,
# for what cancels, and the result for what the partial sums have in common.
REDUCTIONS = frozenset(
    "sum mean prod cumsum logsumexp norm linalg_vector_norm var std mm bmm addmm dot mv nansum".split()
)
# Operations that can lose a number to underflow in float64, in which the runs are made.
PRODUCTS = frozenset("mul div pow".split())
# Operations that reach infinity from finite arguments at a pole, and not because a number is too large.
POLES = frozenset("log log1p log2 log10 reciprocal rsqrt div pow digamma lgamma xlogy".split())


class Rounding(TorchDispatchMode):
    """Perturb by the roundoff of `dtype`. `run` chooses the noise; the same `run` gives the same numbers."""

    def __init__(self, dtype: torch.dtype, run: int) -> None:
        super().__init__()
        self.dtype = dtype
        self.keeps_subnormals = run % 2 == 1  # some machines do, others flush them to zero
        self.alike = run % 4 == 2  # equal numbers are rounded equally, and in a sum of them that does not average out
        self.interpolates = run % 4 in (1, 2)  # a moving mean is computed from the distance of both
        self.outwards = run % 4 > 1  # what the chain rule begins with is multiplied last
        self.cuts = run % 8 in (4, 5)  # what is too small for the dtype is zero, everywhere, and not only now and then
        # No error at random lets a difference vanish, and honest rounding does: to the nearest number of the dtype. (In
        # float64 that is how the exact numbers are computed.)
        self.to_nearest = run in (1, 7) and dtype is not torch.float64
        self.round_to(None)
        self.position = (run * 7919) % _size
        self.margins: list[float] = []
        self.chooses = False

    def round_to(self, narrowest: torch.dtype | None) -> None:
        """Take the coarser of the dtype under test and the one that the reference allows where it is."""
        infos = [torch.finfo(self.dtype), torch.finfo(narrowest or self.dtype)]
        self.narrowest = narrowest
        self.unit_roundoff = max(info.eps for info in infos) / 2
        self.tiny = max(info.tiny for info in infos)
        self.underflow = self.tiny * (self.unit_roundoff if self.keeps_subnormals else 1.0)
        self.largest = min(info.max for info in infos)

    def chosen(self) -> dict[str, Any]:
        """Of what an entry of a trace says: what was compared since this was asked before."""
        found = {"margins": tuple(self.margins), "chooses": self.chooses}
        self.margins, self.chooses = [], False
        return found

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing here is ever compiled, and the guard for it would cost an import of seconds and more than the
        noise."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kind, mutable = _kind(func)
        if self.narrowest is not NARROWEST.get():
            self.round_to(NARROWEST.get())
        if name == "_coalesce":
            return self.coalesced(args[0])
        size = self.unit_roundoff
        if kind == "reduction":
            size *= 1 + math.log2(max(1, _reduced(name, args)))
            args = tuple(self.moved(arg, size) if isinstance(arg, Tensor) else arg for arg in args)
        if name == "pow" and isinstance(args[1], float):
            args = (args[0], self.exponent(args[1]))
        result = func(*args, **kwargs) if kwargs else func(*args)
        if kind == "exact":
            self.chooses |= name in CHOICES
            if name in COMPARISONS and result.dim() == 0:
                one, other = (arg.item() if isinstance(arg, Tensor) else float(arg) for arg in args)
                self.margins.append(one - other)
            elif name == "lift_fresh" and result.dim() == 0:
                scalar(result)  # a number that enters a computation is a scalar and not data
            elif name == "lift_fresh" and self.cuts and result.dtype is torch.float64:
                result[result.abs() < self.underflow] = 0.0
        elif type(result) is Tensor and result.dtype is torch.float64:
            unit = None if result.dim() else _unit(args)  # scalars have no dimensions
            if self.dtype is torch.float64 and name in PRODUCTS:
                _unlost(result, args)
            self.perturb(result.numpy(), unit or size, name, args)
            if unit and not mutable:
                scalar(result, unit)
        return result

    def exponent(self, exact: float) -> float:
        """An exponent as a number of the dtype, whose rounding a small base enlarges."""
        # In float64 it came rounded already, and one that float32 has too most likely came exactly.
        held = torch.float32 if self.dtype is torch.float64 else self.dtype
        rounded = torch.tensor(exact, dtype=held).item()
        if rounded == exact or self.to_nearest:
            return rounded
        return float(exact * (1 + self.noise(1, self.unit_roundoff).item()))

    def moved(self, exact: Tensor, unit: float) -> Tensor:
        """A perturbed copy."""
        copy = exact.detach().clone(memory_format=torch.contiguous_format)
        if copy.dtype is torch.float64:
            self.perturb(copy.numpy(), unit, "mul", (copy,))
        return copy

    def coalesced(self, sparse: Tensor) -> Tensor:
        """A sparse tensor with its repeated rows added up, as a reduction does; those stored once stay as they are."""
        rows, which, counts = sparse._indices().unique(dim=1, return_inverse=True, return_counts=True)
        exact = sparse._values()
        size = self.unit_roundoff * (1 + math.log2(int(counts.max())))
        moved = self.moved(exact, size)
        zeros = exact.new_zeros(len(counts), *exact.shape[1:])
        sums = zeros.index_add(0, which, moved)
        self.perturb(sums.numpy(), size, "sum", (exact,))
        repeated = (counts > 1).reshape(-1, *[1] * (exact.dim() - 1))
        values = torch.where(repeated, sums, zeros.index_add(0, which, exact))
        return torch.sparse_coo_tensor(rows, values, sparse.shape, is_coalesced=True, check_invariants=True)

    def perturb(self, values: Any, unit: float, name: str, args: tuple[Any, ...]) -> None:
        """Move, in place, by up to `unit` relatively and by what underflow loses absolutely, never across zero.

        What exceeds the largest number of the dtype may become infinite or stay there: half of the runs do each.
        """
        if not values.size:
            return
        scalars = unit < self.unit_roundoff  # whose dtype is a wider one: nothing of theirs underflows
        if self.to_nearest and not scalars:
            numbers = torch.from_numpy(values)
            for dtype in (self.dtype, self.narrowest or self.dtype):
                numbers.copy_(numbers.to(dtype))
            return
        tiny, underflow = (0.0, 0.0) if scalars else (self.tiny, self.underflow)
        if values.size == 1:
            number, error = values.item(), self.noise(1, unit).item()
            if 16 * tiny < abs(number) * unit and abs(number) < self.largest / 2:
                values.fill(number + number * error)  # the common case below, for one number
                return
        values = values.reshape(1) if values.ndim == 0 else values
        size = np.abs(values)
        relative = self.noise(values.size, unit)
        relative = relative if values.ndim == 1 else relative.reshape(values.shape)
        if _least(size) * unit > 16 * tiny and _most(size) < self.largest / 2:
            values += values * relative  # the common case, in few operations
            return
        moves = size > 0  # an exact zero stays one
        if not _most(size) < self.largest / 2:
            self._beyond(size, values, relative, name, args)
            moves &= np.isfinite(size)
            size[~moves] = 0.0
        if self.cuts:
            size += relative * size
            size[size < underflow] = 0.0
        else:
            size += relative * (size + underflow / unit)
        np.copyto(values, np.copysign(np.maximum(size, 0.0), values), where=moves)

    def _beyond(self, size: Any, values: Any, noise: Any, name: str, args: tuple[Any, ...]) -> None:
        """Decide what becomes of numbers too large for the dtype; what was infinite or NaN before stays as it is."""
        beyond = (size > self.largest) & np.isfinite(values)
        if name not in POLES and all(bool(arg.isfinite().all()) for arg in args if isinstance(arg, Tensor)):
            beyond |= np.isinf(values)
        size[beyond] = np.where(noise[beyond] > 0, np.inf, self.largest)
        values[beyond] = np.copysign(size[beyond], values[beyond])

    def noise(self, count: int, unit: float) -> Any:
        """The next `count` relative errors, from the start of the pool again where it ends; or one for all of them."""
        if self.alike and count > 1:
            return np.full(count, self.noise(1, unit)[0])
        if count > _size:
            return np.resize(_errors(unit), count)
        if self.position + count > _size:
            self.position = (self.position + count) % 97
        self.position += count
        return _errors(unit)[self.position - count : self.position]


def _unlost(product: Tensor, factors: tuple[Any, ...]) -> None:
    """Put the smallest number where a product of numbers that are not zero is: it is no exact zero."""
    lost = product == 0
    if lost.any():
        for factor in factors[:2]:
            lost &= torch.as_tensor(factor, dtype=torch.float64) != 0
        product.copy_(torch.where(lost, torch.full_like(product, SMALLEST).copysign(product), product))


def _least(size: Any) -> float:
    """The smallest of some numbers >= 0. (A list is faster than numpy where they are few.)"""
    return float(np.minimum.reduce(size, axis=None)) if size.size > 32 else min(size.ravel().tolist())


def _most(size: Any) -> float:
    """A bound of them, which is NaN where one of them is."""
    return float(np.maximum.reduce(size, axis=None)) if size.size > 32 else sum(size.ravel().tolist())


@lru_cache(64)
def _errors(unit: float) -> Any:
    """The pool as relative errors. The runs are in float64, whose own rounding must not swallow them."""
    return NOISE * unit if unit > 4 * DOUBLE else np.copysign(np.maximum(np.abs(NOISE) * unit, 2 * DOUBLE), NOISE)


@cache
def _kind(func: Any) -> tuple[str, str, bool]:
    """The name of an operation, how its error is modelled, and whether it writes into its first argument."""
    name = func.overloadpacket.__name__
    kind = "exact" if name in EXACT else "reduction" if name in REDUCTIONS else "elementwise"
    return name, kind, func._schema.is_mutable


def _unit(args: tuple[Any, ...]) -> float | None:
    """The unit roundoff of an operation on scalars alone, the coarsest of theirs; None where there are data among
    them."""
    units = [getattr(arg, "unit_roundoff", 0.0) for arg in args if isinstance(arg, Tensor)]
    return max(units) if units and all(units) else None


class Scalar(float):
    """A number computed with in float64, whatever the dtype of the data: its arithmetic has that rounding.

    Where 1 - b is computed too, b is the weight of a moving mean b * m + (1 - b) * g, and half of the runs compute
    that as m - (1 - b) * m + (1 - b) * g, as those do that write m + (1 - b) * (g - m). (What is infinite stays so.)
    """

    rounding: Rounding
    is_weight: bool

    def __new__(cls, value: float, rounding: Rounding) -> "Scalar":
        number = super().__new__(cls, value)
        number.rounding, number.is_weight = rounding, False
        return number

    def __rsub__(self, other: Any) -> Any:
        self.is_weight |= other == 1
        return _minuend(self, other)

    def __mul__(self, other: Any) -> Any:
        if self.is_weight and float(self) != 0 and self.rounding.interpolates and isinstance(other, Tensor):
            return torch.where(other.isinf(), other, other - (1 - self) * other)
        return _product(self, other)

    def __neg__(self) -> "Scalar":
        return Scalar(-float(self), self.rounding)

    def cos(self) -> "Scalar":
        return self.rounded(math.cos(self) if math.isfinite(self) else math.nan)

    def rounded(self, result: float) -> "Scalar":
        """The next number above or below; an exact zero stays one."""
        towards = math.copysign(math.inf, self.rounding.noise(1, DOUBLE)[0])
        return Scalar(math.nextafter(result, towards) if result else result, self.rounding)


def _rounding(name: str) -> Any:
    exact = getattr(float, name)

    def operation(self: Scalar, other: Any) -> Any:
        try:
            result = exact(self, other)
        except (ZeroDivisionError, OverflowError):  # where tensors have infinities
            with np.errstate(all="ignore"):
                result = float(getattr(np.float64(self), name)(float(other)))
        return self.rounded(result) if isinstance(result, float) else result  # a tensor knows what to do

    return operation


_minuend, _product = _rounding("__rsub__"), _rounding("__mul__")
for _name in ("add", "radd", "sub", "rmul", "truediv", "rtruediv", "pow", "rpow"):
    setattr(Scalar, f"__{_name}__", _rounding(f"__{_name}__"))


def scalar(tensor: Tensor, unit_roundoff: float = DOUBLE) -> Tensor:
    """Mark a tensor of no dimensions as a scalar: what is computed from scalars alone has their precision."""
    tensor.unit_roundoff = unit_roundoff  # type: ignore[attr-defined]
    return tensor


def _reduced(name: str, args: tuple[Any, ...]) -> int:
    """How many terms a reduction adds up for one element of its result."""
    shape, at = args[0].shape, 2 if name.endswith("norm") else 1  # a norm takes its degree before the axes
    if len(args) > 1 and isinstance(args[1], Tensor):
        return int(shape[-1]) if shape else 1
    dims = (
        args[at]
        if len(args) > at and isinstance(args[at], list | tuple | int) and args[at] != []
        else range(len(shape))
    )
    return math.prod(shape[dim] for dim in ([dims] if isinstance(dims, int) else dims)) if shape else 1
