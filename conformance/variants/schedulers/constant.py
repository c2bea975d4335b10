"""constant: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

ENDS = "if t >= total_iters:"
RATE = "return base_lr * factor"

VARIANTS = (
    dialect(
        "forever",
        "constant.2 constant.4 constant.5 constant.7",
        (ENDS, "if False:"),
        shipped_by="Optax, as `constant_schedule`",
    ),
    mutant("one_step_longer", "constant.2 constant.4 constant.7", (ENDS, "if t > total_iters:")),
    mutant("one_step_shorter", "constant.1 constant.3", (ENDS, "if t >= total_iters - 1:")),
    mutant("starts_at_the_first_step", "constant.1 constant.3", (ENDS, "if t == 0 or t >= total_iters:")),
    mutant("undone_by_a_division", "constant.5", ("return base_lr  #", "return base_lr * factor / factor  #")),
    mutant(
        "a_line_between_equal_factors",
        "constant.3",
        (RATE, "return base_lr * (factor * (total_iters - t) + factor * t) / total_iters"),
    ),
    mutant("what_is_taken_away", "constant.1 constant.5 constant.6", (RATE, "return base_lr * (1 - factor)")),
    mutant("no_steps_are_one", "constant.7", (ENDS, "if t >= max(total_iters, 1):")),
    mutant("a_factor_above_one", "constant.8", ("0 <= factor <= 1", "0 <= factor")),
    mutant("a_factor_that_is_nan", "constant.8", ("0 <= factor <= 1", "not (factor < 0 or factor > 1)")),
    mutant("part_of_a_step", "constant.9", ("whole(total_iters, 0)", "total_iters >= 0")),
)
