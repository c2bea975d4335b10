"""lbfgs: what others ship, and what goes wrong."""

from torchstone.conformance.variants import mutant

VARIANTS = (
    mutant(
        "matrices_by_columns",
        "lbfgs.1",
        (
            "tensor.reshape(-1) for tensor in tensors]",
            "(tensor.mT if tensor.dim() > 1 else tensor).reshape(-1) for tensor in tensors]",
        ),
        file="optimizer.py",
        component="lbfgs",
    ),
    mutant(
        "loss_after_the_step",
        "lbfgs.2",
        (
            ("break  # lbfgs.12 lbfgs.13\n    return x, state, first"),
            ("break  # lbfgs.12 lbfgs.13\n    return x, state, loss"),
        ),
    ),
    mutant(
        "still_step_counts",
        "lbfgs.3",
        (
            "return x, state, first  # lbfgs.3",
            "return x, State(state.n + 1, g, torch.zeros_like(x), state.pairs), first",
        ),
    ),
    mutant("first_move_of_every_step_is_short", "lbfgs.4", ("n == 1 and size > 1", "iteration == 1 and size > 1")),
    mutant(
        "first_move_by_the_euclidean_norm",
        "lbfgs.4",
        ("size, slope = g.abs().sum(), g @ d", "size, slope = torch.linalg.vector_norm(g), g @ d"),
    ),
    mutant("oldest_pairs_are_kept", "lbfgs.5", ("[-history_size:]", "[:history_size]")),
    mutant("second_loop_in_the_order_of_the_first", "lbfgs.6", ("reversed(alphas), strict", "alphas, strict")),
    mutant("gradient_not_reduced_by_the_pairs", "lbfgs.6", ("q = q - alphas[-1] * y", "q = q")),
    mutant("scale_of_the_other_quotient", "lbfgs.7", ("(y @ s) / (y @ y) * q", "(s @ s) / (y @ s) * q")),
    mutant("no_scale", "lbfgs.7", ("(y @ s) / (y @ y) * q", "1 * q")),
    mutant("rising_alone_ends_a_step", "lbfgs.8", ("slope > -tolerance_change", "slope > 0")),
    mutant(
        "gradient_from_before_the_move",
        "lbfgs.9 lbfgs.11",
        ("(loss, next_g), more = objective(x + t * d), 1", "(loss, next_g), more = objective(x), 1"),
    ),
    mutant(
        "length_before_the_search",
        "lbfgs.10 lbfgs.14",
        ("t, loss, next_g = found.t, found.f, found.g", "loss, next_g = found.f, found.g"),
    ),
    mutant("gradient_before_the_search", "lbfgs.10", ("found.t, found.f, found.g", "found.t, found.f, g")),
    mutant("one_more_iteration", "lbfgs.11", ("range(1, max_iter + 1)", "range(1, max_iter + 2)")),
    mutant(
        "first_evaluation_not_counted", "lbfgs.12", ("first, evaluations = loss, 1", "first, evaluations = loss, 0")
    ),
    mutant("small_moves_do_not_end_a_step", "lbfgs.13", (" or (state.s.abs() <= tolerance_change).all()", "")),
    mutant(
        "weak_wolfe_conditions",
        "lbfgs.14",
        ("abs(trial.slope) <= -FLAT * start.slope", "trial.slope >= FLAT * start.slope"),
    ),
    mutant(
        "flatter_than_asked_for",
        "lbfgs.14",
        ("SUFFICIENT, FLAT, CURVED = 1e-4, 0.9,", "SUFFICIENT, FLAT, CURVED = 1e-4, 0.1,"),
    ),
    mutant(
        "best_is_the_length_before",
        "lbfgs.18",
        ("(last, trial) if last.f <= trial.f else (trial, last)", "(last, trial)"),
    ),
    mutant("other_stays", "lbfgs.15", ("best if trial.slope * (other.t - best.t) >= 0 else other", "other")),
    mutant("always_the_middle", "lbfgs.16", ("cubic(best, other, low, high)", "(low + high) / 2")),
    mutant(
        "ten_times_as_far_always",
        "lbfgs.16",
        ("cubic(last, trial, trial.t + 0.01 * (trial.t - last.t), 10 * trial.t)", "10 * trial.t"),
    ),
    mutant("every_near_length_is_moved", "lbfgs.17", ("near and (slow or t >= high or t <= low)", "near")),
    mutant("rate_of_nan_passes", "lbfgs.19", ("require(lr >= 0,", "require(not lr < 0,")),
    mutant("history_of_zero_passes", "lbfgs.20", ("require(history_size >= 1,", "require(history_size >= 0,")),
    mutant("tolerance_of_nan_passes", "lbfgs.21", ("require(tolerance_grad >= 0,", "require(not tolerance_grad < 0,")),
    mutant(
        "other_names_pass",
        "lbfgs.22",
        ('named = line_search_fn in (None, "strong_wolfe")', "named = line_search_fn is None or line_search_fn"),
    ),
)

