"""multiplicative: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

VARIANTS = (
    dialect(
        "from_zero",
        "multiplicative.1 multiplicative.2 multiplicative.3 multiplicative.4 multiplicative.6 multiplicative.7",
        ("range(1, t + 1)", "range(t)"),
        shipped_by="frameworks that call the function before they count the step",
    ),
    mutant(
        "acts_at_construction",
        "multiplicative.1 multiplicative.2 multiplicative.5",
        ("range(1, t + 1)", "range(t + 1)"),
    ),
    mutant(
        "the_last_factor_for_all",
        "multiplicative.1 multiplicative.3 multiplicative.6",
        ("lr_lambda(k)", "lr_lambda(t)"),
    ),
    mutant(
        "of_the_base_rate",
        "multiplicative.1 multiplicative.3 multiplicative.5 multiplicative.7",
        (
            "    for k in range(1, t + 1):\n        base_lr = base_lr * lr_lambda(k)",
            "    for k in range(min(t, 1)):\n        base_lr = base_lr * lr_lambda(t)",
        ),
    ),
    mutant(
        "the_first_function_for_all",
        "multiplicative.4",
        ("real(option[group])", "real(option[0])"),
        file="scheduler.py",
    ),
    mutant("zero_is_no_factor", "multiplicative.3 multiplicative.7", ("lr_lambda(k)", "(lr_lambda(k) or 1.0)")),
    mutant(
        "a_number_is_a_function",
        "multiplicative.8",
        ("each(callable, lr_lambda)", "each(lambda f: callable(f) or isinstance(f, float), lr_lambda)"),
        ("base_lr * lr_lambda(k)", "base_lr * (lr_lambda(k) if callable(lr_lambda) else lr_lambda)"),
    ),
)
