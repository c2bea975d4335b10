"""ctc: spec/losses/ctc.md. Minus the log probability of labels, over all their alignments with the frames.

The forward variables of Graves et al. (2006), section 4.1, in log space.
"""

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import check_floating, reduce


def ctc(
    input: Tensor,
    target: Tensor,
    input_lengths: Tensor,
    target_lengths: Tensor,
    *,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    check_floating(input)
    require(input.dim() in (2, 3), "ctc: input must have two or three dimensions", input.dim())  # ctc.16
    x = input if input.dim() == 3 else input.unsqueeze(1)
    require(0 <= blank < x.shape[2], f"ctc: blank must lie in [0, {x.shape[2]})", blank)  # ctc.17
    frames, lengths = (checked(x, t, input.dim()) for t in (input_lengths, target_lengths))
    rows = labels(target, lengths)
    fits = all(0 <= n <= x.shape[0] for n in frames)
    require(fits, f"ctc: input lengths must lie in [0, {x.shape[0]}]", frames)  # ctc.15
    for row in rows:
        known = ((row >= 0) & (row < x.shape[2]) & (row != blank)).all()
        require(known, f"ctc: labels must lie in [0, {x.shape[2]}) and not be {blank}", row)  # ctc.14
    each = [surprise(x[:t, n], row, blank) for n, (t, row) in enumerate(zip(frames, rows, strict=True))]
    loss = torch.stack(each) if each else x.sum((0, 2))
    loss = torch.where(loss == torch.inf, 0.0, loss) if zero_infinity else loss  # ctc.9
    if reduction == "mean":
        loss = loss / torch.tensor(lengths, dtype=torch.int64).clamp(min=1)  # ctc.6
    return reduce(loss if input.dim() == 3 else loss[0], reduction)


def surprise(x: Tensor, row: Tensor, blank: int) -> Tensor:
    """The loss of one sample: its frames and its labels."""
    pairs = torch.stack([torch.full_like(row, blank), row], 1).flatten()
    states = torch.cat([pairs, torch.tensor([blank])])  # blanks before, between and after the labels
    skips = (states != blank) & (states != moved(states, 2, blank))
    start = torch.where(torch.arange(len(states)) == 0, 0.0, -torch.inf).to(x.dtype)
    a = start + x[:0].sum()  # before the first frame: no frames are 0, and the loss depends on x all the same
    for frame in x:
        stay, step, skip = a, moved(a, 1, -torch.inf), torch.where(skips, moved(a, 2, -torch.inf), -torch.inf)
        a = log_sum(torch.stack([stay, step, skip])) + frame[states]  # ctc.1
    return -log_sum(a[-2:])  # ctc.1


def moved(vector: Tensor, places: int, filling: float) -> Tensor:
    """The vector moved to the right."""
    return torch.cat([torch.full((places,), filling, dtype=vector.dtype), vector])[: len(vector)]


def log_sum(logs: Tensor) -> Tensor:
    """The logarithm of the sum of numbers whose logarithms are given, along the first axis."""
    top = logs.detach().amax(0)
    top = torch.where(top == -torch.inf, 0.0, top)
    total = torch.exp(logs - top).sum(0)
    none = total == 0
    return torch.where(none, -torch.inf, top + torch.log(torch.where(none, 1.0, total)))  # ctc.9 ctc.12


def checked(x: Tensor, lengths: Tensor, dims: int) -> list[int]:
    """The lengths of all samples."""
    whole = not lengths.is_floating_point()
    require(whole, "ctc: lengths must have an integer dtype", lengths.dtype)  # ctc.18
    shape, batch = tuple(lengths.shape), (x.shape[1],)
    require(shape == batch or (dims == 2 and shape == ()), f"ctc: lengths must have shape {batch}", shape)  # ctc.16
    return [int(n) for n in lengths.reshape(-1)]


def labels(target: Tensor, lengths: list[int]) -> list[Tensor]:
    """The labels of each sample, from a target that is padded or concatenated."""
    require(not target.is_floating_point(), "ctc: target must have an integer dtype", target.dtype)  # ctc.18
    require(all(n >= 0 for n in lengths), "ctc: target lengths must be >= 0", lengths)  # ctc.15
    if target.dim() == 2:
        fits = len(target) == len(lengths) and all(n <= target.shape[1] for n in lengths)
        require(fits, f"ctc: target lengths must fit into {tuple(target.shape)}", lengths)  # ctc.15
        return [row[:n] for row, n in zip(target, lengths, strict=True)]
    fits = target.dim() == 1 and sum(lengths) == len(target)
    require(fits, f"ctc: target lengths must add up to {tuple(target.shape)}", lengths)  # ctc.15
    return list(target.split(lengths))  # ctc.5
