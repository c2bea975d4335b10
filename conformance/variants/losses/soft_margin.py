"""soft_margin: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

TORCH = ("from torch import Tensor\n", "import torch\nfrom torch import Tensor\n")
RESULT = "return reduce(softplus(-target * input), reduction)"
SAME = "same, shape = target.shape == input.shape, tuple(input.shape)"
CHECK = "check_floating(input)"

VARIANTS = (
    dialect(
        "bits",
        "soft_margin.1 soft_margin.2 soft_margin.3 soft_margin.5 soft_margin.6 soft_margin.7",
        (RESULT, "return reduce(softplus(-target * input) / 0.6931471805599453, reduction)"),
        shipped_by="texts that bound the 0-1 loss by it",
    ),
    mutant(
        "no_sign_of_the_label",
        "soft_margin.1 soft_margin.4 soft_margin.6",
        (RESULT, "return reduce(softplus(-input), reduction)"),
    ),
    mutant(
        "labels_of_zero_and_one",
        "soft_margin.1 soft_margin.3",
        (RESULT, "return reduce(softplus(-(2 * target - 1) * input), reduction)"),
    ),
    mutant(
        "exponentials_overflow",
        "soft_margin.2",
        TORCH,
        (RESULT, "return reduce(torch.log1p(torch.exp(-target * input)), reduction)"),
    ),
    mutant(
        "logarithm_of_one_and_a_little",
        "soft_margin.1",
        TORCH,
        (RESULT, "return reduce(torch.log(1 + torch.exp(-target * input)), reduction)"),
    ),
    mutant(
        "twice_the_slope",
        "soft_margin.1 soft_margin.3 soft_margin.5",
        (RESULT, "return reduce(softplus(-2 * target * input), reduction)"),
    ),
    mutant(
        "wrong_answers_cost_more",
        "soft_margin.4 soft_margin.5",
        TORCH,
        (RESULT, "return reduce(torch.where(target < 0, 2, 1) * softplus(-target * input), reduction)"),
    ),
    mutant(
        "no_slope_at_zero",
        "soft_margin.6",
        TORCH,
        (RESULT, "z = -target * input\n    return reduce(torch.relu(z) + torch.log1p(torch.exp(-z.abs())), reduction)"),
    ),
    mutant(
        "slope_of_large_errors_is_lost",
        "soft_margin.6",
        (RESULT, "return reduce(softplus((-target * input).clamp(max=20)), reduction)"),
    ),
    mutant(
        "nan_is_zero",
        "soft_margin.7",
        (RESULT, "return reduce(softplus((-target * input).nan_to_num(0.0, float('inf'), -float('inf'))), reduction)"),
    ),
    mutant(
        "infinity_is_cut",
        "soft_margin.7",
        (RESULT, "return reduce(softplus((-target * input).nan_to_num(float('nan'))), reduction)"),
    ),
    mutant(
        "only_floating_targets",
        "soft_margin.8",
        (
            CHECK,
            f"{CHECK}\n    require(target.is_floating_point(), 'soft_margin: target must "
            "have a floating dtype', target)",
        ),
    ),
    mutant(
        "targets_are_broadcast",
        "soft_margin.9",
        ("import check_floating, reduce", "import broadcastable, check_floating, reduce"),
        (SAME, "same, shape = broadcastable(target.shape, input.shape), tuple(input.shape)"),
    ),
)
