"""multilabel_margin: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

LABEL = "label = (target == -1).cumsum(-1) == 0"
INDEX = "index = torch.where(label, target, 0)"
OTHER = "other = ((index.unsqueeze(-1) != torch.arange(classes)) | ~label.unsqueeze(-1)).all(-2)"
Z = "z = 1 - input.gather(-1, index).unsqueeze(-1) + input.unsqueeze(-2)"
TERM = "term = torch.where(pair & ~(z <= 0), z, 0.0)"
RESULT = "return reduce(term.sum((-2, -1)) / classes, reduction)"
SHAPE = "dims, shape = input.dim(), tuple(input.shape)"
RANGE = "in_range = ((target >= -1) & (target < classes)).all()"
INTEGRAL = "integral = not target.is_floating_point() and target.dtype != torch.bool"

VARIANTS = (
    dialect(
        "multi_hot",
        "multilabel_margin.1 multilabel_margin.2 multilabel_margin.3 multilabel_margin.4 multilabel_margin.5 "
        "multilabel_margin.7 multilabel_margin.8 multilabel_margin.9",
        (LABEL, "target = torch.where(target == 1, torch.arange(classes), -1)\n    label = target >= 0"),
        shipped_by="TensorFlow Addons",
    ),
    mutant(
        "divided_by_the_labels",
        "multilabel_margin.1",
        (RESULT, "return reduce(term.sum((-2, -1)) / label.sum(-1).clamp(min=1), reduction)"),
    ),
    mutant(
        "labels_compete_with_each_other",
        "multilabel_margin.1 multilabel_margin.3",
        (OTHER, "other = torch.ones(shape, dtype=torch.bool)"),
    ),
    mutant(
        "first_label_alone",
        "multilabel_margin.1 multilabel_margin.4",
        ("pair = label.unsqueeze(-1) &", "pair = (label & (torch.arange(classes) == 0)).unsqueeze(-1) &"),
    ),
    mutant("negative_numbers_are_skipped", "multilabel_margin.2", (LABEL, "label = target != -1")),
    mutant(
        "labels_after_the_end_are_no_others",
        "multilabel_margin.2",
        (OTHER, "other = (target.unsqueeze(-1) != torch.arange(classes)).all(-2)"),
    ),
    mutant(
        "no_labels_is_class_zero",
        "multilabel_margin.3",
        (LABEL, f"{LABEL}\n    label = label | ((torch.arange(classes) == 0) & ~label.any(-1, keepdim=True))"),
        (INDEX, "index = torch.where(label, target.clamp(min=0), 0)"),
    ),
    mutant(
        "no_labels_is_nan",
        "multilabel_margin.3",
        (RESULT, "return reduce(term.sum((-2, -1)) / classes / label.any(-1) * label.any(-1), reduction)"),
    ),
    mutant(
        "labels_count_once",
        "multilabel_margin.4",
        (
            "pair = label.unsqueeze(-1) &",
            "equal = (index.unsqueeze(-1) == index.unsqueeze(-2)) & label.unsqueeze(-1) & label.unsqueeze(-2)\n"
            "    again = equal.to(torch.int64).tril(-1).sum(-1) > 0\n"
            "    pair = (label & ~again).unsqueeze(-1) &",
        ),
    ),
    mutant(
        "divided_by_the_other_classes",
        "multilabel_margin.1 multilabel_margin.5",
        (RESULT, "return reduce(term.sum((-2, -1)) / other.sum(-1).clamp(min=1), reduction)"),
    ),
    mutant(
        "one_sample_keeps_an_axis",
        "multilabel_margin.6",
        (RESULT, "return reduce(torch.atleast_1d(term.sum((-2, -1)) / classes), reduction)"),
    ),
    mutant("slope_at_the_margin", "multilabel_margin.7", (TERM, TERM.replace("~(z <= 0)", "~(z < 0)"))),
    mutant(
        "no_gradient_for_the_labels", "multilabel_margin.7", (Z, Z.replace("input.gather", "input.detach().gather"))
    ),
    mutant("nan_is_beyond_the_margin", "multilabel_margin.8", (TERM, TERM.replace("~(z <= 0)", "(z > 0)"))),
    mutant("masked_by_a_product", "multilabel_margin.9", (TERM, "term = z * (z > 0) * pair")),
    mutant("infinities_are_cut", "multilabel_margin.9", (Z, f"input = input.nan_to_num(nan=torch.nan)\n    {Z}")),
    mutant(
        "checked_up_to_the_end_alone",
        "multilabel_margin.10",
        (
            RANGE,
            "ended = (target == -1).cumsum(-1) > 0\n    in_range = (ended | (target >= 0) & (target < classes)).all()",
        ),
    ),
    mutant(
        "any_negative_number_is_the_end",
        "multilabel_margin.10",
        (RANGE, "in_range = (target < classes).all()\n    target = target.clamp(min=-1)"),
    ),
    mutant(
        "large_labels_are_the_last_class",
        "multilabel_margin.10",
        (RANGE, "in_range = (target >= -1).all()\n    target = target.clamp(max=classes - 1)"),
    ),
    mutant(
        "target_is_broadcast",
        "multilabel_margin.11",
        (SHAPE, f"target = target.expand(input.shape) if target.shape == input.shape[1:] else target\n    {SHAPE}"),
    ),
    mutant(
        "short_targets_are_padded",
        "multilabel_margin.11",
        (
            SHAPE,
            f"{SHAPE}\n    if target.shape[:-1] == input.shape[:-1] and input.dim() "
            "> 0 and 0 < target.shape[-1] < shape[-1]:\n        target = torch.cat([target, "
            "torch.full_like(target[..., :1], -1).expand(*shape[:-1], shape[-1] - target.shape[-1])], -1)",
        ),
    ),
    mutant("more_axes", "multilabel_margin.11", ("require(dims in (1, 2),", "require(dims > 0,")),
    mutant("floating_targets_are_cut", "multilabel_margin.12", (INTEGRAL, "integral, target = True, target.long()")),
    mutant(
        "booleans_are_classes",
        "multilabel_margin.12",
        (INTEGRAL, "integral, target = not target.is_floating_point(), target.long()"),
    ),
)
