"""adam: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

VARIANTS = (
    dialect(
        "eps_hat",
        "adam.9 adam.10 adam.11 adam.14 adam.16",
        ("m_hat / (v_hat.sqrt() + eps)", "m_hat / (v_hat.sqrt() + eps / (1 - beta2**t) ** 0.5)"),
        shipped_by="TensorFlow and Keras, after the remark below algorithm 1 of the paper",
    ),
    dialect(
        "eps_in_root",
        "adam.9 adam.10 adam.11 adam.12 adam.14 adam.16",
        ("(v_hat.sqrt() + eps)", "(v_hat + eps).sqrt()"),
        shipped_by="Optax, as eps_root",
    ),
    dialect(
        "uncorrected",
        "adam.6 adam.7 adam.10 adam.11 adam.14 adam.16",
        ("m / (1 - beta1**t)", "m"),
        ("(v_max if amsgrad else v) / (1 - beta2**t)", "v_max if amsgrad else v"),
        shipped_by="MLX by default",
    ),
    dialect(
        "amsgrad_corrected",
        "adam.8 adam.14",
        ("torch.maximum(state.v_max, v) if", "torch.maximum(state.v_max, v / (1 - beta2**t)) if"),
        ("(v_max if amsgrad else v) / (1 - beta2**t)", "v_max if amsgrad else v / (1 - beta2**t)"),
        shipped_by="Optax",
    ),
    mutant(
        "decay_before_the_gradient_is_negated",
        "adam.1 adam.15",
        ("g + weight_decay * param", "g + (-weight_decay if maximize else weight_decay) * param"),
    ),
    mutant("second_moment_without_the_decay", "adam.1 adam.15", ("(1 - beta2) * g**2", "(1 - beta2) * grad**2")),
    mutant(
        "decay_after_the_step",
        "adam.2 adam.14",
        ("(1 - lr * weight_decay) * param if decoupled_weight_decay else param", "param"),
        (
            "theta - lr * m_hat / (v_hat.sqrt() + eps)",
            "(theta - lr * m_hat / (v_hat.sqrt() + eps)) * (1 - lr * weight_decay * decoupled_weight_decay)",
        ),
    ),
    mutant("decay_without_the_rate", "adam.2 adam.14", ("(1 - lr * weight_decay)", "(1 - weight_decay)")),
    mutant(
        "first_moment_is_a_sum", "adam.3 adam.10 adam.11", ("beta1 * state.m + (1 - beta1) * g", "beta1 * state.m + g")
    ),
    mutant(
        "second_moment_with_the_first_beta",
        "adam.4 adam.10 adam.11 adam.16",
        ("beta2 * state.v + (1 - beta2) * g**2", "beta1 * state.v + (1 - beta1) * g**2"),
    ),
    mutant("second_moment_of_the_first", "adam.4 adam.10 adam.11", ("(1 - beta2) * g**2", "(1 - beta2) * m**2")),
    mutant(
        "counts_calls",
        "adam.5",
        (
            "if grad is not None:  # optimizer.6",
            "group.states[i] = group.states[i]._replace(t=group.states[i].t + (grad is None))\n"
            "                if grad is not None:",
        ),
        file="optimizer.py",
        component="adam",
    ),
    mutant("corrected_for_the_next_step", "adam.6 adam.7 adam.10 adam.11", ("t = state.t + 1", "t = state.t + 2")),
    mutant(
        "corrections_in_float32",
        "adam.6 adam.7 adam.11",
        ("m / (1 - beta1**t)", "m / (1 - torch.as_tensor(beta1**t, dtype=torch.float32))"),
        ("v) / (1 - beta2**t)", "v) / (1 - torch.as_tensor(beta2**t, dtype=torch.float32))"),
    ),
    mutant(
        "amsgrad_uncorrected",
        "adam.7 adam.13",
        ("(v_max if amsgrad else v) / (1 - beta2**t)", "v_max if amsgrad else v / (1 - beta2**t)"),
    ),
    mutant("maximum_that_fades", "adam.8", ("torch.maximum(state.v_max, v)", "torch.maximum(beta2 * state.v_max, v)")),
    mutant("square_never_zero", "adam.12 adam.19", ("g**2  # adam.4", "(g**2 + 1e-12)")),
    mutant(
        "maximum_taken_all_the_time",
        "adam.17",
        ("torch.maximum(state.v_max, v) if amsgrad else state.v_max", "torch.maximum(state.v_max, v)"),
    ),
    mutant(
        "maximum_forgotten_while_off",
        "adam.17",
        ("if amsgrad else state.v_max", "if amsgrad else torch.zeros_like(param)"),
    ),
    mutant("eps_above_and_below", "adam.9 adam.18", ("lr * m_hat /", "lr * (m_hat + eps) /")),
    mutant(
        "never_divides_by_zero",
        "adam.19",
        ("lr * m_hat / (v_hat.sqrt() + eps)", "(lr * m_hat / (v_hat.sqrt() + eps)).nan_to_num(nan=0.0)"),
    ),
    mutant("infinite_gradients_are_left_out", "adam.20", ("else grad  #", "else grad.where(grad.isfinite(), 0.0)  #")),
    mutant("decay_of_zero_is_added", "adam.21", ("weight_decay != 0 and not decoupled", "not decoupled")),
    mutant("rate_of_nan_passes", "adam.22", ("require(lr >= 0,", "require(not lr < 0,")),
    mutant("beta_of_one_passes", "adam.23", ("0 <= beta2 < 1", "0 <= beta2 <= 1")),
    mutant("first_beta_below_zero_passes", "adam.23", ("0 <= beta1 < 1", "beta1 < 1")),
    mutant("epsilon_just_below_zero_passes", "adam.24", ("require(eps >= 0,", "require(eps > -1e-6,")),
    mutant("decay_of_nan_passes", "adam.25", ("require(weight_decay >= 0,", "require(not weight_decay < 0,")),
)
