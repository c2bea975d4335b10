"""smooth_l1: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

ERROR = "error = (input - target).abs()"
SMALL = "small = torch.where(error < beta, error, 0.0)"
PARABOLA = "parabola = 0.5 * small * (small / (beta or 1.0))"
LINE = "line = error - 0.5 * beta"
RESULT = "return reduce(torch.where(error < beta, parabola, line), reduction)"
SHAPES = "shapes = (tuple(input.shape), tuple(target.shape))"
BETA = "require(beta >= 0,"

VARIANTS = (
    dialect(
        "huber",
        "smooth_l1.1 smooth_l1.2 smooth_l1.3 smooth_l1.6 smooth_l1.7 smooth_l1.8 smooth_l1.9 smooth_l1.10",
        (RESULT, "return reduce(torch.where(error < beta, parabola, line) * beta, reduction)"),
        shipped_by="PaddlePaddle (smooth_l1_loss), unless it is told is_huber=False",
    ),
    dialect(
        "sigma",
        "smooth_l1.1 smooth_l1.2 smooth_l1.3 smooth_l1.6 smooth_l1.7 smooth_l1.8 smooth_l1.9 smooth_l1.10",
        (ERROR, f"beta = 1 / beta**2 if beta else float('inf')\n    {ERROR}"),
        shipped_by="MXNet, and Girshick's own code",
    ),
    mutant(
        "not_divided_by_beta",
        "smooth_l1.1 smooth_l1.6 smooth_l1.9",
        (PARABOLA, "parabola = 0.5 * small * small"),
    ),
    mutant("no_half_of_the_square", "smooth_l1.1 smooth_l1.9", (PARABOLA, PARABOLA.replace("0.5 * ", ""))),
    mutant("line_through_zero", "smooth_l1.2", (LINE, "line = error")),
    mutant("line_that_does_not_know_beta", "smooth_l1.2 smooth_l1.3 smooth_l1.6", (LINE, "line = error - 0.5")),
    mutant(
        "beta_of_zero_divides",
        "smooth_l1.3",
        (
            RESULT,
            "slope = (error / beta).clamp(max=1) if beta else error / torch.zeros_like(error)\n"
            "    return reduce(slope * error - 0.5 * beta * slope**2, reduction)",
        ),
    ),
    mutant("beta_of_zero_is_the_default", "smooth_l1.3", (ERROR, f"beta = beta or 1.0\n    {ERROR}")),
    mutant(
        "kink_at_one",
        "smooth_l1.1 smooth_l1.2 smooth_l1.6 smooth_l1.9",
        (RESULT, RESULT.replace("error < beta", "error < 1")),
        (SMALL, "small = error"),
    ),
    mutant(
        "mean_over_the_elements_of_the_input",
        "smooth_l1.4",
        (RESULT, RESULT.replace("reduction)", "reduction, torch.tensor(input.numel()))")),
    ),
    mutant(
        "one_sided",
        "smooth_l1.5",
        (RESULT, RESULT.replace("error < beta", "(error < beta) | (input < target)")),
        (SMALL, "small = error"),
    ),
    mutant(
        "relative_to_the_target",
        "smooth_l1.1 smooth_l1.5",
        (ERROR, "error = (input - target).abs() / (1 + target.abs())"),
    ),
    mutant(
        "square_before_the_division",
        "smooth_l1.8",
        (PARABOLA, "parabola = 0.5 * small * small / (beta or 1.0)"),
    ),
    mutant(
        "both_arms_by_a_mask",
        "smooth_l1.10",
        (SMALL, "small = error"),
        (
            RESULT,
            "inside = (error < beta).to(error.dtype)\n    return reduce(inside * parabola + (1 - inside) * "
            "line, reduction)",
        ),
    ),
    mutant("no_gradient_for_the_target", "smooth_l1.9", (ERROR, "error = (input - target.detach()).abs()")),
    mutant(
        "nan_is_on_the_line", "smooth_l1.10", (ERROR, f"{ERROR}\n    error = torch.where(error.isnan(), beta, error)")
    ),
    mutant("infinity_is_cut", "smooth_l1.10", (ERROR, f"{ERROR}.nan_to_num(nan=torch.nan)")),
    mutant(
        "equal_infinities_are_right",
        "smooth_l1.10",
        (ERROR, "error = torch.where(input == target, 0.0, input - target).abs()"),
    ),
    mutant(
        "only_floating_targets",
        "smooth_l1.11",
        (
            BETA,
            f"require(target.is_floating_point(), 'smooth_l1: target must have a floating dtype', target)\n    {BETA}",
        ),
    ),
    mutant("any_beta", "smooth_l1.12", (BETA, "require(beta == beta,")),
    mutant("beta_may_be_nan", "smooth_l1.12", (BETA, "require(not beta < 0,")),
    mutant(
        "tensors_of_one_size",
        "smooth_l1.13",
        (SHAPES, f"target = target.reshape(input.shape) if target.numel() == input.numel() else target\n    {SHAPES}"),
    ),
    mutant(
        "one_number_for_each_row",
        "smooth_l1.13",
        (
            SHAPES,
            f"target = target[..., None] if target.shape == input.shape[:-1] and input.dim() else target\n    {SHAPES}",
        ),
    ),
)

EQUIVALENT = {
    "small = torch.where(error <= beta, error, 0.0)": "what stands there is not chosen",
    "small = torch.where(error < beta, error, 1.0)": "what stands there is not chosen",
    "parabola = 0.5 * small * (small / (((beta))))": "with a beta of zero the parabola is not chosen",
    "parabola = 0.5 * small * (small / (beta or 2.0))": "with a beta of zero the parabola is not chosen",
}
