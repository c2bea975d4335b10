"""kl_div: spec/losses/kl_div.md. The Kullback-Leibler divergence from log probabilities, term by term."""

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import broadcastable, reduce


def kl_div(input: Tensor, target: Tensor, *, log_target: bool = False, reduction: str = "mean") -> Tensor:
    floating = input.is_floating_point() and target.is_floating_point()
    require(floating, "kl_div: input and target must have floating dtypes", (input.dtype, target.dtype))  # kl_div.12
    shapes = (tuple(input.shape), tuple(target.shape))
    require(broadcastable(*shapes), "kl_div: the shapes of input and target must broadcast together", shapes)
    never = target == (-torch.inf if log_target else 0)
    y = torch.where(never, 1.0, target)  # keeps the slope finite where it is not chosen
    loss = torch.exp(y) * (y - input) if log_target else y * (torch.log(y) - input)  # kl_div.1 kl_div.2
    loss = torch.where(never, 0.0, loss)  # kl_div.9
    if reduction == "batchmean":
        return loss.sum() / (input.shape[0] if input.dim() else 1)  # kl_div.4
    return reduce(loss, reduction)
