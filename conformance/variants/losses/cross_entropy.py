"""cross_entropy: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

LOG_SOFTMAX = "from torchstone.reference.losses.log_softmax import log_softmax\n"
PICKED = "return picked(log_softmax(x, dim=axis), kept, index, w, reduction)"
CHECKED = 'checked("cross_entropy", input, target, ignore_index)'
WEIGHTED = "return (w * part(q, -log_softmax(input, dim=axis))).sum(axis)"
SURPRISE = "return reduce(surprise(input, target, weight, smoothing), reduction)"
TOTAL = "torch.where(kept, w[index], 0.0).sum()"

VARIANTS = (
    dialect(
        "mean_over_samples",
        "cross_entropy.1 cross_entropy.8 cross_entropy.13 loss.3 loss.13",
        (PICKED, 'return reduce(picked(log_softmax(x, dim=axis), kept, index, w, "none"), reduction, kept.sum())'),
        (TOTAL, "kept.sum()"),
        shipped_by="Keras (class_weight)",
    ),
    mutant(
        "classes_along_the_last_axis",
        "cross_entropy.1 cross_entropy.2",
        (PICKED, "return picked(log_softmax(x, dim=-1), kept, index, w, reduction)"),
    ),
    mutant(
        "mean_over_the_first_axis_alone",
        "cross_entropy.5",
        (SURPRISE, f"{SURPRISE[:-1]}, torch.tensor(input.shape[0] if input.dim() > 1 else 1))"),
    ),
    mutant(
        "one_sample_keeps_an_axis",
        "cross_entropy.3",
        (SURPRISE, "return reduce(torch.atleast_1d(surprise(input, target, weight, smoothing)), reduction)"),
    ),
    mutant(
        "smoothing_of_one_sample_is_not_spread",
        "cross_entropy.3",
        ("smoothing / input.shape[axis]", "smoothing / (input.shape[1] if input.dim() > 1 else 1)"),
    ),
    mutant(
        "no_weights_for_probabilities",
        "cross_entropy.4 cross_entropy.6 cross_entropy.13 cross_entropy.14 cross_entropy.16",
        (WEIGHTED, "return part(q, -log_softmax(input, dim=axis)).sum(axis)"),
    ),
    mutant(
        "weight_of_the_likeliest_target",
        "cross_entropy.4 cross_entropy.9",
        (WEIGHTED, "return part(q, -log_softmax(input, dim=axis)).sum(axis) * w.flatten()[p.argmax(axis)]"),
    ),
    mutant(
        "mean_of_probabilities_over_their_weights",
        "cross_entropy.5 cross_entropy.13",
        (
            SURPRISE,
            f"{SURPRISE[:-1]}, "
            '(per_class(class_weights("cross_entropy", input, weight), input) * target).sum().detach())',
        ),
    ),
    mutant(
        "indices_are_not_smoothed",
        "cross_entropy.6 cross_entropy.14",
        ("surprise(x, one_hot.to(input.dtype), w, smoothing)", "surprise(x, one_hot.to(input.dtype), w, 0.0)"),
    ),
    mutant(
        "smoothing_over_the_other_classes",
        "cross_entropy.4 cross_entropy.7 cross_entropy.14 cross_entropy.16",
        ("smoothing / input.shape[axis]", "smoothing * (1 - p) / max(input.shape[axis] - 1, 1)"),
    ),
    mutant(
        "smoothing_after_the_weights",
        "cross_entropy.4 cross_entropy.7 cross_entropy.14",
        ("q = (1 - smoothing) * p +", "q = (1 - smoothing) * w * p +"),
        (WEIGHTED, "return part(q, -log_softmax(input, dim=axis)).sum(axis)"),
    ),
    mutant("smoothed_mean_over_samples", "cross_entropy.8", (TOTAL, "kept.sum()")),
    mutant("smoothed_mean_counts_ignored_samples", "cross_entropy.8 cross_entropy.10", (TOTAL, "w[index].sum()")),
    mutant(
        "probabilities_are_normalised",
        "cross_entropy.4 cross_entropy.9",
        ("q = (1 - smoothing) * p +", "q = (1 - smoothing) * p / p.sum(axis, keepdim=True) +"),
    ),
    mutant(
        "negative_probabilities_count_as_zero",
        "cross_entropy.9",
        ("q = (1 - smoothing) * p +", "q = (1 - smoothing) * p.clamp(min=0) +"),
    ),
    mutant(
        "ignored_logits_are_read",
        "cross_entropy.10",
        ("x = torch.where(kept.unsqueeze(axis), input, 0.0)", "x = input"),
    ),
    mutant(
        "ignored_samples_are_smoothed",
        "cross_entropy.10",
        (
            "loss = torch.where(kept, surprise(x, one_hot.to(input.dtype), w, smoothing), 0.0)",
            "loss = surprise(x, one_hot.to(input.dtype), w, smoothing)",
        ),
    ),
    mutant(
        "exponentials_overflow",
        "cross_entropy.12",
        (LOG_SOFTMAX, "log_softmax = lambda x, dim: x - x.exp().sum(dim, keepdim=True).log()\n"),
    ),
    mutant(
        "large_logits_are_clipped",
        "cross_entropy.11",
        (LOG_SOFTMAX, "log_softmax = lambda x, dim: torch.log_softmax(x.clamp(-10, 10), dim)\n"),
    ),
    mutant(
        "log_of_softmax",
        "cross_entropy.12",
        (LOG_SOFTMAX, "log_softmax = lambda x, dim: torch.softmax(x, dim).log()\n"),
    ),
    mutant(
        "probabilities_are_clipped",
        "cross_entropy.1 cross_entropy.14 cross_entropy.19",
        (LOG_SOFTMAX, "log_softmax = lambda x, dim: torch.softmax(x, dim).clamp(1e-7, 1 - 1e-7).log()\n"),
    ),
    mutant(
        "weights_are_normalised",
        "cross_entropy.13",
        ("return vector.reshape(", "return (vector / vector.sum()).reshape("),
    ),
    mutant(
        "gradient_of_shares_that_add_up_to_one",
        "cross_entropy.14 cross_entropy.15",
        (
            WEIGHTED,
            f"loss, wq = {WEIGHTED.removeprefix('return ')}, w * q\n"
            "    fused = torch.logsumexp(input, axis) - torch.where(wq == 0, 0.0, wq * input).sum(axis)\n"
            "    return loss.detach() + fused - fused.detach()",
        ),
    ),
    mutant(
        "no_gradient_for_the_probabilities",
        "cross_entropy.16",
        ("q = (1 - smoothing) * p +", "q = (1 - smoothing) * p.detach() +"),
    ),
    mutant(
        "nan_logits_are_zero",
        "cross_entropy.17",
        (
            "x = torch.where(kept.unsqueeze(axis), input, 0.0)",
            "x = torch.where(kept.unsqueeze(axis) & ~input.isnan(), input, 0.0)",
        ),
    ),
    mutant(
        "masked_samples_cost_nothing",
        "cross_entropy.17",
        (
            LOG_SOFTMAX,
            "log_softmax = lambda x, dim: torch.log_softmax(x, dim).nan_to_num(nan=0.0, neginf=-torch.inf)\n",
        ),
    ),
    mutant(
        "zero_times_infinity",
        "cross_entropy.6 cross_entropy.18",
        ("part(q, -log_softmax(input, dim=axis))", "q * -log_softmax(input, dim=axis)"),
    ),
    mutant(
        "masked_classes_cost_nothing",
        "cross_entropy.19",
        (LOG_SOFTMAX, "log_softmax = lambda x, dim: torch.log_softmax(x, dim).nan_to_num(nan=torch.nan, neginf=0.0)\n"),
    ),
    mutant(
        "mean_of_nothing_is_zero",
        "cross_entropy.20",
        (
            PICKED,
            "none = ~kept.any()\n"
            "        return torch.where(none, 0.0, picked(log_softmax(x, dim=axis), kept, index, w, reduction))",
        ),
    ),
    mutant(
        "negative_targets_are_ignored",
        "cross_entropy.21",
        (CHECKED, 'checked("cross_entropy", input, torch.where(target < 0, ignore_index, target), ignore_index)'),
    ),
    mutant(
        "large_targets_are_the_last_class",
        "cross_entropy.21",
        (CHECKED, CHECKED.replace("target", "target.clamp(max=max(input.shape[class_axis(input)] - 1, ignore_index))")),
    ),
    mutant(
        "probabilities_are_broadcast",
        "cross_entropy.22",
        (
            "same = input.dim() > 0 and p.shape == shape",
            "same = input.dim() > 0 and p.dim() == input.dim() and all(m in (1, n) for m, n in zip(p.shape, shape))",
        ),
    ),
    mutant(
        "targets_may_have_a_class_axis",
        "cross_entropy.22",
        (CHECKED, CHECKED.replace("target", "target.squeeze(-1) if target.dim() == input.dim() > 1 else target")),
    ),
    mutant(
        "one_weight_for_all_classes",
        "cross_entropy.23",
        ("tuple(weight.shape) == classes, f", "weight.numel() in (1, *classes), f"),
        ("return weight\n", "return weight.reshape(-1).expand(classes)\n"),
        file="losses/nll.py",
    ),
    mutant("any_smoothing", "cross_entropy.24", ("0 <= smoothing <= 1,", "0 <= smoothing,")),
    mutant(
        "smoothing_may_be_nan", "cross_entropy.24", ("0 <= smoothing <= 1,", "not (smoothing < 0 or smoothing > 1),")
    ),
    mutant("ignored_class_beside_probabilities", "cross_entropy.25", ("require(ignore_index < 0,", "require(True,")),
    mutant(
        "last_classes_are_ignored_beside_probabilities",
        "cross_entropy.25",
        (
            SURPRISE,
            "kept = target.argmax(class_axis(input)) != ignore_index + input.shape[class_axis(input)]\n"
            "        return reduce(torch.where(kept, surprise(input, target, weight, smoothing), 0.0), reduction)",
        ),
    ),
    mutant(
        "booleans_are_classes",
        "cross_entropy.26",
        (CHECKED, CHECKED.replace("target", "target.long()")),
    ),
)

EQUIVALENT = {
    "x = torch.where(kept.unsqueeze(axis), input, 1.0)": "what stands in for the logits of an ignored "
    "sample is not used",
}
