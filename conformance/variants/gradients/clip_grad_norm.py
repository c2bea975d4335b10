"""clip_grad_norm: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

VARIANTS = (
    dialect(
        "no_epsilon",
        "clip_grad_norm.3 clip_grad_norm.15",
        (
            "share = torch.full_like(norm, max_norm) / (norm + 1e-6)",
            "share = torch.where(norm < max_norm, 1.0, max_norm / norm)",
        ),
        shipped_by="Optax and TensorFlow",
    ),
    mutant(
        "norms_added_up",
        "clip_grad_norm.1 clip_grad_norm.6",
        (
            "norm = total_norm(grads, norm_type)",
            "norm = sum([total_norm([grad], norm_type) for grad in grads], torch.zeros(()))",
        ),
    ),
    mutant("without_the_root", "clip_grad_norm.1 clip_grad_norm.7", (".sum() ** (1 / norm_type)", ".sum()")),
    mutant(
        "signs_not_taken_away",
        "clip_grad_norm.1 clip_grad_norm.2",
        ("for grad in grads]).abs()", "for grad in grads])"),
    ),
    mutant("mean_of_the_powers", "clip_grad_norm.1", ("(x**norm_type).sum()", "(x**norm_type).mean()")),
    mutant("infinity_by_its_word_alone", "clip_grad_norm.2", ('norm_type in ("inf", math.inf)', 'norm_type == "inf"')),
    mutant(
        "each_gradient_by_its_own_norm",
        "clip_grad_norm.3 clip_grad_norm.6",
        ("grad * share for grad", "grad * (max_norm / (total_norm([grad], norm_type) + 1e-6)).clamp(max=1.0) for grad"),
    ),
    mutant("always_scaled", "clip_grad_norm.3 clip_grad_norm.4", ("torch.where(share > 1, 1.0, share)", "share")),
    mutant(
        "root_of_the_share",
        "clip_grad_norm.3",
        ("torch.where(share > 1, 1.0, share)", "torch.where(share > 1, 1.0, share).sqrt()"),
    ),
    mutant("norm_after_clipping", "clip_grad_norm.5", ("return norm, [", "return norm * share, [")),
    mutant("returned_with_epsilon", "clip_grad_norm.1 clip_grad_norm.7", ("return norm, [", "return norm + 1e-6, [")),
    mutant(
        "missing_gradients_become_zeros",
        "clip_grad_norm.8",
        (
            "grads = [param.grad for param in params if param.grad is not None]",
            (
                "for param in params:\n"
                "            param.grad = torch.zeros_like(param) if param.grad is None else param.grad\n"
                "        grads = [param.grad for param in params if param.grad is not None]"
            ),
        ),
        file="torch_api.py",
        component="clip_grad_norm",
    ),
    mutant(
        "gradients_replaced",
        "clip_grad_norm.9",
        (
            ("for grad, new in zip(grads, changed, strict=True):\n            grad.detach().copy_(new)"),
            (
                "for param, new in zip([param for param in params if param.grad is not None], changed, strict=True):\n"
                "            param.grad = new"
            ),
        ),
        file="torch_api.py",
        component="clip_grad_norm",
    ),
    mutant(
        "nothing_to_clip_is_refused",
        "clip_grad_norm.10",
        (
            "norm = total_norm(grads, norm_type)",
            ('require(grads, "clip_grad_norm: there must be a gradient", 0)\n    norm = total_norm(grads, norm_type)'),
        ),
    ),
    mutant(
        "each_must_have_elements",
        "clip_grad_norm.11",
        ("if not any(grad.numel() for grad in grads)", "if not all(grad.numel() for grad in grads)"),
    ),
    mutant(
        "nothing_but_empty_is_refused",
        "clip_grad_norm.11",
        ("if not any(grad.numel() for grad in grads)", "if not grads"),
    ),
    mutant(
        "nan_leaves_the_share_at_one",
        "clip_grad_norm.12",
        ("torch.where(share > 1, 1.0, share)", "torch.where(share < 1, share, 1.0)"),
    ),
    mutant(
        "nan_is_left_out",
        "clip_grad_norm.12 clip_grad_norm.14",
        (").abs()  #", (").abs()\n    x = x.where(~x.isnan(), 0.0)  #")),
    ),
    mutant(
        "infinity_is_left_out",
        "clip_grad_norm.13 clip_grad_norm.14",
        (").abs()  #", (").abs()\n    x = x.where(~x.isinf(), 0.0)  #")),
    ),
    mutant("only_nan_is_refused", "clip_grad_norm.14", ("require(norm.isfinite(),", "require(not norm.isnan(),")),
    mutant(
        "refused_without_being_asked", "clip_grad_norm.12 clip_grad_norm.13", ("if error_if_nonfinite:", "if True:")
    ),
    mutant("zero_clips_nothing", "clip_grad_norm.15", ("(norm, max_norm) /", "(norm, max_norm or math.inf) /")),
    mutant("norm_of_nan_passes", "clip_grad_norm.16", ("require(max_norm >= 0,", "require(not max_norm < 0,")),
    mutant("degree_of_zero_passes", "clip_grad_norm.17", ("norm_type > 0)", "norm_type >= 0)")),
    mutant("other_words_pass", "clip_grad_norm.17", ('norm_type == "inf" or', "isinstance(norm_type, str) or")),
)
EQUIVALENT = {
    "share = torch.where(share >= 1, 1.0, share)": "Where the share is one, both are.",
}