EQUIVALENT = {
    "if not square > 0:": "Missing: a square that is zero, where rounding does not decide whether it is.",
    "if near and (((slow) or (t <= low))):": "Missing: a cubic whose minimum lies beyond the upper end.",
    "if near and (((slow) or (t >= high))):": "Missing: a cubic whose minimum lies beyond the lower end.",
    "if near and (slow or t > high or t <= low):": "Missing: a cubic whose minimum lies beyond the upper end.",
    "if near and (slow or t >= high or t < low):": "Missing: a cubic whose minimum lies beyond the lower end.",
    "near = bool(high - t <= margin or t - low < margin)": (
        "Missing: a length exactly a tenth of the bracket from its upper end."
    ),
    "return high - margin if high - t <= t - low else low + margin, False": (
        "What is near an end is not in the middle."
    ),
    "return low if t < low else high if t >= high else t": "The bound is the same number.",
    "return low if t <= low else high if t > high else t": "The bound is the same number.",
    "return high - margin if high - t < (t) else low + margin, False": (
        "Missing: a length near the lower end and less than half as long as the upper one."
    ),
    "if above(trial) or (tried > 2 and trial.f > last.f):": (
        "Missing: two lengths, one after the other, at which the objective is the same number."
    ),
    "if above(trial) or trial.f > best.f:": (
        "Missing: two lengths, one after the other, at which the objective is the same number."
    ),
    "a, b = (one, two) if one.t < two.t else (two, one)": "Between equal lengths every quotient is NaN.",
    "best, other = trial, best if ((trial.slope) / (other.t - best.t)) >= 0 else other": (
        "A quotient has the sign of the product."
    ),
    "best, other = trial, best if trial.slope * (other.t - best.t) > 0 else other": (
        "A slope of zero is flat, and has ended the search before."
    ),
    "t = lr / size if n == 1 and size >= 1 else lr": "A size of one divides by one.",
    "if trial.slope > 0:": "A slope of zero is flat, and has ended the search before.",
    "low, high = (best.t, other.t) if best.t < other.t else (other.t, best.t)": (
        "Where the two are equal the bounds are, too."
    ),
    "near = bool(high - t < margin or t - low <= margin)": (
        "Missing: a length exactly a tenth of the bracket from its lower end."
    ),
    "state = State(n, state[1], torch.zeros_like(x), pairs)": (
        "A move of zeros makes no pair, whatever the gradient was."
    ),
    "elif iteration <= max_iter:": "An evaluation that nothing uses.",
    "next_g, more = g, 1": "The step ends with this iteration in any case.",
    "return bool(abs(trial.slope) < -FLAT * start.slope)": (
        "Equal to a multiple of 0.9 is a slope by accident of rounding alone."
    ),
    "return bool(trial.f >= start.f + SUFFICIENT * trial.t * start.slope)": (
        "Equal to a multiple of 1e-4 is a descent by accident of rounding alone."
    ),
    "history_size: int = 101,": "Missing: a program of more than a hundred pairs.",
    "return State(n=0, g=torch.ones_like(x), s=torch.zeros_like(x), pairs=())": (
        "A move of zeros makes no pair, whatever the gradient was."
    ),
}
