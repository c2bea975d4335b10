"""torch's built-ins: `torch` is the for-loop; `torch:foreach`, `:fused`, `:differentiable` and `:compile` are its
other codes."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from torchstone.conformance.backend import UnknownBackend, Unsupported
from torchstone.conformance.backends.torch_like import TorchLike, parameters

VARIANTS = ("", "foreach", "fused", "differentiable", "compile")


class Torch(TorchLike):
    def __init__(self, variant: str = "") -> None:
        super().__init__(torch, f"torch:{variant}" if variant else "torch", "torch", torch.__version__)
        self.variant = variant

    def loss_class(self, stem: str, options: Mapping[str, Any]) -> Any:
        loss = super().loss_class(stem, options)
        if self.variant == "compile":
            return lambda **given: torch.compile(loss(**given), backend="eager")
        if self.variant:
            raise Unsupported(f"losses have no {self.variant} code")
        return loss

    def optimizer_class(self, stem: str, options: Mapping[str, Any]) -> Any:
        optimizer = super().optimizer_class(stem, options)
        if self.variant == "compile":
            return partial(_compiled, optimizer)
        wanted = self.variant or "foreach"
        if wanted not in parameters(optimizer)[0]:
            raise Unsupported(f"{optimizer.__name__} has no {wanted} code")
        return partial(optimizer, **{wanted: bool(self.variant)})

    def leaves(self, params: list[Tensor]) -> list[Tensor]:
        return [param.clone() for param in params] if self.variant == "differentiable" else params


def _compiled(optimizer: Any, groups: list[dict[str, Any]], **options: Any) -> Any:
    built = optimizer(groups, **options)
    built.step = torch.compile(built.step, backend="eager")
    return built


def make(variant: str = "") -> Torch:
    if variant not in VARIANTS:
        raise UnknownBackend(f"backend: torch's codes are {', '.join(VARIANTS[1:])}, got {variant!r}")
    return Torch(variant)
