"""adamw: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

VARIANTS = (
    dialect(
        "rate_free_decay",
        "adamw.1 adamw.9 adamw.10 optimizer.16",
        ("(1 - lr * weight_decay)", "(1 - weight_decay)"),
        shipped_by="the paper's algorithm, with a schedule multiplier of its own",
    ),
    dialect(
        "decay_on_the_whole",
        "adamw.17",
        ("(1 - lr * weight_decay) * param", "param"),
        ("lr * m_hat / (v_hat.sqrt() + eps)", "lr * (m_hat / (v_hat.sqrt() + eps) + weight_decay * param)"),
        shipped_by="Optax, as a chain",
    ),
    dialect(
        "uncorrected",
        "adamw.5 adamw.6 adamw.11",
        ("m / (1 - beta1**t)", "m"),
        ("(v_max if amsgrad else v) / (1 - beta2**t)", "v_max if amsgrad else v"),
        shipped_by="MLX by default",
    ),
    mutant(
        "decay_through_the_gradient",
        "adamw.1 adamw.9 adamw.10 adamw.13",
        ("else grad  #", ("else grad\n    g = g + weight_decay * param  #")),
        ("(1 - lr * weight_decay) * param", "param"),
    ),
    mutant(
        "decay_after_the_step",
        "adamw.1 adamw.10",
        ("(1 - lr * weight_decay) * param", "param"),
        (
            "theta - lr * m_hat / (v_hat.sqrt() + eps)",
            "(theta - lr * m_hat / (v_hat.sqrt() + eps)) * (1 - lr * weight_decay)",
        ),
    ),
    mutant("first_moment_is_a_sum", "adamw.2 adamw.11", ("beta1 * state.m + (1 - beta1) * g", "beta1 * state.m + g")),
    mutant("second_moment_of_the_first", "adamw.3", ("(1 - beta2) * g**2", "(1 - beta2) * m**2")),
    mutant(
        "second_moment_with_the_first_beta",
        "adamw.3",
        ("beta2 * state.v + (1 - beta2) * g**2", "beta1 * state.v + (1 - beta1) * g**2"),
    ),
    mutant(
        "counts_calls",
        "adamw.4",
        (
            "if grad is not None:  # optimizer.6",
            (
                "group.states[i] = group.states[i]._replace(t=group.states[i].t + (grad is None))\n"
                "                if grad is not None:"
            ),
        ),
        file="optimizer.py",
        component="adamw",
    ),
    mutant("corrected_for_the_next_step", "adamw.5 adamw.6", ("t = state.t + 1", "t = state.t + 2")),
    mutant(
        "corrections_in_float32",
        "adamw.5 adamw.6",
        ("m / (1 - beta1**t)", "m / (1 - torch.as_tensor(beta1**t, dtype=torch.float32))"),
        ("v) / (1 - beta2**t)", "v) / (1 - torch.as_tensor(beta2**t, dtype=torch.float32))"),
    ),
    mutant(
        "amsgrad_uncorrected",
        "adamw.6 adamw.12",
        ("(v_max if amsgrad else v) / (1 - beta2**t)", "v_max if amsgrad else v / (1 - beta2**t)"),
    ),
    mutant(
        "amsgrad_corrected",
        "adamw.7",
        ("torch.maximum(state.v_max, v) if", "torch.maximum(state.v_max, v / (1 - beta2**t)) if"),
        ("(v_max if amsgrad else v) / (1 - beta2**t)", "v_max if amsgrad else v / (1 - beta2**t)"),
    ),
    mutant("eps_in_root", "adamw.8 adamw.13", ("(v_hat.sqrt() + eps)", "(v_hat + eps).sqrt()")),
    mutant(
        "eps_corrected",
        "adamw.8 adamw.11",
        ("m_hat / (v_hat.sqrt() + eps)", "m_hat / (v_hat.sqrt() + eps / (1 - beta2**t) ** 0.5)"),
    ),
    mutant(
        "maximum_taken_all_the_time",
        "adamw.14",
        ("torch.maximum(state.v_max, v) if amsgrad else state.v_max", "torch.maximum(state.v_max, v)"),
    ),
    mutant(
        "maximum_forgotten_while_off",
        "adamw.14",
        ("if amsgrad else state.v_max", "if amsgrad else torch.zeros_like(param)"),
    ),
    mutant(
        "never_divides_by_zero",
        "adamw.15",
        ("lr * m_hat / (v_hat.sqrt() + eps)", "(lr * m_hat / (v_hat.sqrt() + eps)).nan_to_num(nan=0.0)"),
    ),
    mutant("infinite_gradients_are_left_out", "adamw.16", ("else grad  #", "else grad.where(grad.isfinite(), 0.0)  #")),
    mutant("rate_of_nan_passes", "adamw.18", ("require(lr >= 0,", "require(not lr < 0,")),
    mutant("beta_of_one_passes", "adamw.19", ("0 <= beta2 < 1", "0 <= beta2 <= 1")),
    mutant("first_beta_below_zero_passes", "adamw.19", ("0 <= beta1 < 1", "beta1 < 1")),
    mutant("epsilon_just_below_zero_passes", "adamw.20", ("require(eps >= 0,", "require(eps > -1e-6,")),
    mutant("decay_of_nan_passes", "adamw.21", ("require(weight_decay >= 0,", "require(not weight_decay < 0,")),
)
