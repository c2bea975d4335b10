"""Programs: what a backend is asked to do, as plain frozen data with every number in it.

A program is made of dataclasses, strings, numbers, booleans, None, tuples and dicts, so that it can be stored, printed,
sent to another language and played again. `to_json` and `from_json` are the only other form it has.
"""

import dataclasses
import itertools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

Options = Mapping[str, Any]  # bool, int, float, str, None, TensorData, Function, or a tuple of these

KINDS: dict[str, type] = {}


def _kind(cls: type) -> type:
    """Register a dataclass under the name that its JSON form carries."""
    KINDS[re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()] = cls
    return cls


@_kind
@dataclass(frozen=True)
class TensorData:
    """A tensor as plain data: its values in row-major order, and how they lie in memory.

    `layout` is `contiguous`, `transposed` (stored in column-major order), `strided` (every second element of a larger
    buffer) or `broadcast` (the first axis has stride 0, so all its slices are equal).
    """

    dtype: str
    shape: tuple[int, ...]
    data: tuple[float, ...]
    layout: str = "contiguous"

    def __post_init__(self) -> None:
        if len(self.data) != math.prod(self.shape):
            raise ValueError(f"tensor: shape {self.shape} holds {math.prod(self.shape)} values, got {len(self.data)}")

    @classmethod
    def of(cls, tensor: Tensor) -> "TensorData":
        """The values of a torch tensor, contiguous."""
        dtype = str(tensor.dtype).removeprefix("torch.")
        return cls(dtype, tuple(tensor.shape), tuple(tensor.detach().reshape(-1).tolist()))

    def torch(self, dtype: torch.dtype | None = None) -> Tensor:
        """As a torch tensor that owns its memory, in its own dtype and layout, or contiguous in `dtype`."""
        values = torch.tensor(self.data, dtype=dtype or getattr(torch, self.dtype)).reshape(self.shape)
        return values if dtype else in_layout(values, self.layout)


@_kind
@dataclass(frozen=True)
class SparseData:
    """A gradient that stores some of its rows, the slices along its first axis, and nothing of the others.

    `rows` says which, in any order; a row that is there several times is the sum of its values, which `data` holds one
    row after the other.
    """

    dtype: str
    shape: tuple[int, ...]
    rows: tuple[int, ...]
    data: tuple[float, ...]

    def __post_init__(self) -> None:
        count = len(self.rows) * math.prod(self.shape[1:])
        if len(self.data) != count:
            raise ValueError(f"sparse: {len(self.rows)} rows of {self.shape} hold {count} values, got {len(self.data)}")

    def torch(self, dtype: torch.dtype | None = None) -> Tensor:
        """As a sparse tensor in coordinate format, in its own dtype or another; coalesced if its rows are in order."""
        values = torch.tensor(self.data, dtype=dtype or getattr(torch, self.dtype))
        ordered = all(row < following for row, following in itertools.pairwise(self.rows))
        return torch.sparse_coo_tensor(
            torch.tensor([self.rows], dtype=torch.int64),
            values.reshape(len(self.rows), *self.shape[1:]),
            self.shape,
            is_coalesced=ordered,
            check_invariants=True,
        )


Gradient = TensorData | SparseData


def in_layout(values: Tensor, layout: str) -> Tensor:
    """The same values, laid out in memory in another way."""
    if layout == "transposed":
        axes = tuple(reversed(range(values.dim())))
        return values.permute(axes).contiguous().permute(axes)
    if layout == "strided" and values.dim():
        buffer = values.repeat_interleave(2, dim=-1)
        return buffer[..., ::2]
    if layout == "broadcast" and values.dim() and values.shape[0]:
        return values[:1].clone().expand(values.shape)
    return values


