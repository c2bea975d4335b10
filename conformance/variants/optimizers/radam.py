"""radam: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

VARIANTS = (
    dialect(
        "from_four",
        "radam.8 radam.12 radam.14 radam.17",
        ("not rho > 5", "not rho > 4"),
        shipped_by="the paper's algorithm 2",
    ),
    dialect(
        "eps_outside_correction",
        "radam.10 radam.13 radam.14",
        ("(1 - beta2**t) ** 0.5 / (v.sqrt() + eps)", "1 / ((v / (1 - beta2**t)).sqrt() + eps)"),
        shipped_by="Optax",
    ),
    mutant(
        "decay_before_the_gradient_is_negated",
        "radam.1 radam.15",
        ("g + weight_decay * param", "g + (-weight_decay if maximize else weight_decay) * param"),
    ),
    mutant("decay_without_the_rate", "radam.2", ("(1 - lr * weight_decay)", "(1 - weight_decay)")),
    mutant(
        "decoupled_decay_while_it_divides", "radam.2", ("return theta - lr * m_hat, ", "return param - lr * m_hat, ")
    ),
    mutant(
        "counts_calls",
        "radam.3",
        (
            "if grad is not None:  # optimizer.6",
            (
                "group.states[i] = group.states[i]._replace(t=group.states[i].t + (grad is None))\n"
                "                if grad is not None:"
            ),
        ),
        file="optimizer.py",
        component="radam",
    ),
    mutant(
        "first_moment_is_a_sum",
        "radam.4 radam.8 radam.11 radam.13 radam.14",
        ("beta1 * state.m + (1 - beta1) * g", "beta1 * state.m + g"),
    ),
    mutant(
        "second_moment_waits",
        "radam.5 radam.13 radam.14",
        ("lr * m_hat, State(t, m, v)", "lr * m_hat, State(t, m, state.v)"),
    ),
    mutant("second_moment_of_the_first", "radam.5 radam.13", ("(1 - beta2) * g**2", "(1 - beta2) * m**2")),
    mutant("first_moment_uncorrected", "radam.6 radam.8 radam.11 radam.13 radam.14", ("m / (1 - beta1**t)", "m")),
    mutant(
        "length_of_the_next_step",
        "radam.7 radam.8 radam.9 radam.13 radam.14",
        ("2 * t * beta2**t / (1 - beta2**t)", "2 * (t + 1) * beta2 ** (t + 1) / (1 - beta2 ** (t + 1))"),
    ),
    mutant("largest_length_of_a_half", "radam.7 radam.9 radam.13 radam.14", ("2 / (1 - beta2) - 1", "1 / (1 - beta2)")),
    mutant("no_step_before_it_divides", "radam.8 radam.12 radam.14", ("theta - lr * m_hat, State", "theta, State")),
    mutant("rectification_without_the_root", "radam.9 radam.11 radam.13 radam.14", ("* rho)) ** 0.5", "* rho))")),
    mutant("eps_in_root", "radam.10 radam.11 radam.13 radam.14", ("(v.sqrt() + eps)", "(v + eps).sqrt()")),
    mutant("not_rectified", "radam.11 radam.13 radam.14", ("lr * r * m_hat", "lr * m_hat")),
    mutant("eps_above_and_below", "radam.16", ("lr * r * m_hat", "lr * r * (m_hat + eps)")),
    mutant(
        "never_divides_by_zero",
        "radam.17",
        ("lr * r * m_hat * scale,", "(lr * r * m_hat * scale).nan_to_num(nan=0.0),"),
    ),
    mutant("infinite_gradients_are_left_out", "radam.18", ("else grad  #", "else grad.where(grad.isfinite(), 0.0)  #")),
    mutant("decay_of_zero_is_added", "radam.19", ("weight_decay != 0 and not decoupled", "not decoupled")),
    mutant("rate_of_nan_passes", "radam.20", ("require(lr >= 0,", "require(not lr < 0,")),
    mutant("beta_of_one_passes", "radam.21", ("0 <= beta2 < 1", "0 <= beta2 <= 1")),
    mutant("first_beta_below_zero_passes", "radam.21", ("0 <= beta1 < 1", "beta1 < 1")),
    mutant("epsilon_just_below_zero_passes", "radam.22", ("require(eps >= 0,", "require(eps > -1e-6,")),
    mutant("decay_of_nan_passes", "radam.23", ("require(weight_decay >= 0,", "require(not weight_decay < 0,")),
)

EQUIVALENT = {
    "if not rho >= 5:": "the length is 5 exactly for no beta2 that a program has, and rises past it between two steps",
}
