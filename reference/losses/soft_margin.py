"""soft_margin: spec/losses/soft_margin.md. The logistic loss of an answer that is labelled 1 or -1."""

from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import check_floating, reduce
from torchstone.reference.losses.bce_with_logits import softplus


def soft_margin(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    check_floating(input)
    same, shape = target.shape == input.shape, tuple(input.shape)
    require(same, f"soft_margin: target must have shape {shape}", tuple(target.shape))  # soft_margin.9
    return reduce(softplus(-target * input), reduction)  # soft_margin.1 soft_margin.2
