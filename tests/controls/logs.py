"""Controls that hang on a logarithm of a sum of exponentials: the softmax family and its losses."""

import torch

from tests.controls import sums
from tests.controls.clothes import in_double, loss
from torchstone.reference import torch_api


def plain(z, axis):
    return z.exp().sum(axis, keepdim=True).log()


def folded(z, axis):
    """log(e^a + e^b) of neighbours, and of these, until one is left."""
    parts = list(z.unbind(axis))
    while len(parts) > 1:
        pairs = [torch.logaddexp(a, b) for a, b in zip(parts[0::2], parts[1::2], strict=False)]
        parts = pairs + parts[len(parts) - len(parts) % 2 :]
    return parts[0].unsqueeze(axis)


def native(z, axis):
    return torch.logsumexp(z, axis, keepdim=True)


def less_one(z, axis):
    """log(1 + the others), where the largest number is 0."""
    first = torch.zeros_like(z, dtype=torch.bool).scatter(axis, z.argmax(axis, keepdim=True), True)
    return torch.log1p(torch.where(first, 0 * z, z.exp()).sum(axis, keepdim=True))


def wide(z, axis):
    return plain(z.double(), axis).to(z.dtype)


class LogSoftmax(torch.autograd.Function):
    """The numbers less the logarithm of their sum of exponentials, with a gradient written down by hand."""

    @staticmethod
    def forward(ctx, x, axis, log_sum):
        y = x.clone()
        if x.numel():
            z = x - x.amax(axis, keepdim=True)
            y = z - log_sum(z, axis)
        ctx.axis = axis
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, u):
        (y,) = ctx.saved_tensors
        return u - y.exp() * u.sum(ctx.axis, keepdim=True), None, None


class Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, axis, add):
        s = x.clone()
        if x.numel():
            e = (x - x.amax(axis, keepdim=True)).exp()
            s = e / add(e, axis)
        ctx.axis = axis
        ctx.save_for_backward(s)
        return s

    @staticmethod
    def backward(ctx, u):
        (s,) = ctx.saved_tensors
        return s * (u - (u * s).sum(ctx.axis, keepdim=True)), None, None


def along(function, x, dim, how):
    """The function along `dim`; without one, along the axis of the legacy guess."""
    axis = dim if dim is not None else 0 if x.dim() in (0, 1, 3) else 1
    if x.dim() == 0:
        return function.apply(x.reshape(1), 0, how).reshape(())
    return function.apply(x, axis, how)


def log_softmax(log_sum):
    return lambda input, dim: along(LogSoftmax, input, dim, log_sum)


def softmax(sign, add):
    return lambda input, dim: along(Softmax, input * sign, dim, add)


def by_exponents(input, dim):
    """The exponential of the logarithm."""
    return along(LogSoftmax, input, dim, plain).exp()


def summed(x, axis):
    return x.sum(axis, keepdim=True)


def summed_pairwise(x, axis):
    parts = list(x.unbind(axis))
    while len(parts) > 1:
        parts = [sum(parts[i : i + 2][1:], parts[i]) for i in range(0, len(parts), 2)]
    return parts[0].unsqueeze(axis)


def summed_wide(x, axis):
    return x.double().sum(axis, keepdim=True).to(x.dtype)


def nothing_of(share, loss):
    """share * loss, where no share of an infinite loss is nothing."""
    return share * torch.where((share == 0) & loss.isinf(), 0.0, loss)


def cross_entropy(log_sum, how):
    """Over log probabilities, with smoothing as a second loss beside that of the class."""

    def compute(input, target, weight, ignore_index, label_smoothing, reduction):
        axis = 0 if input.dim() == 1 else 1
        classes = input.shape[axis]
        lying = [1] * (input.dim() - axis - 1)
        w = torch.ones(classes, dtype=input.dtype) if weight is None else weight
        across = w.reshape(-1, *lying)
        if target.is_floating_point():
            q = target * (1 - label_smoothing) + label_smoothing / classes
            surprise = -along(LogSoftmax, input, axis, log_sum)
            return sums.reduce((across * nothing_of(q, surprise)).sum(axis), reduction, how)
        kept = target != ignore_index
        index = target.masked_fill(~kept, 0)
        surprise = -along(LogSoftmax, input.masked_fill(~kept.unsqueeze(axis), 0), axis, log_sum)
        own = w[index].masked_fill(~kept, 0)
        alone = surprise.gather(axis, index.unsqueeze(axis)).squeeze(axis)
        value = own * alone
        if label_smoothing > 0:
            rest = (
                across * nothing_of(torch.full_like(w, label_smoothing / classes).reshape_as(across), surprise)
            ).sum(axis)
            value = own * nothing_of(torch.full_like(own, 1 - label_smoothing), alone) + rest
        value = value.masked_fill(~kept, 0)
        return sums.reduce(value, reduction, how, own.sum())

    return compute


