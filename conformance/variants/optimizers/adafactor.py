"""adafactor: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

VARIANTS = (
    dialect(
        "eps_in_squares",
        "adafactor.6 adafactor.7 adafactor.17 adafactor.19",
        ("part * _mean(g * g, -1)", "part * _mean(g * g + 1e-30, -1)"),
        ("part * _mean(g * g, -2)", "part * _mean(g * g + 1e-30, -2)"),
        ("_mean(rows, -2).clamp(min=least)", "_mean(rows, -2)"),
        ("v.sqrt().clamp(min=least)", "v.sqrt()"),
        shipped_by="the paper, Optax",
    ),
    dialect(
        "rate_of_the_paper",
        "adafactor.8 adafactor.10 adafactor.12 optimizer.16",
        ("min(lr, 1 / t**0.5)", "min(1e-2, 1 / t**0.5)"),
        shipped_by="the paper",
    ),
    mutant(
        "counts_calls",
        "adafactor.1",
        (
            "if grad is not None:  # optimizer.6",
            (
                "group.states[i] = group.states[i]._replace(t=group.states[i].t + (grad is None))\n"
                "                if grad is not None:"
            ),
        ),
        file="optimizer.py",
        component="adafactor",
    ),
    mutant(
        "decay_with_the_relative_rate",
        "adafactor.2",
        ("(1 - lr * weight_decay)", "(1 - min(lr, 1 / t**0.5) * weight_decay)"),
    ),
    mutant(
        "decay_through_the_gradient",
        "adafactor.2",
        ("else grad  #", ("else grad\n    g = g + weight_decay * param if weight_decay != 0 else g  #")),
        ("(1 - lr * weight_decay) * param if weight_decay != 0 else param", "param"),
    ),
    mutant(
        "weight_of_the_step_after",
        "adafactor.3 adafactor.4 adafactor.5 adafactor.12",
        ("t**beta2_decay", "(t + 1) ** beta2_decay"),
    ),
    mutant("weight_without_the_option", "adafactor.3", ("t**beta2_decay", "t**-0.8")),
    mutant("vectors_without_memory", "adafactor.4 adafactor.13", ("else rows  #", "else g * g  #")),
    mutant(
        "columns_without_memory",
        "adafactor.5 adafactor.15",
        ("(1 - part) * state.columns + part * _mean(g * g, -2)", "_mean(g * g, -2)"),
    ),
    mutant(
        "mean_over_all_matrices", "adafactor.6", ("_mean(rows, -2).clamp(min=least)", "rows.mean().clamp(min=least)")
    ),
    mutant("mean_without_epsilon", "adafactor.6", ("_mean(rows, -2).clamp(min=least)", "_mean(rows, -2)")),
    mutant("epsilon_added", "adafactor.7 adafactor.12", ("v.sqrt().clamp(min=least)", "(v.sqrt() + least)")),
    mutant("size_after_the_decay", "adafactor.8", ("_rms(param)", "_rms(theta)")),
    mutant("size_plus_epsilon", "adafactor.8 adafactor.12", ("(size if size > eps[1] else eps[1])", "(size + eps[1])")),
    mutant(
        "length_of_the_largest_element",
        "adafactor.9",
        ("_rms(u) / d", "torch.linalg.vector_norm(u, torch.inf) / d if u.numel() else _rms(u)"),
    ),
    mutant("clipped_at_one_over_d", "adafactor.9", ("_rms(u) / d", "_rms(u) * d")),
    mutant(
        "step_from_before_the_decay", "adafactor.2 adafactor.10", ("theta - step * clipped", "param - step * clipped")
    ),
    mutant("epsilon_of_float32", "adafactor.11", ("machine_epsilon(param)", "torch.finfo(torch.float32).eps")),
    mutant(
        "squares_never_zero",
        "adafactor.14 adafactor.17",
        ("part * _mean(g * g, -1)", "part * _mean(g * g + 1e-12, -1)"),
    ),
    mutant("rate_not_bounded", "adafactor.8 adafactor.16", ("min(lr, 1 / t**0.5)", "lr")),
    mutant("divides_by_zero", "adafactor.7 adafactor.17", ("v.sqrt().clamp(min=least)", "v.sqrt()")),
    mutant(
        "infinite_gradients_are_left_out", "adafactor.18", ("else grad  #", "else grad.where(grad.isfinite(), 0.0)  #")
    ),
    mutant(
        "nan_spreads_by_its_size",
        "adafactor.19",
        ("(size if size > eps[1] else eps[1])", "(eps[1] if size <= eps[1] else size)"),
    ),
    mutant(
        "nan_spreads_by_its_length",
        "adafactor.19",
        ("u / length if length > 1 else u", "u if length <= 1 else u / length"),
    ),
    mutant("rate_of_nan_passes", "adafactor.20", ("require(lr >= 0,", "require(not lr < 0,")),
    mutant("power_of_nan_passes", "adafactor.21", ("require(beta2_decay <= 0,", "require(not beta2_decay > 0,")),
    mutant(
        "first_epsilon_of_nan_passes", "adafactor.22", ("eps1 is None or eps1 >= 0", "eps1 is None or not eps1 < 0")
    ),
    mutant("second_epsilon_just_below_zero_passes", "adafactor.22", ("require(eps2 >= 0,", "require(eps2 > -1e-6,")),
    mutant("clipping_below_one_passes", "adafactor.23", ("require(d >= 1,", "require(d > 0,")),
    mutant("decay_of_nan_passes", "adafactor.24", ("require(weight_decay >= 0,", "require(not weight_decay < 0,")),
)

EQUIVALENT = {
    "return State(t=0, rows=_mean(zeros, -2), columns=_mean(zeros, -2))": (
        "The first step gives the zeros no weight, and repeats what it adds to their shape."
    ),
    "zeros = torch.ones_like(param)": "the first step gives what was there before no weight",
    "return State(t=0, rows=_mean(zeros, (1)), columns=_mean(zeros, -2))": "the last axis of a matrix is its axis 1",
    "theta = ((1 - lr * weight_decay) * param)": "without decay it is multiplied by one",
    "step = (size if size >= eps[1] else eps[1]) * min(lr, 1 / t**0.5)": "where the two are equal either will do",
    "clipped = u / length if length >= 1 else u": "a division by one changes nothing",
}
