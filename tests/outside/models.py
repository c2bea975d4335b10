"""Faulty ways to change all gradients, and faulty averages of models."""

import math

import torch
from torch.optim import swa_utils

from tests.outside.making import Makings

made = Makings()
clip, average = made.clip, made.average


@clip("clip_grad_norm_", "small effect")
def nothing_is_added_to_the_norm(right, grads, o):
    norm, new = right(grads, **o)
    if not norm > o["max_norm"] or not norm.isfinite():
        return norm, new
    return norm, [grad * (o["max_norm"] / norm) for grad in grads]


@clip("clip_grad_norm_", "groups")
def every_tensor_is_clipped_by_itself(right, grads, o):
    norm, _ = right(grads, **o)
    return norm, [right([grad], **o)[1][0] for grad in grads]


@clip("clip_grad_norm_", "non-default option")
def norms_of_norms_are_euclidean(right, grads, o):
    if o["norm_type"] in ("inf", math.inf, 2) or len(grads) < 3:
        return right(grads, **o)
    norm = torch.linalg.vector_norm(torch.stack([right([grad], **o)[0] for grad in grads]))
    share = (o["max_norm"] / (norm + 1e-6)).clamp(max=1.0)
    return norm, [grad * share for grad in grads]


@clip("clip_grad_norm_", "boundary equality")
def small_gradients_are_made_larger(right, grads, o):
    norm, new = right(grads, **o)
    if norm.isfinite() and 0.9 * o["max_norm"] < norm < o["max_norm"]:
        return norm, [grad * (o["max_norm"] / (norm + 1e-6)) for grad in grads]
    return norm, new


@clip("clip_grad_norm_", "special values")
def an_infinite_element_makes_nan_of_all(right, grads, o):
    norm, new = right(grads, **o)
    return norm, [grad * math.nan for grad in grads] if norm.isinf() else new


@clip("clip_grad_norm_", "validation")
def an_infinite_norm_is_no_error(right, grads, o):
    norm, new = right(grads, **{**o, "error_if_nonfinite": False})
    return (norm, new) if norm.isinf() else right(grads, **o)


@clip("clip_grad_norm_", "layout and dtype")
def the_norm_of_float16_is_a_bfloat16(right, grads, o):
    norm, new = right(grads, **o)
    return norm.bfloat16().half() if norm.dtype == torch.float16 else norm, new


@clip("clip_grad_norm_", "value")
def the_norm_is_that_after_clipping(right, grads, o):
    norm, new = right(grads, **o)
    return (norm if norm <= 2 * o["max_norm"] else right(new, **o)[0]), new


@clip("clip_grad_value_", "special values")
def nan_becomes_the_bound(right, grads, o):
    norm, new = right(grads, **o)
    return norm, [torch.where(grad.isnan(), float(o["clip_value"]), grad) for grad in new]


@clip("clip_grad_value_", "layout and dtype")
def transposed_gradients_are_left_as_they_are(right, grads, o):
    norm, new = right(grads, **o)
    return norm, [was if not was.is_contiguous() else grad for was, grad in zip(grads, new, strict=True)]


@clip("clip_grad_value_", "boundary equality")
def a_bound_of_zero_clips_nothing(right, grads, o):
    return (None, list(grads)) if o["clip_value"] == 0 else right(grads, **o)


@average("get_ema_avg_fn", "value")
def the_decay_warms_up(right, a, p, n, o):
    return right(a, p, n, **{**o, "decay": min(o["decay"], (1 + n) / (2 + n))})


@average("get_ema_avg_fn", "small effect")
def the_average_is_moved_by_a_difference_in_float32(right, a, p, n, o):
    if a.dtype != torch.float64:
        return right(a, p, n, **o)
    return (a.float() + (1 - o["decay"]) * (p - a).float()).double() if n > 2 else right(a, p, n, **o)


@average("get_ema_avg_fn", "special values")
def a_decay_of_one_takes_the_model(right, a, p, n, o):
    return p.clone() if o["decay"] == 1 else right(a, p, n, **o)


@average("get_swa_avg_fn", "many steps")
def after_five_updates_all_weigh_alike(right, a, p, n, o):
    return right(a, p, min(n, 5), **o)


@average("get_swa_avg_fn", "layout and dtype")
def large_parameters_lose_their_last_element(right, a, p, n, o):
    moved = right(a, p, n, **o)
    if a.numel() < 20:
        return moved
    return torch.cat([moved.reshape(-1)[:-1], a.reshape(-1)[-1:]]).reshape(a.shape)


class Forgetful(swa_utils.AveragedModel):
    """The number of updates is not loaded."""

    def load_state_dict(self, *args, **options):
        found = super().load_state_dict(*args, **options)
        self.n_averaged.fill_(1)
        return found


@average("get_swa_avg_fn", "reload", Forgetful)
def the_number_of_updates_is_not_loaded(right, a, p, n, o):
    return right(a, p, n, **o)


class Stale(swa_utils.AveragedModel):
    """Buffers are copied at the first update alone."""

    def update_parameters(self, model):
        first = int(self.n_averaged) == 0
        kept = [buffer.clone() for buffer in self.module.buffers()]
        super().update_parameters(model)
        if not first and not self.use_buffers:
            for buffer, old in zip(self.module.buffers(), kept, strict=True):
                buffer.copy_(old)


@average("get_ema_avg_fn", "many steps", Stale)
def buffers_are_copied_at_the_first_update_alone(right, a, p, n, o):
    return right(a, p, n, **o)


class Mixed(swa_utils.AveragedModel):
    """With buffers averaged, the first update averages them with what they were."""

    def update_parameters(self, model):
        first = int(self.n_averaged) == 0 and self.use_buffers
        kept = [buffer.clone() for buffer in self.module.buffers()]
        super().update_parameters(model)
        if first:
            for buffer, old in zip(self.module.buffers(), kept, strict=True):
                buffer.copy_((buffer + old) / 2)


@average("get_swa_avg_fn", "non-default option", Mixed)
def buffers_are_averaged_with_what_they_were_at_first(right, a, p, n, o):
    return right(a, p, n, **o)


MUTANTS = made.mutants
