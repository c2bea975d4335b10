"""rprop: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

VARIANTS = (
    dialect(
        "bounded_changes",
        "rprop.7",
        ("torch.where(turn > 0, size * grow, size)", "torch.where(turn > 0, (size * grow).clamp(max=most), size)"),
        (
            "torch.where(turn < 0, size * shrink, size).clamp(min=least).clamp(max=most)",
            "torch.where(turn < 0, (size * shrink).clamp(min=least), size)",
        ),
        shipped_by="torch's documentation, as the algorithm on its page",
    ),
    dialect(
        "backtracking",
        "rprop.5 rprop.6",
        (
            "sign = torch.where(",
            ("back = -state.previous.sign() * (size if state.size is None else state.size)\n    sign = torch.where("),
        ),
        ("param - sign * size", "param - torch.where(turn < 0, back, sign * size)"),
        shipped_by="the paper",
    ),
    mutant("rate_multiplies_the_step", "rprop.1 rprop.6 rprop.9", ("param - sign * size", "param - lr * sign * size")),
    mutant(
        "rate_of_this_step_scales_the_size",
        "rprop.1",
        ("if state.size is None else state.size", "if state.size is None or (state.size < lr).all() else state.size"),
    ),
    mutant("turn_without_maximize", "rprop.2", ("turn = g * state.previous", "turn = grad * state.previous")),
    mutant(
        "small_products_are_zero",
        "rprop.2 rprop.8",
        ("turn = g * state.previous", "turn = torch.where((g * state.previous).abs() < 1e-6, 0.0, g * state.previous)"),
    ),
    mutant("grows_at_the_first_step", "rprop.3 rprop.9", ("turn > 0, size * grow", "turn >= 0, size * grow")),
    mutant("shrinks_by_what_it_grows_by", "rprop.4", ("size * shrink, size)", "size / grow, size)")),
    mutant("moves_at_a_turn", "rprop.5", ("torch.where(turn < 0, 0.0, g)", "g")),
    mutant(
        "previous_gradient_remembers_the_turn",
        "rprop.5",
        ("State(g, size)", "State(-grad if maximize else grad, size)"),
    ),
    mutant(
        "size_before_its_change",
        "rprop.6 rprop.9",
        ("param - sign * size", "param - sign * (size if state.size is None else state.size)"),
    ),
    mutant("gradient_in_place_of_its_sign", "rprop.6 rprop.8 rprop.9", ("param - sign * size", "param - g * size")),
    mutant("bounds_the_other_way_round", "rprop.7", ("clamp(min=least).clamp(max=most)", "clamp(max=least)")),
    mutant("size_never_zero", "rprop.7 rprop.13", ("clamp(min=least)", "clamp(min=1e-6)")),
    mutant("sign_of_zero_is_positive", "rprop.10", ("g.sign())", "1 - 2 * (g < 0).to(g.dtype))")),
    mutant("infinite_gradients_are_left_out", "rprop.11", ("else grad  #", "else grad.where(grad.isfinite(), 0.0)  #")),
    mutant("moved_by_a_difference", "rprop.12", ("param - sign * size", "param + ((param - sign * size) - param)")),
    mutant("rate_of_nan_passes", "rprop.14", ("require(lr >= 0,", "require(not lr < 0,")),
    mutant("shrinking_by_one_passes", "rprop.15", ("0 < shrink < 1", "0 < shrink <= 1")),
    mutant("growing_by_one_passes", "rprop.15", ("grow > 1", "grow >= 1")),
    mutant("largest_below_the_least_passes", "rprop.16", ("require(most >= least,", "require(most >= 0,")),
    mutant(
        "least_of_nan_passes",
        "rprop.16",
        ("require(least >= 0,", "require(not least < 0,"),
        ("require(most >= least,", "require(not most < least,"),
    ),
)
