"""linear: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

LINE = "base_lr * (start_factor + (end_factor - start_factor) * t / total_iters)"

VARIANTS = (
    dialect(
        "between_rates",
        "linear.1 linear.2 linear.3 linear.4 linear.5 linear.6 linear.7 scheduler.7 scheduler.8 scheduler.13",
        ("return base_lr * end_factor", "return 0 * base_lr + end_factor"),
        ("return base_lr * (start_factor", "return 0 * base_lr + (start_factor"),
        shipped_by="Optax and MLX, as `linear_schedule`",
    ),
    mutant("the_line_to_its_end", "linear.7", ("t >= total_iters", "t > total_iters")),
    mutant(
        "by_a_factor_a_step",
        "linear.2 linear.7",
        ("    if t >= total_iters:\n        return base_lr * end_factor  # linear.2\n", ""),
        (
            f"return {LINE}",
            "lr = base_lr * start_factor\n"
            "    for k in range(1, min(t, total_iters) + 1):\n"
            "        before = total_iters * start_factor + (k - 1) * (end_factor - start_factor)\n"
            "        lr = lr * (1 + (end_factor - start_factor) / before)\n"
            "    return lr",
        ),
    ),
    mutant(
        "adds_up_steps",
        "linear.2 linear.8",
        ("    if t >= total_iters:\n        return base_lr * end_factor  # linear.2\n", ""),
        (
            f"return {LINE}",
            "lr = base_lr * start_factor\n"
            "    for _ in range(min(t, total_iters)):\n"
            "        lr = lr + base_lr * (end_factor - start_factor) / total_iters\n"
            "    return lr",
        ),
    ),
    mutant("starts_at_the_first_step", "linear.1 linear.3", ("* t / total_iters", "* (t + 1) / total_iters")),
    mutant("there_a_step_early", "linear.1 linear.4", ("* t / total_iters", "* t / max(total_iters - 1, 1)")),
    mutant(
        "warms_up_from_zero",
        "linear.1 linear.3 linear.5",
        ("(start_factor + (end_factor - start_factor) * t", "(end_factor * t"),
    ),
    mutant("only_rises", "linear.1 linear.6", ("(end_factor - start_factor) *", "abs(end_factor - start_factor) *")),
    mutant("ends_at_the_base_rate", "linear.2 linear.5 linear.7", ("base_lr * end_factor", "base_lr")),
    mutant("a_start_of_zero", "linear.9", ("0 < start_factor <= 1", "0 <= start_factor <= 1")),
    mutant("a_start_above_one", "linear.9", ("0 < start_factor <= 1", "0 < start_factor")),
    mutant("an_end_above_one", "linear.10", ("0 <= end_factor <= 1", "0 <= end_factor")),
    mutant("an_end_that_is_nan", "linear.10", ("0 <= end_factor <= 1", "not (end_factor < 0 or end_factor > 1)")),
    mutant("part_of_a_step", "linear.11", ("whole(total_iters, 0)", "total_iters >= 0")),
)
