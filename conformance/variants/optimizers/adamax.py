"""adamax: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

VARIANTS = (
    dialect(
        "eps_outside",
        "adamax.3",
        ("g.abs() + eps)", "g.abs())"),
        ("m_hat / u,", "m_hat / (u + eps),"),
        shipped_by="Keras",
    ),
    dialect("uncorrected", "adamax.5 adamax.7 adamax.8 adamax.9", ("m / (1 - beta1**t)", "m"), shipped_by="MLX"),
    mutant(
        "decay_before_the_gradient_is_negated",
        "adamax.1 adamax.12",
        ("g + weight_decay * param", "g + (-weight_decay if maximize else weight_decay) * param"),
    ),
    mutant("maximum_without_the_decay", "adamax.1 adamax.12", ("g.abs() + eps", "grad.abs() + eps")),
    mutant(
        "first_moment_is_a_sum",
        "adamax.2 adamax.7 adamax.8",
        ("beta1 * state.m + (1 - beta1) * g", "beta1 * state.m + g"),
    ),
    mutant("eps_on_the_maximum", "adamax.3", ("beta2 * state.u, g.abs() + eps", "beta2 * state.u + eps, g.abs()")),
    mutant("maximum_that_never_falls", "adamax.3 adamax.9 adamax.10", ("beta2 * state.u", "state.u")),
    mutant(
        "counts_calls",
        "adamax.4",
        (
            "if grad is not None:  # optimizer.6",
            (
                "group.states[i] = group.states[i]._replace(t=group.states[i].t + (grad is None))\n"
                "                if grad is not None:"
            ),
        ),
        file="optimizer.py",
        component="adamax",
    ),
    mutant("corrected_for_the_next_step", "adamax.5 adamax.7 adamax.8", ("t = state.t + 1", "t = state.t + 2")),
    mutant("maximum_corrected_too", "adamax.5 adamax.7 adamax.8", ("m_hat / u,", "m_hat / (u / (1 - beta2**t)),")),
    mutant(
        "divided_by_the_root", "adamax.6 adamax.7 adamax.8 adamax.10 adamax.11", ("m_hat / u,", "m_hat / u.sqrt(),")
    ),
    mutant("eps_above_and_below", "adamax.6 adamax.10 adamax.13", ("lr * m_hat /", "lr * (m_hat + eps) /")),
    mutant("never_divides_by_zero", "adamax.14", ("lr * m_hat / u", "(lr * m_hat / u).nan_to_num(nan=0.0)")),
    mutant(
        "infinite_gradients_are_left_out", "adamax.15", ("else grad  #", "else grad.where(grad.isfinite(), 0.0)  #")
    ),
    mutant("decay_of_zero_is_added", "adamax.16", (" if weight_decay != 0 else g  #", "  #")),
    mutant("rate_of_nan_passes", "adamax.17", ("require(lr >= 0,", "require(not lr < 0,")),
    mutant("beta_of_one_passes", "adamax.18", ("0 <= beta2 < 1", "0 <= beta2 <= 1")),
    mutant("first_beta_below_zero_passes", "adamax.18", ("0 <= beta1 < 1", "beta1 < 1")),
    mutant("epsilon_just_below_zero_passes", "adamax.19", ("require(eps >= 0,", "require(eps > -1e-6,")),
    mutant("decay_of_nan_passes", "adamax.20", ("require(weight_decay >= 0,", "require(not weight_decay < 0,")),
)
