"""adagrad: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

VARIANTS = (
    dialect(
        "eps_in_root",
        "adagrad.6 adagrad.7 adagrad.8 adagrad.11",
        ("(total.sqrt() + eps)", "(total + eps).sqrt()"),
        shipped_by="Keras and Optax",
    ),
    dialect(
        "zero_over_zero",
        "adagrad.7 adagrad.8 adagrad.15",
        ("rate * g / (total.sqrt() + eps)", "torch.where(total == 0, 0.0, rate * g / (total.sqrt() + eps))"),
        shipped_by="Optax",
    ),
    mutant(
        "decay_before_the_gradient_is_negated",
        "adagrad.1 adagrad.12",
        ("g + weight_decay * param", "g + (-weight_decay if maximize else weight_decay) * param"),
    ),
    mutant("sum_without_the_decay", "adagrad.1 adagrad.12", ("before + g**2", "before + grad**2")),
    mutant("sum_that_forgets", "adagrad.2 adagrad.8 adagrad.9", ("total = before +", "total = 0.99 * before +")),
    mutant("sum_before_this_gradient", "adagrad.2 adagrad.6", ("(total.sqrt() + eps)", "(before.sqrt() + eps)")),
    mutant(
        "sum_from_zero_whatever_it_should_start_from",
        "adagrad.3 adagrad.10",
        ("torch.zeros_like(param) + initial_accumulator_value", "torch.zeros_like(param)"),
    ),
    mutant(
        "start_added_at_every_step",
        "adagrad.3 adagrad.10",
        (
            "if state.total is None else state.total  #",
            "if state.total is None else state.total + initial_accumulator_value  #",
        ),
    ),
    mutant(
        "start_is_a_root",
        "adagrad.3 adagrad.10 adagrad.11",
        ("+ initial_accumulator_value", "+ initial_accumulator_value**2"),
    ),
    mutant(
        "counts_calls",
        "adagrad.4",
        (
            "if grad is not None:  # optimizer.6",
            (
                "group.states[i] = group.states[i]._replace(t=group.states[i].t + (grad is None))\n"
                "                if grad is not None:"
            ),
        ),
        file="optimizer.py",
        component="adagrad",
    ),
    mutant("first_rate_decays_already", "adagrad.5 adagrad.7 adagrad.8", ("(t - 1) * lr_decay", "t * lr_decay")),
    mutant(
        "rate_decays_by_the_root",
        "adagrad.5 adagrad.8",
        ("lr / (1 + (t - 1) * lr_decay)", "lr / (1 + (t - 1) * lr_decay) ** 0.5"),
    ),
    mutant("rate_in_the_sum", "adagrad.2 adagrad.13", ("before + g**2", "before + (lr * g) ** 2")),
    mutant("eps_above_and_below", "adagrad.6 adagrad.7 adagrad.14", ("rate * g /", "rate * (g + eps) /")),
    mutant(
        "infinite_gradients_are_left_out", "adagrad.16", ("else grad  #", "else grad.where(grad.isfinite(), 0.0)  #")
    ),
    mutant("decay_of_zero_is_added", "adagrad.17", (" if weight_decay != 0 else g  #", "  #")),
    mutant("rate_of_nan_passes", "adagrad.18", ("require(lr >= 0,", "require(not lr < 0,")),
    mutant("decay_of_the_rate_of_nan_passes", "adagrad.19", ("require(lr_decay >= 0,", "require(not lr_decay < 0,")),
    mutant("decay_of_nan_passes", "adagrad.20", ("require(weight_decay >= 0,", "require(not weight_decay < 0,")),
    mutant("start_of_nan_passes", "adagrad.21", ("require(start >= 0,", "require(not start < 0,")),
    mutant("epsilon_just_below_zero_passes", "adagrad.22", ("require(eps >= 0,", "require(eps > -1e-6,")),
)

EQUIVALENT = {
    "before = (initial_accumulator_value) if state.total is None else state.total": (
        "a number is added as a tensor of it is"
    ),
}
