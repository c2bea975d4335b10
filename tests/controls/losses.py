"""Controls for the losses that look at numbers, pairs and alignments."""

import math

import torch

from tests.controls import sums
from tests.controls.clothes import in_double, loss
from tests.controls.logs import nothing_of
from torchstone.reference import torch_api


class SquaredError(torch.autograd.Function):
    """The square of a difference, with the gradient by hand."""

    @staticmethod
    def forward(ctx, e):
        ctx.save_for_backward(e)
        return e * e

    @staticmethod
    def backward(ctx, u):
        (e,) = ctx.saved_tensors
        return (e + e) * u


class Softplus(torch.autograd.Function):
    """log(1 + e^x), whose slope is the logistic function."""

    @staticmethod
    def forward(ctx, x, how):
        ctx.save_for_backward(x)
        return how(x)

    @staticmethod
    def backward(ctx, u):
        (x,) = ctx.saved_tensors
        return u * torch.sigmoid(x), None


def by_absolute(x):
    return x.clamp(min=0) + torch.log1p(torch.exp(-x.abs()))


def by_logaddexp(x):
    return torch.logaddexp(x, torch.zeros_like(x))


def by_log_sigmoid(x):
    return -torch.nn.functional.logsigmoid(-x)


class CutLog(torch.autograd.Function):
    """max(log(x), -100) and its slope: none where it is cut."""

    @staticmethod
    def forward(ctx, x, log, whole):
        y = log(x)
        ctx.save_for_backward(whole(x), y >= -100)
        return y.clamp(min=-100)

    @staticmethod
    def backward(ctx, u):
        whole, kept = ctx.saved_tensors
        return torch.where(kept, u / whole, 0.0), None, None


class Huber(torch.autograd.Function):
    """The area under a line that stops rising at delta."""

    @staticmethod
    def forward(ctx, e, delta):
        ctx.delta = delta
        ctx.save_for_backward(e)
        cut = e.abs().clamp(max=delta)
        return cut * (e.abs() - cut / 2)

    @staticmethod
    def backward(ctx, u):
        (e,) = ctx.saved_tensors
        return u * e.clamp(-ctx.delta, ctx.delta), None


def l1(input, target, reduction):
    """The larger of the difference and its opposite; where both are 0 the two slopes cancel."""
    return sums.reduce(torch.maximum(input - target, target - input), reduction, sums.kahan)


def mse_welford(input, target, reduction):
    return sums.reduce(SquaredError.apply(input - target), reduction, sums.welford)


def mse_blocks(input, target, reduction):
    return sums.reduce(torch.square(input - target), reduction, sums.blocks)


def huber(input, target, delta, reduction):
    return sums.reduce(Huber.apply(input - target, delta), reduction, sums.pairwise)


def smooth_l1(input, target, beta, reduction):
    """The part of the error below beta, and the rest."""
    error = (input - target).abs()
    if beta == 0:
        return sums.reduce(error, reduction, sums.backwards)
    cut = error.clamp(max=beta)
    return sums.reduce((cut / beta) * (error - cut / 2), reduction, sums.backwards)


def bce(input, target, weight, reduction):
    yes = CutLog.apply(input, torch.log, lambda x: x)
    no = CutLog.apply(-input, torch.log1p, lambda x: 1 + x)
    value = torch.addcmul(-target * yes, target - 1, no)
    return sums.reduce(value if weight is None else value * weight, reduction, sums.wide)


def bce_with_logits(softplus):
    def compute(input, target, weight, pos_weight, reduction):
        yes, no = Softplus.apply(-input, softplus), Softplus.apply(input, softplus)
        yes = nothing_of(target, yes)
        value = nothing_of(1 - target, no) + (yes if pos_weight is None else pos_weight * yes)
        return sums.reduce(value if weight is None else value * weight, reduction, sums.pairwise)

    return compute


def multilabel_soft_margin(input, target, weight, reduction):
    """Minus the logarithms of the two sigmoids."""
    y = target.to(input.dtype)
    log_sigmoid = torch.nn.functional.logsigmoid
    value = -(nothing_of(y, log_sigmoid(input)) + nothing_of(1 - y, log_sigmoid(-input)))
    value = value if weight is None else value * weight
    return sums.reduce(value.mean(-1), reduction, sums.kahan)


def soft_margin(input, target, reduction):
    return sums.reduce(Softplus.apply(-(target * input), by_logaddexp), reduction, sums.welford)


def kl_div(input, target, log_target, reduction):
    """Every element is computed, and those that count for nothing are then taken out, before and after."""
    never = target == -math.inf if log_target else target == 0
    y = target.masked_fill(never, 0.0 if log_target else 1.0)
    x = input.masked_fill(never, 0.0)
    p, log_p = (y.exp(), y) if log_target else (y, y.log())
    value = (-p * (x - log_p)).masked_fill(never, 0.0)
    if reduction == "batchmean":
        return sums.reduce(value, "sum", sums.pairwise) / (len(input) if input.dim() else 1)
    return sums.reduce(value, reduction, sums.pairwise)