@_kind
@dataclass(frozen=True)
class Function:
    """A function as plain data: of a whole number, one of those that spec/scheduler.md lists, and its numbers; of two
    tensors, one of the distances that spec/losses/triplet_margin_with_distance.md lists; or of a vector, one of the
    objectives that spec/optimizers/lbfgs.md lists, and its numbers."""

    name: str
    numbers: tuple[float, ...] = ()

    def __call__(self, x: Any, y: Any = None) -> Any:
        match self.name, self.numbers:
            case "manhattan", ():
                return (x - y).abs().sum(-1)
            case "squared", ():
                return ((x - y) ** 2).sum(-1)
            case "one_sided", ():
                return (x - y).clamp(min=0).sum(-1)
            case "linear", (slope,):
                return (slope * x).sum()
            case "quadratic", (scale, center):
                return (scale * (x - center) ** 2).sum() / 2 + x.sum() ** 2 / 2
            case "hyperbola", (center,):
                return (1 + (x - center) ** 2).sqrt().sum()
            case "valley", (depth,):
                return ((1 - x) ** 2).sum() + (depth * (x[1:] - x[:-1] ** 2) ** 2).sum()
            case "wells", (width,):
                return (x**4 / 4 - width * x**2 / 2).sum()
            case "waves", (height, frequency):
                return (x**2 / 2 + height * (frequency * x).cos()).sum()
            case "table", values:
                return values[min(x, len(values) - 1)]
            case "power", (factor, base):
                return factor * base**x
            case "inverse", (factor, slope):
                return factor / (1 + slope * x)
        raise ValueError(f"function: it must be one that the spec lists, got {self!r}")


@_kind
@dataclass(frozen=True)
class LossProgram:
    """Compute a loss, then its gradient for an upstream gradient.

    `tensors` are in the order of the call; those whose name has a dot, such as `linear.weight`, are the parameters that
    the loss has itself. `upstream` is repeated over the value's elements in row-major order. With nothing to
    differentiate only the value is asked for.
    """

    component: str
    options: Options
    tensors: Mapping[str, TensorData]
    differentiate: tuple[str, ...] = ()
    upstream: tuple[float, ...] = (1.0,)

    @property
    def dtype(self) -> str:
        return next(iter(self.tensors.values())).dtype

    @property
    def arguments(self) -> dict[str, TensorData]:
        """The tensors of the call."""
        return {name: data for name, data in self.tensors.items() if "." not in name}

    @property
    def parameters(self) -> dict[str, TensorData]:
        """The tensors that are parameters of the loss itself."""
        return {name: data for name, data in self.tensors.items() if "." in name}

    def upstream_for(self, count: int) -> list[float]:
        return [self.upstream[i % len(self.upstream)] for i in range(count)]

    def exact(self, name: str) -> Tensor:
        """An input in float64 (integers stay integers)."""
        tensor = self.tensors[name]
        return tensor.torch(torch.float64 if is_float(tensor.dtype) else None)

    def with_options(self, **options: Any) -> "LossProgram":
        return dataclasses.replace(self, options={**self.options, **options})

    def with_tensors(self, **tensors: TensorData) -> "LossProgram":
        return dataclasses.replace(self, tensors={**self.tensors, **tensors})


@_kind
@dataclass(frozen=True)
class Group:
    """Parameters that share options; what is not named here has the optimizer's default."""

    params: tuple[TensorData, ...]
    options: Options = field(default_factory=dict)


@_kind
@dataclass(frozen=True)
class Step:
    """One optimizer step, with a gradient or None for each parameter in the order of the groups."""

    grads: tuple[Gradient | None, ...]


@_kind
@dataclass(frozen=True)
class StepWithClosure:
    """One step through a closure that sets these gradients and returns this loss; the step must return the loss."""

    grads: tuple[Gradient | None, ...]
    loss: float


@_kind
@dataclass(frozen=True)
class Minimize:
    """One step through a closure that computes this function of all parameters, end to end in one vector, and its
    gradient; the step must return the loss that the closure computed first."""

    objective: Function


@_kind
@dataclass(frozen=True)
class SetOption:
    """Change an option of one group between two steps."""

    group: int
    name: str
    value: Any


@_kind
@dataclass(frozen=True)
class AddGroup:
    """Add a parameter group to a running optimizer."""

    group: Group


@_kind
@dataclass(frozen=True)
class SaveAndReload:
    """Save the state, build everything anew with the arguments it was first built with, and load the state.

    With `of` one of `optimizer` and `schedulers` nothing is built anew: their state is loaded into themselves.
    """

    of: str = "all"


