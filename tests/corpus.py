"""A corpus as others bring one: what an audit must notice and must not."""

from types import SimpleNamespace
from typing import Any

import torch


class Late(torch.optim.lr_scheduler.StepLR):
    """A staircase whose steps come one too late."""

    def get_lr(self) -> list[Any]:
        self.last_epoch -= 1
        try:
            return super().get_lr()
        finally:
            self.last_epoch += 1


class Faulty:
    SGD, StepLR = torch.optim.SGD, Late


MUTANTS = [SimpleNamespace(id="late", component="StepLR", backend=Faulty)]
CONTROLS = [SimpleNamespace(id="the reference", component="step", backend="torchstone.reference.torch_api")]
