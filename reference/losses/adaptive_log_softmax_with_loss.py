"""adaptive_log_softmax_with_loss: spec/losses/adaptive_log_softmax_with_loss.md.

The log probability of the true class among very many: of its cluster, and of the class in it (Grave et al. 2017).
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import check_floating
from torchstone.reference.losses.log_softmax import log_softmax

NAME = "adaptive_log_softmax_with_loss"


class Result(NamedTuple):
    """The loss, the log probability of each target and of every class, and that of the likeliest class."""

    loss: Tensor
    output: Tensor
    log_prob: Tensor
    predicted: Tensor


def log_prob(input: Tensor, parameters: Mapping[str, Tensor], *, cutoffs: Sequence[int], **_: Any) -> Tensor:
    """The log probability of every class for each sample of a batch."""
    head = input @ parameters["head.weight"].T + parameters.get("head.bias", 0)
    s0, first = log_softmax(head, dim=1), cutoffs[0]
    parts = [s0[:, :first]]
    for i in range(len(cutoffs)):
        z = input @ parameters[f"tail.{i}.0.weight"].T @ parameters[f"tail.{i}.1.weight"].T
        parts += [s0[:, first + i, None] + log_softmax(z, dim=1)]  # adaptive_log_softmax_with_loss.11
    return torch.cat(parts, dim=1)  # adaptive_log_softmax_with_loss.3


def check(*, n_classes: int, cutoffs: Sequence[int], div_value: float, **_: Any) -> None:
    edges = [0, *cutoffs, n_classes]
    sizes = [high - low for low, high in itertools.pairwise(edges)]
    increase = len(cutoffs) > 0 and all(size >= 1 and size % 1 == 0 for size in sizes)
    rule = f"{NAME}: cutoffs must be whole numbers that increase from 1 or more to less than n_classes"
    require(increase, rule, cutoffs)  # adaptive_log_softmax_with_loss.17
    require(div_value > 0, f"{NAME}: div_value must be > 0", div_value)  # adaptive_log_softmax_with_loss.20


def adaptive_log_softmax_with_loss(
    input: Tensor,
    target: Tensor,
    parameters: Mapping[str, Tensor],
    *,
    in_features: int,
    n_classes: int,
    cutoffs: Sequence[int],
    div_value: float = 4.0,
    head_bias: bool = False,
) -> Result:
    """The parameters are `head.weight`, `head.bias` and, for cluster i = 0, 1 ..., `tail.i.0.weight` and
    `tail.i.1.weight`."""
    check(n_classes=n_classes, cutoffs=cutoffs, div_value=div_value)
    check_floating(input)
    shape, rows = tuple(input.shape), tuple(target.shape)
    fit = len(rows) < 2 and shape == (*rows, in_features)
    rule = f"{NAME}: input and target must have the shapes (N, {in_features}) and (N), or one sample's"
    require(fit, rule, (shape, rows))  # adaptive_log_softmax_with_loss.19
    classes = ((target >= 0) & (target < n_classes)).all()
    require(classes, f"{NAME}: a target must lie in [0, {n_classes})", target)  # adaptive_log_softmax_with_loss.18
    every = log_prob(torch.atleast_2d(input), parameters, cutoffs=cutoffs)  # adaptive_log_softmax_with_loss.8
    output = every.gather(1, target.reshape(-1, 1)).reshape(rows)  # adaptive_log_softmax_with_loss.1
    return Result(-output.mean(), output, every, every.amax(1))  # adaptive_log_softmax_with_loss.2
