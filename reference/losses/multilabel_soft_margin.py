"""multilabel_soft_margin: spec/losses/multilabel_soft_margin.md. The mean over the classes of bce_with_logits."""

from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import check_floating, part, reduce
from torchstone.reference.losses.bce_with_logits import softplus


def multilabel_soft_margin(
    input: Tensor, target: Tensor, *, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    check_floating(input)
    shape, y = tuple(input.shape), target.to(input.dtype)
    same = input.dim() > 0 and target.shape == shape
    require(same, f"multilabel_soft_margin: target must have shape {shape}", y.shape)  # multilabel_soft_margin.12
    loss = part(y, softplus(-input)) + part(1 - y, softplus(input))  # multilabel_soft_margin.6
    if weight is not None:
        fits = tuple(weight.shape) == shape[-1:]
        rule = f"multilabel_soft_margin: weight must have shape {shape[-1:]}"
        require(fits, rule, tuple(weight.shape))  # multilabel_soft_margin.13
        loss = weight * loss
    return reduce(loss.sum(-1) / shape[-1], reduction)  # multilabel_soft_margin.1 multilabel_soft_margin.3
