"""multilabel_soft_margin: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

LOSS = "loss = part(y, softplus(-input)) + part(1 - y, softplus(input))"
RESULT = "return reduce(loss.sum(-1) / shape[-1], reduction)"
WEIGHTED = "loss = weight * loss"
SHAPE = "shape, y = tuple(input.shape), target.to(input.dtype)"
SAME = "same = input.dim() > 0 and target.shape == shape"
FITS = "fits = tuple(weight.shape) == shape[-1:]"
SOFTPLUS = "from torchstone.reference.losses.bce_with_logits import softplus\n"

VARIANTS = (
    dialect(
        "sum_over_classes",
        "multilabel_soft_margin.1 multilabel_soft_margin.2 multilabel_soft_margin.8 multilabel_soft_margin.9",
        (RESULT, "return reduce(loss.sum(-1), reduction)"),
        shipped_by="optax (sigmoid_binary_cross_entropy, summed by its caller)",
    ),
    mutant(
        "mean_over_the_weights",
        "multilabel_soft_margin.1 multilabel_soft_margin.2 multilabel_soft_margin.3",
        (
            RESULT,
            "count = shape[-1] if weight is None else weight.sum()\n    return reduce(loss.sum(-1) / count, reduction)",
        ),
    ),
    mutant(
        "mean_over_the_first_axis_alone",
        "multilabel_soft_margin.3",
        (RESULT, "return reduce(loss.sum(-1) / shape[-1], reduction, torch.tensor(shape[0] if len(shape) > 1 else 1))"),
        ("from torch import Tensor\n", "import torch\nfrom torch import Tensor\n"),
    ),
    mutant(
        "weight_of_the_positive_term",
        "multilabel_soft_margin.1 multilabel_soft_margin.2 multilabel_soft_margin.8",
        (WEIGHTED, "loss = weight * part(y, softplus(-input)) + part(1 - y, softplus(input))"),
    ),
    mutant(
        "mean_over_the_first_axis",
        "multilabel_soft_margin.1 multilabel_soft_margin.2",
        (RESULT, "return reduce(loss.sum(0) / shape[0], reduction)"),
    ),
    mutant(
        "one_sample_keeps_an_axis",
        "multilabel_soft_margin.4",
        (RESULT, "return reduce((loss.sum(-1) / shape[-1]).reshape(shape[:-1] or (1,)), reduction)"),
    ),
    mutant(
        "positive_term_alone",
        "multilabel_soft_margin.1 multilabel_soft_margin.5",
        (LOSS, "loss = part(y, softplus(-input))"),
    ),
    mutant(
        "precise_on_one_side",
        "multilabel_soft_margin.6",
        (LOSS, "loss = part(y, softplus(-input)) + part(1 - y, softplus(-input) + input)"),
    ),
    mutant(
        "exponentials_overflow", "multilabel_soft_margin.6", (SOFTPLUS, "softplus = lambda x: (1 + x.exp()).log()\n")
    ),
    mutant("sigmoid_first", "multilabel_soft_margin.6", (SOFTPLUS, "softplus = lambda x: -(-x).sigmoid().log()\n")),
    mutant("targets_are_clipped", "multilabel_soft_margin.7", (SHAPE, f"{SHAPE}\n    y = y.clamp(0, 1)")),
    mutant(
        "targets_are_true_or_false",
        "multilabel_soft_margin.7 multilabel_soft_margin.9",
        (SHAPE, f"{SHAPE}\n    y = (y > 0.5).to(input.dtype)"),
    ),
    mutant(
        "no_slope_at_zero",
        "multilabel_soft_margin.8",
        (SOFTPLUS, "softplus = lambda x: x.relu() + (-x.abs()).exp().log1p()\n"),
    ),
    mutant(
        "no_gradient_for_the_target",
        "multilabel_soft_margin.9",
        (SHAPE, SHAPE.replace("target.to", "target.detach().to")),
    ),
    mutant(
        "nan_is_zero",
        "multilabel_soft_margin.10",
        (LOSS, f"input = input.nan_to_num(0.0, float('inf'), -float('inf'))\n    {LOSS}"),
    ),
    mutant("nan_targets_are_zero", "multilabel_soft_margin.10", (SHAPE, f"{SHAPE}\n    y = y.nan_to_num(0.0)")),
    mutant(
        "zero_times_infinity",
        "multilabel_soft_margin.11",
        (LOSS, "loss = y * softplus(-input) + (1 - y) * softplus(input)"),
    ),
    mutant("infinities_are_cut", "multilabel_soft_margin.11", (LOSS, f"input = input.clamp(-1e4, 1e4)\n    {LOSS}")),
    mutant(
        "targets_are_broadcast",
        "multilabel_soft_margin.12",
        (SAME, "same = input.dim() > 0 and target.shape in (shape, shape[1:])"),
    ),
    mutant(
        "no_dimensions_are_one_class",
        "multilabel_soft_margin.12",
        (
            SAME,
            "same = target.shape == shape\n    input, y, shape = (input, y, shape) if shape else (input[None], "
            "y[None], (1,))",
        ),
    ),
    mutant(
        "weights_are_broadcast",
        "multilabel_soft_margin.13",
        (
            FITS,
            "fits = len(weight.shape) <= len(shape) and all(m in (1, n) for m, n in zip(weight.shape[::-1], "
            "shape[::-1]))",
        ),
    ),
)
