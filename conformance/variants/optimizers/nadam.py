"""nadam: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

VARIANTS = (
    dialect(
        "fast_momentum",
        "nadam.4 nadam.11",
        ("0.96 ** (t * momentum_decay)", "0.96**t"),
        ("0.96 ** ((t + 1) * momentum_decay)", "0.96 ** (t + 1)"),
        shipped_by="Keras",
    ),
    dialect(
        "constant_momentum",
        "nadam.4 nadam.11",
        ("beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))", "beta1"),
        ("beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * momentum_decay))", "beta1"),
        shipped_by="Optax",
    ),
    mutant(
        "decay_before_the_gradient_is_negated",
        "nadam.1 nadam.14",
        ("g + weight_decay * param", "g + (-weight_decay if maximize else weight_decay) * param"),
    ),
    mutant("decay_without_the_rate", "nadam.2 nadam.15", ("(1 - lr * weight_decay)", "(1 - weight_decay)")),
    mutant(
        "decay_after_the_step",
        "nadam.2",
        ("(1 - lr * weight_decay) * param if decoupled_weight_decay else param", "param"),
        (
            "theta - lr * m_hat / (v_hat.sqrt() + eps)",
            "(theta - lr * m_hat / (v_hat.sqrt() + eps)) * (1 - lr * weight_decay * decoupled_weight_decay)",
        ),
    ),
    mutant(
        "counts_calls",
        "nadam.3",
        (
            "if grad is not None:  # optimizer.6",
            (
                "group.states[i] = group.states[i]._replace(t=group.states[i].t + (grad is None))\n"
                "                if grad is not None:"
            ),
        ),
        file="optimizer.py",
        component="nadam",
    ),
    mutant("next_weight_is_this_one", "nadam.4 nadam.8 nadam.11", ("(t + 1) * momentum_decay", "t * momentum_decay")),
    mutant("product_is_a_power", "nadam.5 nadam.11", ("p = state.p * mu", "p = mu**t")),
    mutant(
        "product_with_the_next_weight", "nadam.5 nadam.8 nadam.11", ("State(t, p, m, v)", "State(t, p * mu_next, m, v)")
    ),
    mutant(
        "moment_with_the_weight",
        "nadam.6 nadam.11",
        ("beta1 * state.m + (1 - beta1) * g", "mu * state.m + (1 - mu) * g"),
    ),
    mutant(
        "second_moment_with_the_first_beta",
        "nadam.7 nadam.12",
        ("beta2 * state.v + (1 - beta2) * g**2", "beta1 * state.v + (1 - beta1) * g**2"),
    ),
    mutant("second_moment_of_the_first", "nadam.7", ("(1 - beta2) * g**2", "(1 - beta2) * m**2")),
    mutant("gradient_corrected_as_the_moment", "nadam.8 nadam.11", ("g / (1 - p)", "g / (1 - p * mu_next)")),
    mutant("papers_factor_beta2", "nadam.9 nadam.10 nadam.11 nadam.12", ("v_hat = v /", "v_hat = beta2 * v /")),
    mutant("second_moment_uncorrected", "nadam.9 nadam.11 nadam.12", ("v / (1 - beta2**t)", "v")),
    mutant("eps_in_root", "nadam.10 nadam.11 nadam.12 nadam.13", ("(v_hat.sqrt() + eps)", "(v_hat + eps).sqrt()")),
    mutant("eps_above_and_below", "nadam.10 nadam.16", ("lr * m_hat /", "lr * (m_hat + eps) /")),
    mutant(
        "never_divides_by_zero",
        "nadam.17",
        ("lr * m_hat / (v_hat.sqrt() + eps)", "(lr * m_hat / (v_hat.sqrt() + eps)).nan_to_num(nan=0.0)"),
    ),
    mutant("infinite_gradients_are_left_out", "nadam.18", ("else grad  #", "else grad.where(grad.isfinite(), 0.0)  #")),
    mutant("decay_of_zero_is_added", "nadam.19", ("weight_decay != 0 and not decoupled", "not decoupled")),
    mutant("rate_of_nan_passes", "nadam.20", ("require(lr >= 0,", "require(not lr < 0,")),
    mutant("beta_of_one_passes", "nadam.21", ("0 <= beta2 < 1", "0 <= beta2 <= 1")),
    mutant("first_beta_below_zero_passes", "nadam.21", ("0 <= beta1 < 1", "beta1 < 1")),
    mutant("epsilon_just_below_zero_passes", "nadam.22", ("require(eps >= 0,", "require(eps > -1e-6,")),
    mutant("decay_of_nan_passes", "nadam.23", ("require(weight_decay >= 0,", "require(not weight_decay < 0,")),
    mutant(
        "momentum_decay_of_nan_passes", "nadam.24", ("require(momentum_decay >= 0,", "require(not momentum_decay < 0,")
    ),
)
