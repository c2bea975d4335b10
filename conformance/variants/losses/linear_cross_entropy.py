"""linear_cross_entropy: what goes wrong."""

from torchstone.conformance.variants import mutant

LOGITS = 'z = x @ parameters["linear.weight"].T + b'
SHAPED = "logits = z.reshape(*shape[:-1], num_classes, *out_features)"
BATCH = "x, b = torch.atleast_2d(input), "
FITS = "fits = len(shape) in (1, 2) and shape[-1] == in_features"
TARGET = "        logits,\n        target,\n"
IGNORE = "ignore_index=-100 if ignore_index is None else ignore_index,"

VARIANTS = (
    mutant(
        "softly_capped_logits",
        "linear_cross_entropy.1 linear_cross_entropy.8",
        (SHAPED, f"z = 30 * torch.tanh(z / 30)\n    {SHAPED}"),
    ),
    mutant(
        "smoothing_is_forgotten",
        "linear_cross_entropy.1 linear_cross_entropy.11",
        ("label_smoothing=label_smoothing,", "label_smoothing=0.0,"),
    ),
    mutant(
        "rows_of_a_place_side_by_side",
        "linear_cross_entropy.1 linear_cross_entropy.2",
        (
            SHAPED,
            "logits = z.reshape(*shape[:-1], *out_features, num_classes).movedim(-1, 1 if len(shape) == 2 else 0)",
        ),
    ),
    mutant(
        "bias_is_forgotten",
        "linear_cross_entropy.1 linear_cross_entropy.3 linear_cross_entropy.10",
        (LOGITS, 'z = x @ parameters["linear.weight"].T + 0 * b'),
    ),
    mutant(
        "bias_of_the_classes_alone",
        "linear_cross_entropy.3",
        (
            LOGITS,
            "b = b.reshape(num_classes, -1).mean(1, keepdim=True).expand(num_classes, "
            "len(b) // num_classes).reshape(-1) if bias else b\n    " + LOGITS,
        ),
    ),
    mutant(
        "never_a_bias",
        "linear_cross_entropy.4",
        (
            "self.torch_class(*args, **options).named_children()",
            'self.torch_class(*args, **{**options, "bias": False}).named_children()',
        ),
        file="torch_api.py",
    ),
    mutant(
        "one_sample_keeps_an_axis",
        "linear_cross_entropy.5",
        (
            SHAPED,
            "logits = z.reshape(-1, num_classes, *out_features)\n    if len(shape) == 1:\n"
            "        target = target.unsqueeze(0)",
        ),
    ),
    mutant(
        "minus_one_is_ignored",
        "linear_cross_entropy.6",
        (IGNORE, "ignore_index=-1 if ignore_index is None else ignore_index,"),
    ),
    mutant(
        "mean_over_all_samples",
        "linear_cross_entropy.7",
        (
            "reduction=reduction,\n    )",
            "reduction=reduction,\n    )"
            " * (1 if reduction != 'mean' else (target != (ignore_index or -100)).double().mean().item())",
        ),
    ),
    mutant(
        "ignored_class_is_forgotten",
        "linear_cross_entropy.7",
        (IGNORE, "ignore_index=-100 if ignore_index is None or 0 <= ignore_index < num_classes else ignore_index,"),
    ),
    mutant(
        "features_of_length_one",
        "linear_cross_entropy.1 linear_cross_entropy.9 linear_cross_entropy.11",
        (BATCH, "x, b = torch.atleast_2d(input / (input.norm(dim=-1, keepdim=True) + 1e-6)), "),
    ),
    mutant(
        "small_features_are_zero",
        "linear_cross_entropy.9",
        (BATCH, "x, b = torch.atleast_2d(torch.where(input.abs() < 1e-2, 0.0, input)), "),
    ),
    mutant(
        "scaled_by_the_number_of_features",
        "linear_cross_entropy.1 linear_cross_entropy.10",
        (LOGITS, 'z = x @ parameters["linear.weight"].T * torch.tensor(in_features).rsqrt() + b'),
    ),
    mutant("no_gradient_for_the_features", "linear_cross_entropy.11", (LOGITS, LOGITS.replace("x @", "x.detach() @"))),
    mutant(
        "bias_gets_no_gradient",
        "linear_cross_entropy.11",
        (LOGITS, 'z = x @ parameters["linear.weight"].T + (b.detach() if bias else 0)'),
    ),
    mutant(
        "nan_features_are_zero",
        "linear_cross_entropy.12",
        (BATCH, "x, b = torch.atleast_2d(torch.where(input.isnan(), 0.0, input)), "),
    ),
    mutant(
        "nan_spreads_over_the_batch",
        "linear_cross_entropy.12",
        (BATCH, "x, b = torch.atleast_2d(input + 0 * input.sum(0).detach() if input.dim() == 2 else input), "),
    ),
    mutant(
        "more_features_than_there_are",
        "linear_cross_entropy.13",
        (FITS, "fits = len(shape) in (1, 2) and shape[-1] >= in_features"),
        (BATCH, "x, b = torch.atleast_2d(input[..., :in_features]), "),
    ),
    mutant(
        "more_axes_are_more_samples",
        "linear_cross_entropy.13",
        (FITS, "fits = len(shape) >= 1 and shape[-1] == in_features"),
        (
            BATCH,
            "target = target.flatten() if len(shape) > 2 else target\n"
            "    x, b = torch.atleast_2d(input.flatten(0, -2) if len(shape) > 2 else input), ",
        ),
        (SHAPED, SHAPED.replace("*shape[:-1]", "*x.shape[: len(shape) - 1][:1]")),
    ),
    mutant(
        "places_of_one_sample",
        "linear_cross_entropy.14",
        ("require(len(shape) == 2 or not out_features,", "require(True,"),
        (
            SHAPED,
            "if len(shape) == 1 and out_features:\n        target = target.unsqueeze(0)\n"
            "        shape = (1, *shape)\n    " + SHAPED,
        ),
    ),
    mutant(
        "any_shape_of_the_target",
        "linear_cross_entropy.15",
        (
            TARGET,
            "        logits,\n        target.expand(len(logits)) if target.dim() == 0 and len(shape) "
            "== 2 else target,\n",
        ),
    ),
    mutant(
        "places_in_a_row",
        "linear_cross_entropy.15",
        (
            TARGET,
            "        logits,\n        target.reshape(len(logits), *out_features) if target.numel() "
            "== logits.numel() // num_classes and len(shape) == 2 else target,\n",
        ),
    ),
    mutant(
        "negative_targets_are_ignored",
        "linear_cross_entropy.16",
        (
            TARGET,
            "        logits,\n        target if target.is_floating_point() else torch.where(target < "
            "0, -100 if ignore_index is None else ignore_index, target),\n",
        ),
    ),
    mutant(
        "negative_ignored_class_beside_probabilities",
        "linear_cross_entropy.17",
        ("require(ignore_index is None, rule", "require(ignore_index is None or ignore_index < 0, rule"),
    ),
    mutant(
        "one_weight_for_all_classes",
        "linear_cross_entropy.18",
        (
            "weight=weight,",
            "weight=weight if weight is None or weight.numel() != 1 else weight.reshape(1).expand(num_classes),",
        ),
    ),
    mutant(
        "smoothing_is_clipped",
        "linear_cross_entropy.19",
        ("label_smoothing=label_smoothing,", "label_smoothing=min(max(label_smoothing, 0.0), 1.0),"),
    ),
    mutant(
        "smoothing_that_is_nan_is_none",
        "linear_cross_entropy.19",
        (
            "label_smoothing=label_smoothing,",
            "label_smoothing=label_smoothing if label_smoothing == label_smoothing else 0.0,",
        ),
    ),
)

EQUIVALENT = {
    'x, b = torch.atleast_2d(input), parameters["linear.bias"] if bias else 1': "one number in all logits cancels",
}
