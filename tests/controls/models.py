"""Controls for what is done with all gradients, and for averages of models."""

import inspect
from types import SimpleNamespace

import torch
from torch import nn
from torch.optim import swa_utils

from tests.controls.clothes import Control, module
from torchstone.reference import torch_api


def norm_by_tensors(grads, norm_type):
    """The norm of the norms of the tensors."""
    filled = [grad for grad in grads if grad.numel()]
    if not filled:
        return grads[0].new_zeros(()) if grads else torch.zeros(())
    if norm_type in ("inf", float("inf")):
        return torch.stack([grad.abs().amax() for grad in filled]).amax()
    norms = torch.stack([torch.linalg.vector_norm(grad, norm_type) for grad in filled])
    return torch.linalg.vector_norm(norms, norm_type)


def norm_scaled(grads, norm_type):
    """In float64, over numbers that were divided by the largest."""
    filled = [grad.reshape(-1).double().abs() for grad in grads if grad.numel()]
    if not filled:
        return grads[0].new_zeros(()) if grads else torch.zeros(())
    dtype, x = grads[0].dtype, torch.cat(filled)
    top = x.amax()
    if norm_type in ("inf", float("inf")) or not top.isfinite() or top == 0:
        return top.to(dtype)
    return (top * (x / top).pow(float(norm_type)).sum().pow(1 / float(norm_type))).to(dtype)


def clip_by_minimum(grads, *, clip_value):
    return None, [
        torch.minimum(torch.maximum(g, torch.full_like(g, -clip_value)), torch.full_like(g, clip_value)) for g in grads
    ]


def clipping(id, name, **changes):
    rule, original = module(getattr(torch_api, name).rule, **changes), getattr(nn.utils, name)
    clip = torch_api.clipping(original, rule)
    vars(clip).update(__signature__=inspect.signature(original))
    return Control(id, name, SimpleNamespace(**{name: clip}))


def averaging(id, name, average):
    rule, original = module(getattr(torch_api, name).rule, average=average), getattr(swa_utils, name)
    make = torch_api.averaging(original, rule)
    vars(make).update(__signature__=inspect.signature(original))
    return Control(id, name, SimpleNamespace(**{name: make}, AveragedModel=swa_utils.AveragedModel))


def ema_by_lerp(average, param, n, *, decay, **_):
    return torch.lerp(average, param, 1 - float(decay))


def ema_wide(average, param, n, *, decay, **_):
    return (average.double() * float(decay) + param.double() * (1 - float(decay))).to(average.dtype)


def swa_by_sum(average, param, n, **_):
    """The sum of all models, made longer by one and divided again."""
    return ((average.double() * n + param.double()) / (n + 1)).to(average.dtype)


CONTROLS = [
    clipping("the norm of the norms", "clip_grad_norm_", total_norm=norm_by_tensors),
    clipping("the norm scaled by the largest", "clip_grad_norm_", total_norm=norm_scaled),
    clipping("values cut by minimum and maximum", "clip_grad_value_", clip=clip_by_minimum),
    averaging("ema by lerp", "get_ema_avg_fn", ema_by_lerp),
    averaging("ema in float64", "get_ema_avg_fn", ema_wide),
    averaging("swa by a sum", "get_swa_avg_fn", swa_by_sum),
]
