"""huber: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

ERROR = "error = (input - target).abs()"
SMALL = "small = torch.where(error <= delta, error, 0.0)"
PARABOLA = "parabola = 0.5 * small * small"
LINE = "line = delta * (error - 0.5 * delta)"
RESULT = "return reduce(torch.where(error <= delta, parabola, line), reduction)"
SHAPES = "shapes = (tuple(input.shape), tuple(target.shape))"
DELTA = "require(delta > 0,"

VARIANTS = (
    dialect(
        "smooth_l1",
        "huber.1 huber.2 huber.3 huber.4 huber.5 huber.6 huber.9 huber.10",
        (RESULT, "return reduce(torch.where(error <= delta, parabola, line) / delta, reduction)"),
        shipped_by="torch and others, as smooth_l1",
    ),
    dialect(
        "per_row",
        "huber.1 huber.2 huber.3 huber.5 huber.6 huber.9 huber.10 loss.1 loss.3 loss.13 loss.14 loss.15 loss.17",
        (
            RESULT,
            "loss = torch.where(error <= delta, parabola, line)\n    return reduce(loss.mean(-1) "
            "if loss.dim() else loss, reduction)",
        ),
        shipped_by="Keras",
    ),
    mutant("no_half_of_the_square", "huber.1 huber.5 huber.9", (PARABOLA, "parabola = small * small")),
    mutant("line_of_slope_one", "huber.2 huber.4 huber.6", (LINE, "line = error - 0.5 * delta")),
    mutant("line_through_zero", "huber.2", (LINE, "line = delta * error")),
    mutant(
        "square_of_every_error",
        "huber.3",
        (SMALL, "small = error"),
        (
            RESULT,
            "inside = (error <= delta).to(error.dtype)\n    return reduce(inside * parabola + (1 - inside) * "
            "line, reduction)",
        ),
    ),
    mutant(
        "kink_at_one",
        "huber.2 huber.4 huber.9",
        (RESULT, RESULT.replace("error <= delta", "error <= 1")),
        (SMALL, "small = error"),
    ),
    mutant(
        "mean_over_the_elements_of_the_input",
        "huber.7",
        (RESULT, "return reduce(torch.where(error <= delta, parabola, line), reduction, torch.tensor(input.numel()))"),
    ),
    mutant(
        "one_sided",
        "huber.8",
        (
            RESULT,
            "return reduce(torch.where((error <= delta) | (input < target), 0.5 * error * error, line), reduction)",
        ),
    ),
    mutant("relative_to_the_target", "huber.1 huber.8", (ERROR, "error = (input - target).abs() / (1 + target.abs())")),
    mutant("no_gradient_for_the_target", "huber.9", (ERROR, "error = (input - target.detach()).abs()")),
    mutant("gradient_of_a_clipped_error", "huber.9", (LINE, f"{LINE.replace('error', 'error.detach()')}")),
    mutant("nan_is_on_the_line", "huber.10", (ERROR, f"{ERROR}\n    error = torch.where(error.isnan(), delta, error)")),
    mutant("infinity_is_cut", "huber.10", (ERROR, f"{ERROR}.nan_to_num(nan=torch.nan)")),
    mutant(
        "equal_infinities_are_right",
        "huber.10",
        (ERROR, "error = torch.where(input == target, 0.0, input - target).abs()"),
    ),
    mutant("no_number_is_zero_at_zero", "huber.10", (ERROR, "error = ((input - target) ** 2 + 1e-12) ** 0.5")),
    mutant(
        "only_floating_targets",
        "huber.11",
        (
            DELTA,
            f"require(target.is_floating_point(), 'huber: target must have a floating dtype', target)\n    {DELTA}",
        ),
    ),
    mutant("delta_of_zero", "huber.12", (DELTA, "require(delta >= 0,")),
    mutant("delta_may_be_nan", "huber.12", (DELTA, "require(not delta <= 0,")),
    mutant(
        "tensors_of_one_size",
        "huber.13",
        (SHAPES, f"target = target.reshape(input.shape) if target.numel() == input.numel() else target\n    {SHAPES}"),
    ),
    mutant(
        "one_number_for_each_row",
        "huber.13",
        (
            SHAPES,
            f"target = target[..., None] if target.shape == input.shape[:-1] and input.dim() else target\n    {SHAPES}",
        ),
    ),
)

EQUIVALENT = {
    "return reduce(torch.where(error < delta, parabola, line), reduction)": "equal errors give equal forms",
    "small = torch.where(error <= delta, error, 1.0)": "what stands there is not chosen",
}
