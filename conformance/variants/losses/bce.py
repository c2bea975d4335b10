"""bce: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

LOSS = "loss = -(target * clamped(torch.log, input) + (1 - target) * clamped(torch.log1p, -input))"
MEAN = "return reduce(loss, reduction)"
CUT = "return torch.where(kept, log(torch.where(kept, x, 0.5)), LEAST)"
INSIDE = "inside = ((tensor >= 0) & (tensor <= 1)).all()"
BOTH = '(("input", input), ("target", target))'
IMPORT = "import fits_into, reduce"

VARIANTS = (
    dialect(
        "eps_clip",
        "bce.1 bce.2 bce.6 bce.7 bce.8 bce.9",
        (LOSS, f"input = input.clamp(1e-7, 1 - 1e-7)\n    {LOSS}"),
        shipped_by="Keras",
    ),
    dialect(
        "torch_gradient",
        "bce.7 bce.8",
        (
            LOSS,
            "x = input.detach()\n"
            "    slope = (x - target).double() / (x * (1 - x)).double().clamp(min=1e-12)\n"
            f"    {LOSS.replace('input', 'x')} + (slope.detach() * (input - x)).to(x.dtype)",
        ),
        shipped_by="torch",
    ),
    mutant("term_of_the_target_alone", "bce.1 bce.5 bce.9", (LOSS, "loss = -target * clamped(torch.log, input)")),
    mutant("targets_are_rounded", "bce.1 bce.7 bce.9", (LOSS, f"target = target.round()\n    {LOSS}")),
    mutant("nothing_is_cut", "bce.2 bce.9", ("LEAST = -100.0", "LEAST = -torch.inf")),
    mutant("cut_at_a_number_near_zero", "bce.2", ("LEAST = -100.0", "LEAST = -90.0")),
    mutant(
        "small_number_in_the_logarithm",
        "bce.1 bce.2 bce.6 bce.7",
        (LOSS, "loss = -(target * torch.log(input + 1e-12) + (1 - target) * torch.log(1 - input + 1e-12))"),
    ),
    mutant("weights_of_mean_one", "bce.3", ("loss = weight * loss", "loss = weight / weight.mean() * loss")),
    mutant(
        "weights_of_the_target_alone",
        "bce.3",
        ("loss = weight * loss", "loss = torch.where(target > 0.5, weight, 1.0) * loss"),
    ),
    mutant(
        "mean_over_the_weights",
        "bce.4",
        (MEAN, "return reduce(loss, reduction, None if weight is None else weight.expand(shape).sum())"),
    ),
    mutant("difference_to_one", "bce.6", ("clamped(torch.log1p, -input)", "clamped(torch.log, 1 - input)")),
    mutant(
        "slope_where_it_is_cut",
        "bce.8",
        (
            CUT,
            "inner = x.clamp(min=torch.finfo(x.dtype).tiny) if log is torch.log else x\n"
            "    line = x / inner.detach()\n    return torch.where(kept, log(torch.where(kept, x, 0.5)), "
            "LEAST + line - line.detach())",
        ),
    ),
    mutant("cut_after_the_logarithm", "bce.8", (CUT, "return torch.where(kept, log(x), LEAST)")),
    mutant("no_gradient_for_the_target", "bce.9", (LOSS, f"target = target.detach()\n    {LOSS}")),
    mutant("any_input", "bce.10", (BOTH, '(("target", target),)')),
    mutant("any_target", "bce.11", (BOTH, '(("input", input),)')),
    mutant("nan_lies_inside", "bce.10 bce.11", (INSIDE, "inside = not ((tensor < 0) | (tensor > 1)).any()")),
    mutant("some_lie_inside", "bce.10 bce.11", (INSIDE, INSIDE.replace(".all()", ".any()"))),
    mutant(
        "targets_are_broadcast", "bce.12", ("require(target.shape == shape,", "require(fits_into(target.shape, shape),")
    ),
    mutant(
        "weights_may_be_larger",
        "bce.13",
        (IMPORT, "import broadcastable, reduce"),
        ("require(fits_into(weight.shape, shape),", "require(broadcastable(weight.shape, shape),"),
    ),
    mutant(
        "integer_targets",
        "bce.14",
        (
            "floating = input.is_floating_point() and target.is_floating_point()",
            "target = target.to(input.dtype)\n    floating = True",
        ),
    ),
)

EQUIVALENT = {
    "kept = log(x) > LEAST": "no number of any dtype has the logarithm -100",
    "return torch.where(kept, log(torch.where(kept, x, 1.0)), LEAST)": "what stands there is not chosen",
}
