"""lambda_: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

VARIANTS = (
    dialect(
        "absolute",
        "lambda_.1 lambda_.2 lambda_.4 lambda_.5 lambda_.7 lambda_.8 scheduler.7 scheduler.8",
        ("base_lr * lr_lambda(t)", "0 * base_lr + lr_lambda(t)"),
        shipped_by="Optax, MLX and Keras, as `LearningRateScheduler`",
    ),
    mutant("of_the_next_step", "lambda_.1 lambda_.2 lambda_.7", ("lr_lambda(t)", "lr_lambda(t + 1)")),
    mutant("of_the_last_step", "lambda_.1 lambda_.2 lambda_.7", ("lr_lambda(t)", "lr_lambda(max(t - 1, 0))")),
    mutant(
        "times_the_rate_in_force",
        "lambda_.1 lambda_.3 lambda_.6 lambda_.7 lambda_.8",
        (
            "    return base_lr * lr_lambda(t)",
            "    for k in range(t + 1):\n        base_lr = base_lr * lr_lambda(k)\n    return base_lr",
        ),
    ),
    mutant(
        "the_first_function_for_all",
        "lambda_.4",
        ("real(option[group])", "real(option[0])"),
        file="scheduler.py",
    ),
    mutant("never_above_the_base_rate", "lambda_.6 lambda_.8", ("lr_lambda(t)", "min(lr_lambda(t), 1.0)")),
    mutant("zero_is_no_factor", "lambda_.7 lambda_.8", ("lr_lambda(t)", "(lr_lambda(t) or 1.0)")),
    mutant(
        "a_number_is_a_function",
        "lambda_.9",
        ("each(callable, lr_lambda)", "each(lambda f: callable(f) or isinstance(f, float), lr_lambda)"),
        ("base_lr * lr_lambda(t)", "base_lr * (lr_lambda(t) if callable(lr_lambda) else lr_lambda)"),
    ),
)
