"""adadelta: what others ship, and what goes wrong."""

from torchstone.conformance.variants import mutant

VARIANTS = (
    mutant(
        "decay_before_the_gradient_is_negated",
        "adadelta.1 adadelta.9",
        ("g + weight_decay * param", "g + (-weight_decay if maximize else weight_decay) * param"),
    ),
    mutant("mean_square_without_the_decay", "adadelta.1 adadelta.9", ("(1 - rho) * g**2", "(1 - rho) * grad**2")),
    mutant(
        "mean_square_is_a_sum", "adadelta.2 adadelta.6", ("rho * state.v + (1 - rho) * g**2", "rho * state.v + g**2")
    ),
    mutant(
        "eps_outside_the_roots",
        "adadelta.3 adadelta.6 adadelta.7",
        ("(state.u + eps).sqrt() / (v + eps).sqrt()", "(state.u.sqrt() + eps) / (v.sqrt() + eps)"),
    ),
    mutant("eps_above_only", "adadelta.3 adadelta.6 adadelta.8", ("(v + eps).sqrt()", "v.sqrt()")),
    mutant(
        "mean_square_before_this_gradient",
        "adadelta.3 adadelta.6 adadelta.7",
        ("(v + eps).sqrt()", "(state.v + eps).sqrt()"),
    ),
    mutant("rate_in_the_average", "adadelta.4 adadelta.10", ("(1 - rho) * d**2", "(1 - rho) * (lr * d) ** 2")),
    mutant("average_of_gradients", "adadelta.4 adadelta.7", ("(1 - rho) * d**2", "(1 - rho) * g**2")),
    mutant(
        "without_a_rate", "adadelta.5 adadelta.6 adadelta.7 adadelta.8 adadelta.10", ("param - lr * d", "param - d")
    ),
    mutant(
        "eps_is_added_to_the_direction",
        "adadelta.3 adadelta.11",
        ("(v + eps).sqrt() * g", "(v + eps).sqrt() * (g + eps)"),
    ),
    mutant(
        "eps_never_zero",
        "adadelta.12",
        (
            "(state.u + eps).sqrt() / (v + eps).sqrt()",
            "(state.u + max(eps, 1e-6)).sqrt() / (v + max(eps, 1e-6)).sqrt()",
        ),
    ),
    mutant("never_divides_by_zero", "adadelta.12", ("param - lr * d", "param - (lr * d).nan_to_num(nan=0.0)")),
    mutant(
        "infinite_gradients_are_left_out", "adadelta.13", ("else grad  #", "else grad.where(grad.isfinite(), 0.0)  #")
    ),
    mutant("decay_of_zero_is_added", "adadelta.14", (" if weight_decay != 0 else g  #", "  #")),
    mutant("rate_of_nan_passes", "adadelta.15", ("require(lr >= 0,", "require(not lr < 0,")),
    mutant("rho_above_one_passes", "adadelta.16", ("0 <= rho <= 1", "0 <= rho")),
    mutant("epsilon_just_below_zero_passes", "adadelta.17", ("require(eps >= 0,", "require(eps > -1e-6,")),
    mutant("decay_of_nan_passes", "adadelta.18", ("require(weight_decay >= 0,", "require(not weight_decay < 0,")),
)
