"""nll: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

GATHERED = "x = input.gather(axis, index.unsqueeze(axis)).squeeze(axis)"
CHECKED = 'checked("nll", input, target, ignore_index)'
MEAN = "return reduce(loss, reduction, w.sum())"
KEPT = "kept = target != ignore_index"
LOSS = "loss = torch.where(kept, -w * x, 0.0)"

VARIANTS = (
    dialect(
        "mean_over_samples",
        "nll.4 nll.6 nll.15 loss.3 loss.13",
        (MEAN, "return reduce(loss, reduction, kept.sum())"),
        shipped_by="Keras (class_weight)",
    ),
    mutant("takes_the_logarithm", "nll.1 nll.11", (LOSS, "loss = torch.where(kept, -w * torch.log(x), 0.0)")),
    mutant(
        "classes_along_the_last_axis", "nll.2 nll.9", ("0 if input.dim() == 1 else 1  # nll.2", "input.dim() - 1  #")
    ),
    mutant(
        "no_weights_are_uniform_probabilities",
        "nll.1 nll.3",
        ("torch.ones(classes, dtype=input.dtype)", "torch.full(classes, 1 / classes[0], dtype=input.dtype)"),
    ),
    mutant("mean_counts_ignored_samples", "nll.4 nll.5", (MEAN, "return reduce(loss, reduction, weight[index].sum())")),
    mutant("a_class_is_never_ignored", "nll.5 nll.12", (KEPT, "kept = (target != ignore_index) | (target >= 0)")),
    mutant(
        "small_number_in_the_denominator",
        "nll.4 nll.14 nll.15",
        (MEAN, "return reduce(loss, reduction, w.sum() + 1e-8)"),
    ),
    mutant(
        "weights_are_normalised",
        "nll.1 nll.6",
        ("torch.where(kept, weight[index], 0.0)", "torch.where(kept, (weight / weight.sum())[index], 0.0)"),
    ),
    mutant(
        "every_class_is_multiplied",
        "nll.7",
        (
            GATHERED,
            "each = torch.arange(input.shape[axis]).reshape(-1, *[1] * (input.dim() - axis - 1))\n"
            "    x = (input * (each == index.unsqueeze(axis))).sum(axis)",
        ),
    ),
    mutant("class_zero_is_padding", "nll.1 nll.8", (KEPT, "kept = (target != ignore_index) & (target != 0)")),
    mutant(
        "axes_of_length_one_are_lost", "nll.9", (GATHERED, "x = input.gather(axis, index.unsqueeze(axis)).squeeze()")
    ),
    mutant("one_sample_keeps_an_axis", "nll.10", (MEAN, "return reduce(torch.atleast_1d(loss), reduction, w.sum())")),
    mutant(
        "positive_numbers_are_clipped", "nll.1 nll.11", (LOSS, "loss = torch.where(kept, -w * x.clamp(max=0), 0.0)")
    ),
    mutant("ignored_numbers_are_multiplied", "nll.7 nll.12", (LOSS, "loss = -w * x")),
    mutant("nan_counts_as_zero", "nll.13", (LOSS, "loss = torch.where(kept & ~x.isnan(), -w * x, 0.0)")),
    mutant("no_weight_no_loss", "nll.13", (LOSS, "loss = torch.where(w != 0, -w * x, 0.0)")),
    mutant(
        "mean_of_nothing_is_zero",
        "nll.14 nll.15",
        (MEAN, "return reduce(loss, reduction, torch.where(w.sum() == 0, 1.0, w.sum()))"),
    ),
    mutant(
        "negative_targets_are_ignored",
        "nll.16",
        (CHECKED, CHECKED.replace("target", "torch.where(target < 0, ignore_index, target)")),
    ),
    mutant(
        "targets_may_be_the_number_of_classes",
        "nll.16",
        ("index < classes)", "index <= classes)"),
        ("index.unsqueeze(axis))", "index.clamp(max=input.shape[axis] - 1).unsqueeze(axis))"),
        ("weight[index]", "weight[index.clamp(max=len(weight) - 1)]"),
    ),
    mutant(
        "targets_are_broadcast",
        "nll.17",
        (CHECKED, CHECKED.replace("target", "target.expand(expected)")),
        (
            "    kept, index = checked",
            "    expected = (*input.shape[:1], *input.shape[2:]) if input.dim() > 1 and target.dim() == 0 "
            "else target.shape\n    kept, index = checked",
        ),
    ),
    mutant(
        "targets_may_have_a_class_axis",
        "nll.17",
        (CHECKED, CHECKED.replace("target", "target.squeeze(-1) if target.dim() == input.dim() else target")),
    ),
    mutant("floating_targets_are_cut", "nll.18", (CHECKED, CHECKED.replace("target", "target.long()"))),
    mutant(
        "booleans_are_classes",
        "nll.18",
        (CHECKED, CHECKED.replace("target", "target.long() if target.dtype == torch.bool else target")),
    ),
    mutant(
        "one_weight_for_all_classes",
        "nll.19",
        ("tuple(weight.shape) == classes, f", "weight.numel() in (1, *classes), f"),
        ("return weight\n", "return weight.reshape(-1).expand(classes)\n"),
    ),
    mutant("any_ignore_index", "nll.20", ("require(isinstance(ignore_index, int),", "require(True,")),
)
