"""clip_grad_value: what others ship, and what goes wrong."""

from torchstone.conformance.variants import mutant

VARIANTS = (
    mutant(
        "upper_bound_alone",
        "clip_grad_value.1 clip_grad_value.3",
        ("min=-clip_value, max=clip_value", "max=clip_value"),
    ),
    mutant(
        "bounds_from_zero_on", "clip_grad_value.1 clip_grad_value.2 clip_grad_value.3", ("min=-clip_value", "min=0")
    ),
    mutant(
        "smooth_bounds",
        "clip_grad_value.2 clip_grad_value.4",
        (
            "grad.clamp(min=-clip_value, max=clip_value)",
            "(grad / (1 + grad.abs() / clip_value) if clip_value > 0 else 0 * grad)",
        ),
    ),
    mutant(
        "scaled_into_the_bounds",
        "clip_grad_value.5 clip_grad_value.9",
        (
            "grad.clamp(min=-clip_value, max=clip_value)",
            "grad * (clip_value / grad.abs().max()).clamp(max=1.0) if grad.numel() else grad",
        ),
    ),
    mutant(
        "missing_gradients_become_zeros",
        "clip_grad_value.6 clip_grad_value.7",
        (
            "grads = [param.grad for param in params if param.grad is not None]",
            (
                "for param in params:\n"
                "            param.grad = torch.zeros_like(param) if param.grad is None else param.grad\n"
                "        grads = [param.grad for param in params if param.grad is not None]"
            ),
        ),
        file="torch_api.py",
        component="clip_grad_value",
    ),
    mutant(
        "nothing_to_clip_is_refused",
        "clip_grad_value.7",
        ("return None, [", ("all_of_them = [*grads][0]\n    return None, [")),
    ),
    mutant(
        "gradients_replaced",
        "clip_grad_value.8",
        (
            ("for grad, new in zip(grads, changed, strict=True):\n            grad.detach().copy_(new)"),
            (
                "for param, new in zip([param for param in params if param.grad is not None], changed, strict=True):\n"
                "            param.grad = new"
            ),
        ),
        file="torch_api.py",
        component="clip_grad_value",
    ),
    mutant(
        "nan_becomes_the_bound",
        "clip_grad_value.9",
        (
            "grad.clamp(min=-clip_value, max=clip_value)",
            "grad.clamp(min=-clip_value, max=clip_value).nan_to_num(nan=clip_value)",
        ),
    ),
    mutant(
        "infinities_stay",
        "clip_grad_value.9",
        (
            "grad.clamp(min=-clip_value, max=clip_value)",
            "grad.clamp(min=-clip_value, max=clip_value).where(~grad.isinf(), grad)",
        ),
    ),
    mutant("bound_of_nan_passes", "clip_grad_value.10", ("require(clip_value >= 0,", "require(not clip_value < 0,")),
)
