"""muon: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

VARIANTS = (
    dialect(
        "sum_of_gradients",
        "muon.1",
        ("momentum * state.b + (1 - momentum) * grad", "momentum * state.b + grad"),
        ("momentum * b + (1 - momentum) * grad", "momentum * b + grad"),
        shipped_by="the paper",
    ),
    dialect(
        "eps_added",
        "muon.3",
        ("torch.linalg.vector_norm(u).clamp(min=eps)", "(torch.linalg.vector_norm(u) + eps)"),
        shipped_by="the authors' program, Optax",
    ),
    mutant(
        "nesterov_with_the_buffer_before",
        "muon.2",
        ("momentum * b + (1 - momentum) * grad", "momentum * state.b + (1 - momentum) * grad"),
    ),
    mutant(
        "nesterov_adds_the_whole_gradient", "muon.2", ("momentum * b + (1 - momentum) * grad", "momentum * b + grad")
    ),
    mutant(
        "not_divided_by_the_norm", "muon.3 muon.10 muon.13", ("u / torch.linalg.vector_norm(u).clamp(min=eps)", "1 * u")
    ),
    mutant(
        "each_row_by_its_norm",
        "muon.3 muon.12 muon.13",
        ("torch.linalg.vector_norm(u)", "torch.linalg.vector_norm(u, dim=1, keepdim=True)"),
    ),
    mutant("last_term_forgotten", "muon.4 muon.9", ("(b * gram + c * gram @ gram)", "(b * gram)")),
    mutant("half_of_the_gram_matrix", "muon.4 muon.11", ("x @ x.T", "(x @ x.T).tril()")),
    mutant("one_iteration_at_most", "muon.4", ("range(steps)", "range(min(1, steps))")),
    mutant(
        "decay_with_the_adjusted_rate", "muon.6 muon.14", ("(1 - lr * weight_decay)", "(1 - lr * ratio * weight_decay)")
    ),
    mutant("decay_without_the_rate", "muon.6 muon.14", ("(1 - lr * weight_decay)", "(1 - weight_decay)")),
    mutant("ratio_of_a_wide_matrix", "muon.7", ("rows / max(1, columns)", "columns / max(1, rows)")),
    mutant("ratio_without_the_root", "muon.7", ("max(1, columns)) ** 0.5", "max(1, columns))")),
    mutant("no_columns_divide_by_zero", "muon.7", ("rows / max(1, columns)", "rows / columns")),
    mutant("ratio_of_the_shorter_side", "muon.8", ("max(rows, columns)", "min(rows, columns)")),
    mutant("ratio_of_the_rows", "muon.8 muon.12", ("max(rows, columns)", "rows")),
    mutant(
        "original_ratio_under_any_name",
        "muon.8",
        (' if adjust_lr_fn == "match_rms_adamw" else', ' if adjust_lr_fn == "match_rms" else'),
    ),
    mutant("no_least_norm", "muon.3 muon.14 muon.15", (".clamp(min=eps)", "")),
    mutant("norm_never_zero", "muon.16", (".clamp(min=eps)", ".clamp(min=max(eps, 1e-7))")),
    mutant(
        "what_is_not_finite_is_left_out",
        "muon.17",
        ("rows, columns = param.shape", ("rows, columns = param.shape\n    grad = grad.where(grad.isfinite(), 0.0)")),
    ),
    mutant(
        "decay_subtracted",
        "muon.18",
        ("(1 - lr * weight_decay) * param - lr", "param - lr * weight_decay * param - lr"),
    ),
    mutant("rate_of_nan_passes", "muon.19", ("require(lr >= 0,", "require(not lr < 0,")),
    mutant("decay_of_nan_passes", "muon.20", ("require(weight_decay >= 0,", "require(not weight_decay < 0,")),
    mutant("momentum_of_nan_passes", "muon.21", ("require(momentum >= 0,", "require(not momentum < 0,")),
    mutant("epsilon_just_below_zero_passes", "muon.22", ("require(eps >= 0,", "require(eps > -1e-6,")),
    mutant("a_hundred_iterations_pass", "muon.23", ("0 <= ns_steps < 100", "0 <= ns_steps <= 100")),
    mutant(
        "four_coefficients_pass",
        "muon.24",
        ("require(len(ns_coefficients) == 3,", "require(len(ns_coefficients) >= 3,"),
    ),
    mutant(
        "any_name_passes",
        "muon.25",
        ("adjust_lr_fn in (None,", "isinstance(adjust_lr_fn, str) or adjust_lr_fn in (None,"),
    ),
    mutant("more_than_two_axes_pass", "muon.26", ("param.dim() == 2", "param.dim() >= 2")),
)

EQUIVALENT = {
    "numbers = all(coefficient <= 0 or coefficient >= 0 for coefficient in ns_coefficients)": (
        "Every number is one or the other, and NaN neither."
    ),
    "numbers = all(coefficient <= 1 or coefficient > 0 for coefficient in ns_coefficients)": (
        "Every number is one or the other, and NaN neither."
    ),
    "eps: Number = 2e-07,": "Missing: a gradient whose norm lies between 1e-7 and 2e-7.",
}
