"""one_cycle: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

SCHEDULER = "scheduler.py"
CYCLED = 'if self.options.get("cycle_momentum"):'
ENDS = "float(pct_start) * total - 1, total - 1.0"

VARIANTS = (
    dialect(
        "paper",
        "one_cycle.1 one_cycle.2 one_cycle.12",
        ("three_phase: bool = False", "three_phase: bool = True"),
        ('anneal_strategy: str = "cos"', 'anneal_strategy: str = "linear"'),
        shipped_by="Smith and Topin 2018",
    ),
    dialect(
        "from_the_largest",
        "one_cycle.1 one_cycle.2 one_cycle.4 one_cycle.5 one_cycle.6 one_cycle.12 one_cycle.13 one_cycle.14 "
        "one_cycle.15",
        (ENDS, "float(pct_start) * total, float(total)"),
        shipped_by="Optax, as `cosine_onecycle_schedule` and `linear_onecycle_schedule`",
    ),
    mutant("a_cosine_that_comes_back", "one_cycle.1", ("w + (v - w) * (1 + cos", "v + (w - v) * (1 + cos")),
    mutant("a_line_that_comes_back", "one_cycle.2", ("v + (w - v) * x", "w + (v - w) * x")),
    mutant("always_cosines", "one_cycle.2", ('if anneal_strategy == "linear":', "if False:")),
    mutant("starts_at_the_rate_in_force", "one_cycle.3", ("first = max_lr / div_factor", "first = _")),
    mutant(
        "largest_a_part_of_a_step_late", "one_cycle.4 one_cycle.6", (ENDS, ENDS.replace("total - 1,", "(total - 1),"))
    ),
    mutant("ends_at_a_part_of_the_largest", "one_cycle.5", ("first / final_div_factor", "max_lr / final_div_factor")),
    mutant(
        "a_second_phase_of_one_step_more",
        "one_cycle.6",
        ("(top, 2 * top, *second), (2 * top, end,", "(top, 2 * top + 1, *second), (2 * top + 1, end,"),
    ),
    mutant("epochs_and_steps", "one_cycle.7", ("epochs * steps_per_epoch", "epochs + steps_per_epoch")),
    mutant(
        "epochs_come_first",
        "one_cycle.8",
        ("total_steps or epochs * steps_per_epoch", "(epochs or 0) * (steps_per_epoch or 0) or total_steps or 0"),
    ),
    mutant(
        "never_below_a_floor",
        "one_cycle.9",
        ("first = max_lr / div_factor", "first = max(max_lr / div_factor, 0 * max_lr + 1e-6)"),
    ),
    mutant("the_way_goes_on", "one_cycle.10", ("t = min(t, total - 1)", "t = min(t, total)")),
    mutant("refuses_the_step_of_the_last_batch", "one_cycle.10", ("t <= total", "t < total")),
    mutant("a_step_too_many", "one_cycle.11", ("t <= total", "t <= total + 1")),
    mutant("stays_at_the_end", "one_cycle.11", ("t <= total", "t == t")),
    mutant("a_phase_of_no_length", "one_cycle.12", ("phase[0] < phase[1]", "phase[0] <= phase[1]")),
    mutant(
        "no_phase_begins_before_the_start",
        "one_cycle.13",
        (ENDS, "max(float(pct_start) * total - 1, 0.0), total - 1.0"),
    ),
    mutant(
        "the_momentum_rises_with_the_rate",
        "one_cycle.14",
        (
            "(max_momentum, base_momentum), (base_momentum, max_momentum)",
            "(base_momentum, max_momentum), (max_momentum, base_momentum)",
        ),
    ),
    mutant("the_momentum_falls_again", "one_cycle.15", ("down, up, max_momentum", "down, up, base_momentum")),
    mutant("both_betas", "one_cycle.16", ('(momentum, *options["betas"][1:])', "(momentum, momentum)"), file=SCHEDULER),
    mutant(
        "cycles_a_momentum_that_is_not_to_be_cycled",
        "one_cycle.17",
        (CYCLED, 'if "cycle_momentum" in self.options:'),
        file=SCHEDULER,
    ),
    mutant(
        "the_momentum_counts_as_a_step",
        "one_cycle.18",
        ("self.momenta = [self.rule", "self.t += 1\n                self.momenta = [self.rule"),
        file=SCHEDULER,
    ),
    mutant("part_of_a_step", "one_cycle.19", ("whole(total_steps, 1)", "total_steps > 0")),
    mutant("one_count_is_enough", "one_cycle.20", ("counted = all(", "counted = any(")),
    mutant("more_than_all_steps", "one_cycle.21", ("share(pct_start)", "pct_start >= 0")),
    mutant("cosine_is_cos", "one_cycle.22", ('in ("cos", "linear")', 'in ("cos", "linear", "cosine")')),
    mutant(
        "only_the_first_max_lr_is_checked",
        "one_cycle.23",
        ("each(finite, max_lr)", "finite(max_lr[0] if isinstance(max_lr, tuple) else max_lr)"),
    ),
    mutant("divides_by_zero", "one_cycle.24", ("0 < div_factor < math.inf", "0 <= div_factor < math.inf")),
    mutant("an_infinite_final_factor", "one_cycle.25", ("0 < final_div_factor < math.inf", "0 < final_div_factor")),
    mutant("a_momentum_above_one", "one_cycle.26", ("each(share, base_momentum)", "each(finite, base_momentum)")),
    mutant(
        "a_momentum_that_is_nan",
        "one_cycle.27",
        ("each(share, max_momentum)", "each(lambda it: not (it < 0 or it > 1), max_momentum)"),
    ),
)

EQUIVALENT = {
    "lasting = [phase for phase in phases[:-1] if phase[0] < phase[1] and t < phase[1]]": (
        "Where one phase ends the next one starts, with the same rate."
    ),
    "SETS = False": "Every rate comes from `max_lr`: no base rate leads to a changed one.",
}