def hinge_embedding(input, target, margin, reduction):
    """A clamp has the slope of the line at its end."""
    return sums.reduce(torch.where(target == 1, input, (margin - input).clamp(min=0)), reduction, sums.blocks)


def margin_ranking(input1, input2, target, margin, reduction):
    return sums.reduce(torch.clamp_min(target * (input2 - input1) + margin, 0), reduction, sums.kahan)


def multi_margin(input, target, p, margin, weight, reduction):
    """Class after class."""
    rows, labels = torch.atleast_2d(input), target.reshape(-1)
    own = rows[torch.arange(len(rows)), labels]
    total = torch.zeros_like(own)
    for c in range(rows.shape[1]):
        z = margin - own + rows[:, c]
        near = torch.where((labels == c) | (z <= 0), 0.0, z)
        total = total + (near if p == 1 else near * near)
    value = total / rows.shape[1]
    value = value if weight is None else value * weight[labels]
    return sums.reduce(value.reshape(target.shape), reduction, sums.pairwise)


def multilabel_margin(input, target, reduction):
    """Sample after sample, label after label."""
    rows, values = torch.atleast_2d(input), []
    for row, listed in zip(rows, torch.atleast_2d(target).tolist(), strict=True):
        labels = listed[: listed.index(-1)] if -1 in listed else listed
        others = [i for i in range(len(row)) if i not in labels]
        total = row.new_zeros(()) * row.detach().nan_to_num(0, 0, 0).sum() + 0 * row[:0].sum()
        for label in labels:
            z = 1 - row[label] + row[others]
            total = total + torch.where(z <= 0, 0.0, z).sum()
        values.append(total / max(len(row), 1))
    value = torch.stack(values) if values else rows.sum(1)
    return sums.reduce(value.reshape(input.shape[:-1]), reduction, sums.wide)


def gaussian_nll(input, target, var, full, eps, reduction):
    """The quotient of the error and the standard deviation, squared."""
    var = var.unsqueeze(-1) if var.shape == input.shape[:-1] and var.shape != input.shape else var
    low = var.detach() < eps
    v = var + torch.where(low, eps - var.detach(), 0.0)
    v = torch.where(low, v - v.detach() + eps, v)
    error = input - target
    value = (torch.log(v) + error * (error / v)) / 2
    return sums.reduce(value + math.log(math.sqrt(2 * math.pi)) if full else value, reduction, sums.wide)


def cosine_embedding(input1, input2, target, margin, reduction):
    """Vectors are first made of moderate length by a power of two, which rounds nothing."""

    def scaled(x):
        top = x.detach().abs().amax(-1, keepdim=True)
        top = torch.where(top < 1e-6, torch.full_like(top, 1e-6), top)
        scale = torch.where(top.isfinite(), torch.exp2(torch.frexp(top).exponent.to(x.dtype) - 1), top)
        z = x / scale
        return z, torch.sqrt((z * z).sum(-1) + (1e-6 / scale.squeeze(-1)) ** 2)

    (z1, r1), (z2, r2) = scaled(input1), scaled(input2)
    cos = ((z1 / r1.unsqueeze(-1)) * (z2 / r2.unsqueeze(-1))).sum(-1)
    return sums.reduce(torch.where(target == 1, 1 - cos, torch.clamp_min(cos - margin, 0)), reduction, sums.kahan)


def triplet_distance(x, y, p, eps):
    """The differences over the largest of them, so that no power is too large or too small."""
    e = ((x - y) + eps).abs()
    top = e.detach().amax(-1, keepdim=True)
    if p == math.inf:
        return e.amax(-1)
    usable = (top > 0) & top.isfinite()
    total = ((e / torch.where(usable, top, 1.0)) ** p).sum(-1)
    apart = total != 0
    root = torch.where(apart, torch.where(apart, total, 1.0) ** (1 / p), 0.0)
    return root * torch.where(usable, top, 1.0).squeeze(-1)


def triplet_margin(anchor, positive, negative, margin, p, eps, swap, reduction):
    near, far = triplet_distance(anchor, positive, p, eps), triplet_distance(anchor, negative, p, eps)
    if swap:
        far = torch.minimum(far, triplet_distance(positive, negative, p, eps))
    return sums.reduce(torch.clamp_min(margin + (near - far), 0), reduction, sums.pairwise)


def triplet_margin_with_distance(anchor, positive, negative, distance_function, margin, swap, reduction):
    d = distance_function or (lambda x, y: triplet_distance(x, y, 2.0, 1e-6))
    near, far = d(anchor, positive), d(anchor, negative)
    if swap:
        far = -torch.maximum(-far, -d(positive, negative))
    return sums.reduce(torch.clamp_min(margin + (near - far), 0), reduction, sums.wide)


