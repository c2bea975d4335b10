"""Miniature liars: backends that are wrong in one way each, to test the tester."""

import torch
from torch import nn, optim

from torchstone.conformance import oracle
from torchstone.conformance.backend import Unsupported
from torchstone.conformance.trace import Entry, Trace


class Wrong:
    """A namespace with torch's names in which every class is wrong in its own way."""

    class Adam(optim.Optimizer):
        """Forgets the bias correction, and takes further options without looking at them."""

        def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, **others):
            super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                beta1, beta2 = group["betas"]
                for param in group["params"]:
                    if param.grad is not None:
                        state = self.state[param]
                        m = state.setdefault("m", torch.zeros_like(param))
                        v = state.setdefault("v", torch.zeros_like(param))
                        m.mul_(beta1).add_(param.grad, alpha=1 - beta1)
                        v.mul_(beta2).addcmul_(param.grad, param.grad, value=1 - beta2)
                        param.addcdiv_(m, v.sqrt().add_(group["eps"]), value=-group["lr"])

    class CrossEntropyLoss(nn.CrossEntropyLoss):
        """Its weighted mean divides by the batch and not by the weights."""

        def forward(self, input, target):
            if self.reduction != "mean":
                return super().forward(input, target)
            loss = nn.functional.cross_entropy(
                input, target, self.weight, None, self.ignore_index, None, "sum", self.label_smoothing
            )
            return loss / max(1, input.numel() // max(1, input.shape[min(1, input.dim() - 1)]))

    class StepLR(optim.lr_scheduler.StepLR):
        """Off by one step."""

        def get_lr(self):
            lrs = [group["lr"] for group in self.optimizer.param_groups]
            hit = self.last_epoch > 1 and self.last_epoch % self.step_size == 1 % self.step_size
            return [lr * self.gamma for lr in lrs] if hit else lrs

    class MSELoss(nn.MSELoss):
        """Gives NaN where numbers are large."""

        def forward(self, input, target):
            loss = super().forward(input, target)
            large = ((input - target).abs() > 5).any() if input.numel() else False
            return loss * float("nan") if large else loss

    class L1Loss(nn.L1Loss):
        """Changes its input."""

        def forward(self, input, target):
            loss = super().forward(input, target)
            with torch.no_grad():
                input.data.copy_(input.data * 0.5)
            return loss

    class Softmax(nn.Softmax):
        """Returns float64 always."""

        def forward(self, input):
            return super().forward(input).double()

    class LogSoftmax(nn.LogSoftmax):
        """Crashes on more than one dimension."""

        def forward(self, input):
            if input.dim() > 1:
                raise KeyError("axis")
            return super().forward(input)

    class NLLLoss(nn.NLLLoss):
        """Returns a number that is no tensor."""

        def forward(self, input, target):
            return float(super().forward(input, target).sum())

    class BCELoss(nn.BCELoss):
        """Returns nothing."""

        def forward(self, input, target):
            super().forward(input, target)

    class SGD(optim.SGD):
        """Forgets its momentum when it is reloaded."""

        def load_state_dict(self, state):
            super().load_state_dict({**state, "state": {}})


class AlwaysWrong:
    """A backend whose every number is off by one."""

    name, version = "always-wrong", "1"

    def play(self, program):
        entries = oracle.play(program, dtype=None).entries
        return Trace(tuple(Entry({n: t + 1 for n, t in entry.tensors.items()}, entry.refusal) for entry in entries))


class OnlyL1:
    """A backend with one component, of which it has one dtype."""

    name, version = "only-l1", "1"

    def play(self, program):
        if program.component != "l1" or program.dtype != "float32":
            raise Unsupported("only l1 in float32")
        return oracle.play(program, dtype=None)


class NotATrace:
    """A backend that answers with something else."""

    name, version = "not-a-trace", "1"

    def play(self, program):
        return {"value": 0.0}


class CannotStart:
    """A backend that fails when it is built."""

    def __init__(self):
        raise RuntimeError("the device is on fire")
