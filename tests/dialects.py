"""An Adam that is written for itself, and computes a dialect."""

from typing import ClassVar

import torch
from torch import optim


class Hat:
    """A namespace with torch's names whose Adam has its epsilon where the paper's shorter form has it."""

    class Adam(optim.Optimizer):
        def __init__(
            self,
            params,
            lr=1e-3,
            betas=(0.9, 0.999),
            eps=1e-8,
            weight_decay=0,
            amsgrad=False,
            maximize=False,
            decoupled_weight_decay=False,
        ):
            options = {name: value for name, value in locals().items() if name not in ("self", "params", "__class__")}
            super().__init__(params, options)

        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                options = {name: value for name, value in group.items() if name not in ("params", "betas")}
                for param in group["params"]:
                    if param.grad is not None:
                        self.move(param, *group["betas"], **options)

        def move(self, param, beta1, beta2, *, lr, eps, weight_decay, amsgrad, maximize, decoupled_weight_decay, **_):
            state = self.state[param]
            grad = -param.grad if maximize else param.grad
            if decoupled_weight_decay:
                param.mul_(1 - lr * weight_decay)
            elif weight_decay != 0:
                grad = grad + weight_decay * param
            t = state["t"] = state.get("t", 0) + 1
            m = state["m"] = beta1 * state.get("m", torch.zeros_like(param)) + (1 - beta1) * grad
            v = state["v"] = beta2 * state.get("v", torch.zeros_like(param)) + (1 - beta2) * grad * grad
            if amsgrad:
                v = state["v_max"] = torch.maximum(state.get("v_max", torch.zeros_like(param)), v)
            param.sub_(lr * (1 - beta2**t) ** 0.5 / (1 - beta1**t) * m / (v.sqrt() + eps))


class Declared(Hat):
    """The same, which says so."""

    dialects: ClassVar = {"Adam": "eps_hat"}


class Misspelt(Hat):
    """The same, which says something that nobody knows."""

    dialects: ClassVar = {"Adam": "eps_cap"}