def poisson_nll(input, target, log_input, full, eps, reduction):
    """In float64, with the logarithm of the factorial put together otherwise."""
    x, y = input.double(), target.to(input.dtype).double()
    if log_input:
        value = x.exp() - nothing_of(y, x)
    else:
        none = (y == 0) & (x + eps == 0)
        value = x - y * torch.log(torch.where(none, 1.0, x + eps))
    if full:
        large = y > 1
        safe = torch.where(large, y, 1.0)
        value = value + torch.where(large, (safe + 0.5) * safe.log() - safe + math.log(2 * math.pi) / 2, 0.0)
    return sums.reduce(value, reduction, sums.pairwise).to(input.dtype)


def ctc(input, target, input_lengths, target_lengths, blank, reduction, zero_infinity):
    """The backward variables in place of the forward ones: the same sum from the last frame to the first."""
    x = input if input.dim() == 3 else input.unsqueeze(1)
    frames, lengths = input_lengths.reshape(-1).tolist(), target_lengths.reshape(-1).tolist()
    rows = [r[:n] for r, n in zip(target, lengths, strict=True)] if target.dim() == 2 else target.split(lengths)
    losses = []
    for n, (count, row) in enumerate(zip(frames, rows, strict=True)):
        states = [blank]
        for label in row.tolist():
            states += [label, blank]
        lowest = x.new_full((), -math.inf)
        zero = x[:0].sum()
        b = [zero if s >= len(states) - 2 else lowest for s in range(len(states))]
        for t in range(count - 1, -1, -1):
            frame = [x[t, n, state] + b[s] for s, state in enumerate(states)] if t < count - 1 else None
            if frame is None:
                b = [x[t, n, state] + b[s] for s, state in enumerate(states)]
                continue
            step = []
            for s, state in enumerate(states):
                reach = b[s : s + 2]
                if s + 2 < len(states) and states[s + 2] not in (blank, state):
                    reach = [*reach, b[s + 2]]
                step.append(log_sum(reach) + x[t, n, state])
            b = step
        first = b[:2] if count else ([zero] if len(states) == 1 else [lowest + zero])
        losses.append(-log_sum(first))
    loss = torch.stack(losses) if losses else x.sum((0, 2))
    loss = torch.where(loss == math.inf, 0.0, loss) if zero_infinity else loss
    if reduction == "mean":
        loss = loss / torch.tensor(lengths, dtype=torch.int64).clamp(min=1)
    return sums.reduce(loss if input.dim() == 3 else loss[0], reduction, sums.pairwise)


def log_sum(logs):
    x = torch.stack(logs)
    top = x.detach().amax()
    if top == -math.inf:
        return torch.where(torch.ones((), dtype=torch.bool), -math.inf, 0 * x.nan_to_num(0, 0, 0).sum()).to(x.dtype)
    return top + torch.log(torch.exp(x - top).sum())


CONTROLS = [
    loss("l1 as a maximum, Kahan's sum", "L1Loss", l1),
    loss("mse with a gradient by hand and Welford's mean", "MSELoss", mse_welford),
    loss("mse in blocks of eight", "MSELoss", mse_blocks),
    loss("huber as an area, with a gradient by hand", "HuberLoss", huber),
    loss("smooth l1 by a clamp", "SmoothL1Loss", smooth_l1),
    loss("bce with cut logarithms as functions of their own", "BCELoss", bce),
    loss("bce with logits by max and log1p", "BCEWithLogitsLoss", bce_with_logits(by_absolute)),
    loss("bce with logits by logaddexp", "BCEWithLogitsLoss", bce_with_logits(by_logaddexp)),
    loss("bce with logits by the logarithm of a sigmoid", "BCEWithLogitsLoss", bce_with_logits(by_log_sigmoid)),
    loss("multilabel soft margin by two log sigmoids", "MultiLabelSoftMarginLoss", multilabel_soft_margin),
    loss("soft margin by logaddexp and Welford's mean", "SoftMarginLoss", soft_margin),
    loss("kl div with the unused elements taken out", "KLDivLoss", kl_div),
    loss("hinge embedding by a clamp", "HingeEmbeddingLoss", hinge_embedding),
    loss("margin ranking by a clamp", "MarginRankingLoss", margin_ranking),
    loss("multi margin class after class", "MultiMarginLoss", multi_margin),
    loss("multilabel margin sample after sample", "MultiLabelMarginLoss", multilabel_margin),
    loss("gaussian nll by a quotient", "GaussianNLLLoss", gaussian_nll),
    loss("poisson nll in float64", "PoissonNLLLoss", poisson_nll),
    loss("cosine embedding scaled by powers of two", "CosineEmbeddingLoss", cosine_embedding),
    loss("triplet margin scaled by the largest difference", "TripletMarginLoss", triplet_margin),
    loss("triplet margin with distance, scaled", "TripletMarginWithDistanceLoss", triplet_margin_with_distance),
    loss("ctc from the last frame to the first", "CTCLoss", ctc),
    loss("ctc in float64", "CTCLoss", in_double(torch_api.CTCLoss.rule)),
]
