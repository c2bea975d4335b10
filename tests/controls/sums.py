"""Sums and means in other orders, each with the gradient of a sum."""

import torch


def pairwise(x):
    """The sum of neighbours, and of these sums, until one is left."""
    while x.numel() > 1:
        x = torch.cat([x, x.new_zeros(x.numel() % 2)])
        x = x[0::2] + x[1::2]
    return x.sum()


def kahan(x):
    """One number after the other, with what was lost in the last addition carried on."""
    plain = x.sum()
    if not plain.isfinite() or x.dtype in (torch.float16, torch.bfloat16):
        return plain
    total, lost = x.new_zeros(()), x.new_zeros(())
    for number in x:
        y = number - lost
        more = total + y
        lost = (more - total) - y
        total = more
    return total


def wide(x):
    """In float64, rounded once."""
    return x.double().sum().to(x.dtype)


def blocks(x):
    """Blocks of eight, as a vector unit adds them, and then the eight."""
    padded = torch.cat([x, x.new_zeros(-x.numel() % 8)]).reshape(-1, 8)
    return pairwise(padded.sum(0))


def backwards(x):
    """From the last number to the first, in float64."""
    return x.flip(0).double().cumsum(0)[-1].to(x.dtype) if x.numel() else x.sum()


def welford(x):
    """The mean as it moves with every number, in float64, times how many there are."""
    if x.numel() == 0 or not x.isfinite().all():
        return x.sum()
    mean = torch.zeros((), dtype=torch.float64)
    for k, number in enumerate(x.double(), 1):
        mean = mean + (number - mean) / k
    return (mean * x.numel()).to(x.dtype)


class Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, how):
        ctx.shape = x.shape
        return how(x.reshape(-1))

    @staticmethod
    def backward(ctx, u):
        return u.expand(ctx.shape), None


def reduce(loss, reduction, how, count=None):
    if reduction == "none":
        return loss
    total = Sum.apply(loss, how)
    if reduction == "sum":
        return total
    return total / (loss.numel() if count is None else count)
