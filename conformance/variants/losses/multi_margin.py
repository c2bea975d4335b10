"""multi_margin: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

TERM = "term = torch.where(others & ~(z <= 0), z, 0.0) ** p"
RESULT = "return reduce(w[target] * term.sum(-1) / classes, reduction)"
WEIGHTS = 'w = class_weights("multi_margin", input, weight)'
OTHERS = "others = torch.arange(classes) != target.unsqueeze(-1)"
Z = "z = margin - input.gather(-1, target.unsqueeze(-1)) + input"
SHAPE = "dims, shape = input.dim(), tuple(target.shape)"
RANGE = "in_range = ((target >= 0) & (target < classes)).all()"
INTEGRAL = "integral = not target.is_floating_point() and target.dtype != torch.bool"
P = "require(p in (1, 2),"

VARIANTS = (
    dialect(
        "crammer_singer",
        "multi_margin.1 multi_margin.8",
        (RESULT, "return reduce(w[target] * term.amax(-1), reduction)"),
        shipped_by="optax (multiclass_hinge_loss), after Crammer and Singer (2001)",
    ),
    mutant(
        "divided_by_the_other_classes",
        "multi_margin.1 multi_margin.8",
        (RESULT, RESULT.replace("classes,", "max(classes - 1, 1),")),
    ),
    mutant(
        "true_class_counts",
        "multi_margin.1",
        (OTHERS, "others = torch.ones(input.shape, dtype=torch.bool)"),
    ),
    mutant(
        "power_of_the_sum",
        "multi_margin.1",
        (TERM, TERM.replace(" ** p", "")),
        (RESULT, RESULT.replace("term.sum(-1)", "term.sum(-1) ** p")),
    ),
    mutant("p_is_ignored", "multi_margin.1 multi_margin.6 multi_margin.8", (TERM, TERM.replace(" ** p", ""))),
    mutant(
        "no_weights_are_uniform_probabilities",
        "multi_margin.1 multi_margin.2",
        (WEIGHTS, f"{WEIGHTS} / (classes if weight is None else 1)"),
    ),
    mutant(
        "weight_within_the_power",
        "multi_margin.1 multi_margin.3",
        (TERM, "term = torch.where(others & ~(z <= 0), w[target].unsqueeze(-1) * z, 0.0) ** p"),
        (RESULT, RESULT.replace("w[target] * ", "")),
    ),
    mutant(
        "weight_of_the_other_class",
        "multi_margin.1 multi_margin.8",
        (RESULT, "return reduce((w * term).sum(-1) / classes, reduction)"),
    ),
    mutant(
        "mean_over_the_weights",
        "multi_margin.3 multi_margin.4",
        (RESULT, RESULT.replace("reduction)", "reduction, w[target].sum())")),
    ),
    mutant(
        "one_sample_keeps_an_axis",
        "multi_margin.5",
        (RESULT, "return reduce(torch.atleast_1d(w[target] * term.sum(-1) / classes), reduction)"),
    ),
    mutant("margin_of_the_default_always", "multi_margin.1 multi_margin.6", (Z, Z.replace("margin -", "1.0 -"))),
    mutant(
        "class_zero_is_the_background",
        "multi_margin.1 multi_margin.7",
        (OTHERS, f"{OTHERS}\n    others = others & (torch.arange(classes) > 0)"),
    ),
    mutant(
        "gradient_of_a_square_without_the_two",
        "multi_margin.8",
        (
            RESULT,
            "half = term.sum(-1) / p\n    return reduce(w[target] * (term.sum(-1).detach() + "
            "half - half.detach()) / classes, reduction)",
        ),
    ),
    mutant("no_gradient_for_the_true_class", "multi_margin.8", (Z, Z.replace("input.gather", "input.detach().gather"))),
    mutant("slope_at_the_margin", "multi_margin.9", (TERM, TERM.replace("~(z <= 0)", "~(z < 0)"))),
    mutant("nan_is_beyond_the_margin", "multi_margin.10", (TERM, TERM.replace("~(z <= 0)", "(z > 0)"))),
    mutant("masked_by_a_product", "multi_margin.11", (TERM, "term = (z * (z > 0) * others) ** p")),
    mutant("infinities_are_cut", "multi_margin.11", (Z, f"input = input.nan_to_num(nan=torch.nan)\n    {Z}")),
    mutant(
        "negative_targets_count_from_the_end",
        "multi_margin.12",
        (RANGE, "in_range = ((target >= -classes) & (target < classes)).all()\n    target = target % classes"),
    ),
    mutant(
        "large_targets_are_the_last_class",
        "multi_margin.12",
        (RANGE, "in_range = (target >= 0).all()\n    target = target.clamp(max=classes - 1)"),
    ),
    mutant(
        "target_is_broadcast",
        "multi_margin.13",
        (
            SHAPE,
            "target = target.expand(input.shape[:-1]) if target.numel() == 1 and input.dim() == 2 else target\n    "
            + SHAPE,
        ),
    ),
    mutant(
        "target_may_have_a_class_axis",
        "multi_margin.13",
        (SHAPE, "target = target.squeeze(-1) if target.dim() == input.dim() else target\n    " + SHAPE),
    ),
    mutant("more_axes", "multi_margin.13", ("require(dims in (1, 2),", "require(dims > 0,")),
    mutant("floating_targets_are_cut", "multi_margin.14", (INTEGRAL, "integral, target = True, target.long()")),
    mutant(
        "booleans_are_classes",
        "multi_margin.14",
        (INTEGRAL, "integral, target = not target.is_floating_point(), target.long()"),
    ),
    mutant(
        "one_weight_for_all_classes",
        "multi_margin.15",
        (
            WEIGHTS,
            WEIGHTS.replace(
                "weight)",
                "weight.reshape(-1).expand(classes) if weight is not None and weight.numel() == 1 else weight)",
            ),
        ),
    ),
    mutant("any_p", "multi_margin.16", (P, "require(p > 0,")),
    mutant("p_may_be_nan", "multi_margin.16", (P, "require(p in (1, 2) or p != p,")),
)