@_kind
@dataclass(frozen=True)
class ScheduleStep:
    """One step of a scheduler (of the one with this index, where there are several), with a metric where it takes
    one, or to a given epoch where it can."""

    metric: float | None = None
    index: int = 0
    epoch: float | None = None


Event = Step | StepWithClosure | Minimize | SetOption | AddGroup | SaveAndReload | ScheduleStep


@_kind
@dataclass(frozen=True)
class OptimizerProgram:
    """Build an optimizer over groups of parameters, then let events happen."""

    component: str
    options: Options
    groups: tuple[Group, ...]
    events: tuple[Event, ...] = ()

    @cached_property
    def dtype(self) -> str:
        return next((param.dtype for group in self.groups for param in group.params), "float64")


@_kind
@dataclass(frozen=True)
class ScheduleProgram:
    """Build a scheduler over groups with these base learning rates, then let events happen.

    To resume, `options` has `last_epoch` and `lrs` are the rates in force.
    """

    component: str
    options: Options
    base_lrs: tuple[float, ...]
    lrs: tuple[float, ...] | None = None
    events: tuple[Event, ...] = ()
    dtype = "float64"


@_kind
@dataclass(frozen=True)
class Schedule:
    """A scheduler inside a training program."""

    component: str
    options: Options


@_kind
@dataclass(frozen=True)
class TrainingProgram:
    """An optimizer and the schedulers that drive its learning rates, with their events in any interleaving."""

    component: str
    options: Options
    groups: tuple[Group, ...]
    schedules: tuple[Schedule, ...]
    events: tuple[Event, ...] = ()

    @cached_property
    def dtype(self) -> str:
        return next((param.dtype for group in self.groups for param in group.params), "float64")


@_kind
@dataclass(frozen=True)
class GradientProgram:
    """Change, in place, the gradients of some parameters, of which a parameter may have none."""

    component: str
    options: Options
    grads: tuple[TensorData | None, ...]

    @cached_property
    def dtype(self) -> str:
        return next((grad.dtype for grad in self.grads if grad is not None), "float64")


@_kind
@dataclass(frozen=True)
class Average:
    """Take the model, whose parameters and buffers have these values now, into the average."""

    params: tuple[TensorData, ...]
    buffers: tuple[TensorData, ...] = ()


@_kind
@dataclass(frozen=True)
class AverageProgram:
    """Build an average of a model that has these parameters and buffers, then let events happen."""

    component: str
    options: Options
    params: tuple[TensorData, ...]
    buffers: tuple[TensorData, ...] = ()
    events: tuple[Average | SaveAndReload, ...] = ()

    @cached_property
    def dtype(self) -> str:
        return next((tensor.dtype for tensor in (*self.params, *self.buffers)), "float64")


Program = LossProgram | OptimizerProgram | ScheduleProgram | TrainingProgram | GradientProgram | AverageProgram


def is_float(dtype: str) -> bool:
    return dtype.startswith(("float", "bfloat"))


def to_json(value: Any) -> Any:
    """The JSON form: dataclasses become objects with their `kind`, NaN and infinities become strings."""
    if dataclasses.is_dataclass(value):
        kind = next(name for name, cls in KINDS.items() if cls is type(value))
        return {"kind": kind, **{f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}}
    if isinstance(value, Mapping):
        return {name: to_json(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def from_json(value: Any) -> Any:
    """The program that `to_json` was given."""
    if isinstance(value, dict):
        fields = {name: from_json(item) for name, item in value.items() if name != "kind"}
        return KINDS[value["kind"]](**fields) if "kind" in value else fields
    if isinstance(value, list):
        return tuple(from_json(item) for item in value)
    return float(value) if value in ("nan", "inf", "-inf") else value


def stems(value: Any) -> set[str]:
    """The components that a program plays, those inside others included."""
    if isinstance(value, list | tuple):
        return set().union(*map(stems, value))
    own = {value.component} if hasattr(value, "component") else set()
    options = stems(tuple(value.options.values())) if own else set()
    return own | options | stems(getattr(value, "schedules", ()))
