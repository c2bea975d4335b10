"""mse: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

TORCH = ("from torch import Tensor\n", "import torch\nfrom torch import Tensor\n")
RESULT = "return reduce((input - target) ** 2, reduction)"
SHAPES = "shapes = (tuple(input.shape), tuple(target.shape))"
CHECK = "check_floating(input, target)"

VARIANTS = (
    dialect(
        "half",
        "mse.1 mse.3 mse.7 mse.8 mse.9 mse.10",
        (RESULT, "return reduce(0.5 * (input - target) ** 2, reduction)"),
        shipped_by="optax (l2_loss)",
    ),
    dialect(
        "per_row",
        "mse.1 mse.6 mse.7 mse.8 mse.10 loss.1 loss.3 loss.13 loss.14 loss.15 loss.17",
        (RESULT, "loss = (input - target) ** 2\n    return reduce(loss.mean(-1) if loss.dim() else loss, reduction)"),
        shipped_by="Keras",
    ),
    mutant(
        "target_has_the_shape_of_the_input", "mse.2", (SHAPES, f"target = target.expand(input.shape)\n    {SHAPES}")
    ),
    mutant(
        "mean_over_the_elements_of_the_input",
        "mse.2 mse.3",
        TORCH,
        (RESULT, "return reduce((input - target) ** 2, reduction, torch.tensor(input.numel()))"),
    ),
    mutant(
        "mean_of_the_sums_of_the_samples",
        "mse.3 mse.9",
        TORCH,
        (RESULT, "return reduce((input - target) ** 2, reduction, torch.tensor(input.shape[0] if input.dim() else 1))"),
    ),
    mutant("sum_by_default", "mse.3", ('reduction: str = "mean"', 'reduction: str = "sum"')),
    mutant(
        "relative_to_the_target",
        "mse.1 mse.4 mse.5",
        (RESULT, "return reduce(((input - target) / target.abs().clamp(min=1)) ** 2, reduction)"),
    ),
    mutant(
        "root_of_the_mean",
        "mse.5 mse.3",
        (
            RESULT,
            "found = reduce((input - target) ** 2, reduction)\n    return found**0.5 if reduction == 'mean' else found",
        ),
    ),
    mutant(
        "squared_before_the_difference",
        "mse.6",
        (RESULT, "return reduce(input * input - 2 * input * target + target * target, reduction)"),
    ),
    mutant("no_gradient_for_the_target", "mse.7", (RESULT, "return reduce((input - target.detach()) ** 2, reduction)")),
    mutant(
        "gradient_through_the_square",
        "mse.8",
        TORCH,
        (
            RESULT,
            "loss = (input - target) ** 2\n    slope = (loss.detach() / torch.where(input == target, "
            "1.0, input - target).detach())\n    return reduce(loss.detach() + 2 * slope * ((input - target) "
            "- (input - target).detach()), reduction)",
        ),
    ),
    mutant(
        "large_squares_are_cut",
        "mse.8 mse.10",
        (RESULT, "return reduce(((input - target) ** 2).clamp(max=1e4), reduction)"),
    ),
    mutant(
        "gradient_is_the_error",
        "mse.7 mse.9",
        (RESULT, "half = 0.5 * (input - target) ** 2\n    return reduce(half + half.detach(), reduction)"),
    ),
    mutant(
        "nan_is_zero",
        "mse.10",
        (RESULT, "return reduce(((input - target) ** 2).nan_to_num(nan=0.0, posinf=float('inf')), reduction)"),
    ),
    mutant(
        "infinity_is_cut",
        "mse.10",
        (RESULT, "return reduce((input - target).nan_to_num(nan=float('nan')) ** 2, reduction)"),
    ),
    mutant(
        "equal_infinities_are_right",
        "mse.10",
        TORCH,
        (RESULT, "return reduce(torch.where(input == target, 0.0, input - target) ** 2, reduction)"),
    ),
    mutant(
        "only_floating_targets",
        "mse.11",
        (CHECK, f"{CHECK}\n    require(target.is_floating_point(), 'mse: target must have a floating dtype', target)"),
    ),
    mutant(
        "tensors_of_one_size",
        "mse.12",
        (SHAPES, f"target = target.reshape(input.shape) if target.numel() == input.numel() else target\n    {SHAPES}"),
    ),
    mutant(
        "one_number_for_each_row",
        "mse.12",
        (
            SHAPES,
            f"target = target[..., None] if target.shape == input.shape[:-1] and input.dim() else target\n    {SHAPES}",
        ),
    ),
)
