"""bce_with_logits: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

TERMS = "w * (p * part(target, yes) + part(1 - target, no))"
PARTS = "yes, no = softplus(-input), softplus(input)"
SOFTPLUS = "return torch.where(positive, x, 0.0) + torch.log1p(torch.exp(torch.where(positive, -x, x)))"
FITS = "require(fits_into(weight.shape, shape), f"
IMPORT = "import fits_into, part, reduce"

VARIANTS = (
    dialect(
        "difference",
        "bce_with_logits.13",
        (
            PARTS,
            "top, smaller = torch.where(input > 0, input, 0.0), torch.where(input > 0, -input, input)\n"
            "    tail = torch.log1p(torch.exp(smaller))",
        ),
        (
            TERMS,
            "w * (top - input * target + tail if pos_weight is None else"
            " (1 - target) * input + (1 + (p - 1) * target) * (top - input + tail))",
        ),
        shipped_by="TensorFlow",
    ),
    mutant(
        "pos_weight_of_both_terms",
        "bce_with_logits.1 bce_with_logits.3 bce_with_logits.6 bce_with_logits.10 bce_with_logits.11",
        (TERMS, "w * p * (part(target, yes) + part(1 - target, no))"),
    ),
    mutant(
        "pos_weight_of_the_other_term",
        "bce_with_logits.1 bce_with_logits.3 bce_with_logits.6 bce_with_logits.14",
        (TERMS, "w * (part(target, yes) + p * part(1 - target, no))"),
    ),
    mutant(
        "weight_of_the_positive_term",
        "bce_with_logits.1 bce_with_logits.4 bce_with_logits.7 bce_with_logits.10 bce_with_logits.11",
        (TERMS, "w * p * part(target, yes) + part(1 - target, no)"),
    ),
    mutant(
        "sigmoid_first",
        "bce_with_logits.2 bce_with_logits.8",
        (PARTS, "s = 1 / (1 + torch.exp(-input))\n    yes, no = -torch.log(s), -torch.log(1 - s)"),
    ),
    mutant(
        "no_loss_above_100",
        "bce_with_logits.13",
        (PARTS, "yes, no = softplus(-input).clamp(max=100), softplus(input).clamp(max=100)"),
    ),
    mutant(
        "logarithm_of_one_and_a_little",
        "bce_with_logits.1",
        (SOFTPLUS, SOFTPLUS.replace("torch.log1p(", "torch.log(1 + ")),
    ),
    mutant(
        "linear_above_20",
        "bce_with_logits.10",
        (SOFTPLUS, "return torch.where(x > 20, x, torch.log1p(torch.exp(torch.where(x > 20, 20.0, x))))"),
    ),
    mutant(
        "mean_over_the_weights", "bce_with_logits.5", ("no)), reduction)", "no)), reduction, w.expand(shape).sum())")
    ),
    mutant(
        "mean_over_the_first_axis_alone",
        "bce_with_logits.5",
        ("no)), reduction)", "no)), reduction, torch.tensor(shape[0] if shape else 1))"),
    ),
    mutant(
        "targets_are_rounded",
        "bce_with_logits.1 bce_with_logits.8 bce_with_logits.9 bce_with_logits.11",
        ("part(target, yes)", "part(target.round(), yes)"),
        ("part(1 - target, no)", "part(1 - target.round(), no)"),
    ),
    mutant(
        "precise_on_one_side",
        "bce_with_logits.8",
        (PARTS, "yes, no = softplus(-input), softplus(-input) + input"),
    ),
    mutant("targets_are_clipped", "bce_with_logits.9", (PARTS, f"target = target.clamp(0, 1)\n    {PARTS}")),
    mutant(
        "no_slope_at_zero", "bce_with_logits.10", (SOFTPLUS, "return torch.relu(x) + torch.log1p(torch.exp(-x.abs()))")
    ),
    mutant(
        "gradient_of_a_difference",
        "bce_with_logits.10",
        (
            PARTS,
            "top = softplus(input) - input\n    yes, no = softplus(-input).detach() "
            "+ top - top.detach(), softplus(input)",
        ),
    ),
    mutant("no_gradient_for_the_target", "bce_with_logits.11", (PARTS, f"target = target.detach()\n    {PARTS}")),
    mutant(
        "nan_is_zero",
        "bce_with_logits.12",
        (PARTS, "yes, no = (softplus(x) for x in (-input.nan_to_num(0.0), input.nan_to_num(0.0)))"),
    ),
    mutant("zero_times_infinity", "bce_with_logits.13", (TERMS, "w * (p * target * yes + (1 - target) * no)")),
    mutant(
        "infinities_are_cut",
        "bce_with_logits.13 bce_with_logits.14",
        (PARTS, f"input = input.nan_to_num(torch.nan)\n    {PARTS}"),
    ),
    mutant(
        "targets_are_broadcast",
        "bce_with_logits.15",
        ("same = target.shape == shape", "same = fits_into(target.shape, shape)"),
    ),
    mutant(
        "weights_may_be_larger",
        "bce_with_logits.16 bce_with_logits.17",
        (IMPORT, "import broadcastable, part, reduce"),
        (FITS, FITS.replace("fits_into", "broadcastable")),
    ),
    mutant(
        "weights_are_not_checked",
        "bce_with_logits.16 bce_with_logits.17",
        (IMPORT, "import part, reduce"),
        (FITS, "require(True, f"),
    ),
    mutant(
        "integer_targets",
        "bce_with_logits.18",
        (
            "floating = input.is_floating_point() and target.is_floating_point()",
            "target = target.to(input.dtype)\n    floating = True",
        ),
    ),
)

EQUIVALENT = {
    "floating = ((target.is_floating_point()))": "whether an input of integers is accepted is left open",
    "positive = x >= 0": "at 0 both arms are the same, and so are their slopes",
    "positive = x > 1": "between 0 and 1 neither arm overflows or loses digits",
}