def nll_by_table(input, target, weight, ignore_index, reduction):
    """Every class is compared with the target, and what is not the target's adds nothing."""
    axis = 0 if input.dim() == 1 else 1
    classes = torch.arange(input.shape[axis]).reshape(-1, *[1] * (input.dim() - axis - 1))
    w = torch.ones_like(classes, dtype=input.dtype) if weight is None else weight.reshape(classes.shape)
    hit = (target.unsqueeze(axis) == classes) & (target != ignore_index).unsqueeze(axis)
    loss = torch.where(hit, -w * input, 0.0).sum(axis)
    return sums.reduce(loss, reduction, sums.pairwise, torch.where(hit, w, 0.0).sum())


def nll_by_flat_index(input, target, weight, ignore_index, reduction):
    """The numbers of the targets are taken out of one long vector of the kept samples."""
    axis = 0 if input.dim() == 1 else 1
    rows = input.movedim(axis, -1).reshape(-1, input.shape[axis])
    flat = target.reshape(-1)
    where = (flat != ignore_index).nonzero().squeeze(1)
    w = torch.ones(input.shape[axis], dtype=input.dtype) if weight is None else weight
    own = w.index_select(0, flat[where])
    found = -own * rows[where, flat[where]]
    if reduction == "none":
        return rows.new_zeros(len(flat)).index_put((where,), found).reshape(target.shape)
    return found.sum() if reduction == "sum" else found.sum() / own.sum()


def linear_cross_entropy(input, target, parameters, weight, ignore_index, label_smoothing, reduction, **sizes):
    """One matrix product over the parameters with the bias as one more column."""
    x, table = torch.atleast_2d(input), parameters["linear.weight"]
    if "linear.bias" in parameters and sizes["bias"]:
        x = torch.cat([x, x.new_ones(len(x), 1)], 1)
        table = torch.cat([table, parameters["linear.bias"].unsqueeze(1)], 1)
    z = torch.einsum("nd,cd->nc", x, table)
    logits = z.reshape(*input.shape[:-1], sizes["num_classes"], *sizes["out_features"])
    compute = cross_entropy(native, sums.pairwise)
    return compute(logits, target, weight, -100 if ignore_index is None else ignore_index, label_smoothing, reduction)


CONTROLS = [
    loss("cross entropy, the exponentials added in float64", "CrossEntropyLoss", cross_entropy(wide, sums.wide)),
    loss("cross entropy by a fold of logaddexp", "CrossEntropyLoss", cross_entropy(folded, sums.pairwise)),
    loss("cross entropy by torch.logsumexp", "CrossEntropyLoss", cross_entropy(native, sums.kahan)),
    loss("cross entropy by log1p of the other classes", "CrossEntropyLoss", cross_entropy(less_one, sums.blocks)),
    loss("cross entropy in float64", "CrossEntropyLoss", in_double(torch_api.CrossEntropyLoss.rule)),
    loss("log softmax by a fold of logaddexp", "LogSoftmax", log_softmax(folded)),
    loss("log softmax by torch.logsumexp", "LogSoftmax", log_softmax(native)),
    loss("log softmax by log1p of the others", "LogSoftmax", log_softmax(less_one)),
    loss("softmax with a gradient by hand", "Softmax", softmax(1, summed_pairwise)),
    loss("softmax as the exponential of its logarithm", "Softmax", by_exponents),
    loss("softmin with sums in float64", "Softmin", softmax(-1, summed_wide)),
    loss("nll by a table of comparisons", "NLLLoss", nll_by_table),
    loss("nll of the kept samples alone", "NLLLoss", nll_by_flat_index),
    loss("linear cross entropy with the bias as a column", "LinearCrossEntropyLoss", linear_cross_entropy),
    loss(
        "adaptive log softmax in float64",
        "AdaptiveLogSoftmaxWithLoss",
        in_double(torch_api.AdaptiveLogSoftmaxWithLoss.rule),
    ),
]
