"""torch's built-ins: `torch` is the for-loop; `torch:foreach`, `:fused`, `:differentiable` and `:chunked` are its other
codes, and so are `:compile`, traced and run as it is, and `:inductor`, traced and compiled, which take seconds a
program. `torch:float64` is the for-loop where float64 is torch's default dtype."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from torchstone.conformance.backend import UnknownBackend, Unsupported, Work
from torchstone.conformance.backends.torch_like import TorchLike, lookup, parameters
from torchstone.conformance.clauses import component
from torchstone.conformance.program import AddGroup, LossProgram, Program, SetOption, TensorData
from torchstone.conformance.trace import Trace

CODES = ("", "foreach", "fused", "differentiable", "chunked", "compile", "inductor")
DEFAULTS = {"float64": torch.float64}
COMPILERS = {"compile": "eager", "inductor": "inductor"}


class Torch(TorchLike):
    def __init__(self, variant: str = "") -> None:
        super().__init__(torch, f"torch:{variant}" if variant else "torch", "torch", torch.__version__)
        self.default = DEFAULTS.get(variant)
        self.variant = "" if self.default else variant

    def play(self, program: Program) -> Trace:
        if self.default is None:
            return self.checked(program)
        before = torch.get_default_dtype()
        torch.set_default_dtype(self.default)
        try:
            return self.checked(program)
        finally:
            torch.set_default_dtype(before)

    def checked(self, program: Program) -> Trace:
        """The trace, of a program that the code can be asked for."""
        if (
            self.variant == "foreach"
            and getattr(program, "component", "") in ("adam", "adamw")
            and _has_tensors(program)
        ):
            raise Unsupported(
                "Adam takes no tensors as options with foreach unless it is capturable, as it says itself"
            )
        if self.variant == "fused" and _has_shared_memory(program):
            # The kernel takes every gradient to be dense and reads behind the end of one that is expanded.
            raise Unsupported("a fused kernel reads memory that is not the gradient's where its elements share memory")
        if _has_shared_labels(program):
            # The kernel takes the labels of a sample to start where they would in a contiguous target.
            raise Unsupported("CTCLoss reads memory that is not the target's where concatenated labels share memory")
        if self.variant in COMPILERS:
            torch._dynamo.reset()  # after a few programs it would compile no more of the same code, without a word
        return super().play(program)

    def prepare(self, program: Program) -> Work:
        if self.variant in COMPILERS:
            raise Unsupported("what is traced is traced again for each build, and is not timed")
        return super().prepare(program)

    def loss_class(self, stem: str, options: Mapping[str, Any]) -> Any:
        loss = super().loss_class(stem, options)
        if self.variant in COMPILERS:
            return lambda **given: torch.compile(loss(**given), backend=COMPILERS[self.variant])
        if self.variant == "chunked" and "options" in parameters(loss)[0]:
            return partial(loss, options=torch.nn.LinearCrossEntropyOptions())
        if self.variant:
            raise Unsupported(f"{loss.__name__} has no {self.variant} code")
        return loss

    def optimizer_class(self, stem: str, options: Mapping[str, Any]) -> Any:
        optimizer = super().optimizer_class(stem, options)
        if self.variant in COMPILERS:
            return partial(_compiled, optimizer, COMPILERS[self.variant])
        wanted = self.variant or "foreach"
        if not self.variant and wanted not in parameters(optimizer)[0]:
            return optimizer  # there is the for-loop alone
        if wanted not in parameters(optimizer)[0]:
            raise Unsupported(f"{optimizer.__name__} has no {wanted} code")
        built = partial(optimizer, **{wanted: bool(self.variant)})
        return partial(_saving, built) if self.variant == "differentiable" else built

    def gradient_function(self, stem: str, options: Mapping[str, Any]) -> Any:
        if self.variant not in ("", "foreach"):
            raise Unsupported(f"gradients have no {self.variant} code")
        return partial(super().gradient_function(stem, options), foreach=bool(self.variant))

    def average_function(self, stem: str, options: Mapping[str, Any]) -> dict[str, Any]:
        if self.variant not in ("", "foreach"):
            raise Unsupported(f"averages have no {self.variant} code")
        if not self.variant:
            return super().average_function(stem, options)
        several = component(stem).torch_name.replace("avg_fn", "multi_avg_fn")
        return {"multi_avg_fn": lookup(self.namespace, several)(**options)}

    def leaves(self, params: list[Tensor]) -> list[Tensor]:
        return [param.clone() for param in params] if self.variant == "differentiable" else params


def _options(program: Any) -> Iterator[tuple[str, Any]]:
    """Every option of an optimizer program, also of its groups and of those set in mid-run."""
    yield from program.options.items()
    for group in program.groups:
        yield from group.options.items()
    for event in program.events:
        if isinstance(event, SetOption):
            yield event.name, event.value
        elif isinstance(event, AddGroup):
            yield from event.group.options.items()


def _has_tensors(program: Any) -> bool:
    """Whether a rate or a beta is a tensor of one element; others are refused for another reason."""
    values = [item for _, value in _options(program) for item in (value if isinstance(value, tuple) else (value,))]
    return any(isinstance(value, TensorData) and len(value.data) == 1 for value in values)


def _has_shared_memory(program: Any) -> bool:
    """Whether a gradient is expanded."""
    grads = [grad for event in getattr(program, "events", ()) for grad in getattr(event, "grads", ())]
    return any(isinstance(grad, TensorData) and grad.layout == "broadcast" for grad in grads)


def _has_shared_labels(program: Program) -> bool:
    """Whether the labels of several samples, one after the other, are an expanded tensor."""
    if not isinstance(program, LossProgram) or program.component != "ctc":
        return False
    target = program.tensors["target"]
    return target.layout == "broadcast" and len(target.shape) == 1


def _saving(optimizer: Any, groups: list[dict[str, Any]], **options: Any) -> Any:
    """A differentiable optimizer that saves its state as a file would hold it: the numbers without their graph."""
    built = optimizer(groups, **options)
    state_dict = built.state_dict
    built.state_dict = lambda: tree_map_only(Tensor, Tensor.detach, state_dict())
    return built


def _compiled(optimizer: Any, compiler: str, groups: list[dict[str, Any]], **options: Any) -> Any:
    built = optimizer(groups, **options)
    built.step = torch.compile(built.step, backend=compiler)
    return built


def make(variant: str = "") -> Torch:
    known = (*CODES[1:], *DEFAULTS)
    if variant and variant not in known:
        raise UnknownBackend(f"backend: torch's codes are {', '.join(known)}, got {variant!r}")
    return Torch(variant)
