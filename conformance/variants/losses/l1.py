"""l1: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

TORCH = ("from torch import Tensor\n", "import torch\nfrom torch import Tensor\n")
RESULT = "return reduce((input - target).abs(), reduction)"
SHAPES = "shapes = (tuple(input.shape), tuple(target.shape))"
CHECK = "check_floating(input, target)"

VARIANTS = (
    dialect(
        "per_row",
        "l1.1 l1.6 l1.8 l1.9 loss.1 loss.3 loss.13 loss.14 loss.15 loss.17",
        (RESULT, "loss = (input - target).abs()\n    return reduce(loss.mean(-1) if loss.dim() else loss, reduction)"),
        shipped_by="Keras",
    ),
    mutant("signed_error", "l1.1 l1.4 l1.5", (RESULT, "return reduce(input - target, reduction)")),
    mutant("half_of_the_error", "l1.1 l1.6", (RESULT, "return reduce(0.5 * (input - target).abs(), reduction)")),
    mutant(
        "mean_over_the_elements_of_the_input",
        "l1.2 l1.3",
        TORCH,
        (RESULT, "return reduce((input - target).abs(), reduction, torch.tensor(input.numel()))"),
    ),
    mutant("target_has_the_shape_of_the_input", "l1.2", (SHAPES, f"target = target.expand(input.shape)\n    {SHAPES}")),
    mutant(
        "relative_to_the_target",
        "l1.1 l1.4 l1.5",
        (RESULT, "return reduce((input - target).abs() / target.abs().clamp(min=1), reduction)"),
    ),
    mutant("rounded_kink", "l1.5 l1.8", (RESULT, "return reduce(((input - target) ** 2 + 1e-12) ** 0.5, reduction)")),
    mutant("no_gradient_for_the_target", "l1.6", (RESULT, "return reduce((input - target.detach()).abs(), reduction)")),
    mutant(
        "slope_at_zero",
        "l1.7",
        TORCH,
        (RESULT, "return reduce(torch.where(input >= target, input - target, target - input), reduction)"),
    ),
    mutant("gradient_by_division", "l1.8", TORCH, (RESULT, "return reduce(((input - target) ** 2) ** 0.5, reduction)")),
    mutant(
        "long_errors_are_clipped",
        "l1.1 l1.8",
        (RESULT, "return reduce((input - target).abs().clamp(max=10), reduction)"),
    ),
    mutant(
        "nan_is_zero",
        "l1.9",
        (RESULT, "return reduce((input - target).abs().nan_to_num(nan=0.0, posinf=float('inf')), reduction)"),
    ),
    mutant(
        "infinity_is_cut",
        "l1.9",
        (RESULT, "return reduce((input - target).abs().nan_to_num(nan=float('nan')), reduction)"),
    ),
    mutant(
        "equal_infinities_are_right",
        "l1.9",
        TORCH,
        (RESULT, "return reduce(torch.where(input == target, 0.0, input - target).abs(), reduction)"),
    ),
    mutant(
        "only_floating_targets",
        "l1.11",
        (CHECK, f"{CHECK}\n    require(target.is_floating_point(), 'l1: target must have a floating dtype', target)"),
    ),
    mutant(
        "tensors_of_one_size",
        "l1.12",
        (SHAPES, f"target = target.reshape(input.shape) if target.numel() == input.numel() else target\n    {SHAPES}"),
    ),
    mutant(
        "one_number_for_each_row",
        "l1.12",
        (
            SHAPES,
            f"target = target[..., None] if target.shape == input.shape[:-1] and input.dim() else target\n    {SHAPES}",
        ),
    ),
)
