"""cyclic: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

SCHEDULER = "scheduler.py"
CYCLED = 'if self.options.get("cycle_momentum"):'

VARIANTS = (
    dialect(
        "clr",
        "cyclic.11 cyclic.12 scheduler.22",
        (CYCLED, "if False:"),
        shipped_by="the Keras callback by B. Kenstler, since 2017",
        file=SCHEDULER,
    ),
    dialect(
        "in_cycle",
        "cyclic.8",
        ("gamma**t", "gamma ** (t % total)"),
        shipped_by="torch's documentation of `scale_mode`, not its code",
    ),
    mutant("gamma_counts_cycles", "cyclic.8", ("gamma**t", "gamma**cycle")),
    mutant("cycles_count_from_zero", "cyclic.7", ("2.0 ** (1 - cycle)", "2.0 ** (-cycle)")),
    mutant(
        "starts_at_the_rate_in_force",
        "cyclic.1 cyclic.2",
        ("base_lr + (max_lr - base_lr) * height", "_ + (max_lr - _) * height"),
    ),
    mutant("down_as_steep_as_up", "cyclic.1 cyclic.4", ("(1 - x) * total / down", "(1 - x) * total / step_size_up")),
    mutant(
        "triangles_shrink_by_gamma",
        "cyclic.3 cyclic.4 cyclic.6",
        ('if mode == "triangular":', 'if mode == "triangular" and gamma == 1:'),
    ),
    mutant(
        "the_default_of_up_for_down",
        "cyclic.5",
        ("down = step_size_up if step_size_down is None", "down = 2000 if step_size_down is None"),
    ),
    mutant("scale_fn_beside_the_mode", "cyclic.9", ("return h * scale_fn(", "h = h * scale_fn(")),
    mutant("scale_fn_counts_from_zero", "cyclic.9", ("scale_fn(cycle if", "scale_fn(cycle - 1 if")),
    mutant(
        "scale_mode_without_a_scale_fn",
        "cyclic.8 cyclic.10",
        ("gamma**t", 'gamma ** (t if scale_mode == "iterations" else cycle)'),
    ),
    mutant(
        "the_momentum_rises_with_the_rate",
        "cyclic.11",
        ("max_momentum - (max_momentum - base_momentum)", "base_momentum + (max_momentum - base_momentum)"),
    ),
    mutant(
        "both_betas",
        "cyclic.12",
        ('(momentum, *options["betas"][1:])', "(momentum, momentum)"),
        file=SCHEDULER,
    ),
    mutant(
        "cycles_a_momentum_that_is_not_to_be_cycled",
        "cyclic.13",
        (CYCLED, 'if "cycle_momentum" in self.options:'),
        file=SCHEDULER,
    ),
    mutant(
        "the_momentum_counts_as_a_step",
        "cyclic.14",
        ("self.momenta = [self.rule", "self.t += 1\n                self.momenta = [self.rule"),
        file=SCHEDULER,
    ),
    mutant("never_falls_to_max_lr", "cyclic.15", ("(max_lr - base_lr) *", "max(max_lr - base_lr, 0 * base_lr) *")),
    mutant("no_gamma_is_one", "cyclic.16", ("gamma**t", "(gamma or 1.0) ** t")),
    mutant(
        "only_the_first_base_lr_is_checked",
        "cyclic.17",
        ("each(finite, base_lr)", "finite(base_lr[0] if isinstance(base_lr, tuple) else base_lr)"),
    ),
    mutant("an_infinite_max_lr", "cyclic.18", ("each(finite, max_lr)", "each(lambda lr: lr >= 0, max_lr)")),
    mutant("no_steps_up", "cyclic.19", ("whole(step_size_up, 1)", "whole(step_size_up, 0)")),
    mutant("part_of_a_step_down", "cyclic.20", ("whole(step_size_down, 1)", "step_size_down >= 1")),
    mutant("a_mode_beside_a_scale_fn", "cyclic.21", ("scale_fn is not None or mode in MODES", "mode in MODES")),
    mutant("any_mode", "cyclic.21", ("scale_fn is not None or mode in MODES", "True")),
    mutant("an_infinite_gamma", "cyclic.22", ("require(finite(gamma)", "require(gamma >= 0")),
    mutant("no_scale_mode", "cyclic.23", ("scale_mode in SCALES", "scale_mode in (*SCALES, None)")),
    mutant("a_momentum_above_one", "cyclic.24", ("each(share, base_momentum)", "each(finite, base_momentum)")),
    mutant(
        "a_momentum_that_is_nan",
        "cyclic.25",
        ("each(share, max_momentum)", "each(lambda it: not (it < 0 or it > 1), max_momentum)"),
    ),
)

EQUIVALENT = {
    "SETS = False": "Every rate comes from options: no base rate leads to a changed one.",
    "h = x * total / step_size_up if t % total < step_size_up else (1 - x) * total / down": (
        "At the top, where the comparisons differ, both lines have the height 1."
    ),
}
