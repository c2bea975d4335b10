"""reduce_on_plateau: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

STEM = "reduce_on_plateau"
LOWERED = "    return lowered, State(best, 0, cooldown)"


def ids(*numbers: int) -> str:
    return " ".join(f"{STEM}.{number}" for number in numbers)


VARIANTS = (
    dialect(
        "at_patience",
        ids(8, 9, 10, 11, 15, 19),
        ("if bad <= patience:", "if bad < max(patience, 1):"),
        shipped_by="Keras, as `ReduceLROnPlateau`",
    ),
    mutant(
        "the_floor_acts_at_construction",
        ids(1),
        (
            "self.state = rule.init(self.lrs, **self.options)",
            "self.state = rule.init(self.lrs, **self.options)\n"
            '            self.lrs = [max(lr, own["min_lr"]) for lr, own in zip(self.lrs, self.each, strict=True)]',
        ),
        file="scheduler.py",
    ),
    mutant(
        "the_first_must_beat_infinity",
        ids(2, 20),
        ("return bool(metric == metric)", 'best = float("inf") if mode == "min" else -float("inf")'),
    ),
    mutant("the_bar_of_a_negative_metric", ids(3), ("best * (1 + margin)", "best + abs(best) * margin")),
    mutant("absolute_always", ids(3, 18), ("best * (1 + margin)", "best + margin")),
    mutant("the_bar_on_the_worse_side", ids(4), ("else best + margin", "else best - margin")),
    mutant(
        "the_margin_of_mode_min",
        ids(3, 4, 6),
        ('-float(threshold) if mode == "min" else float(threshold)', "-float(threshold)"),
    ),
    mutant(
        "equal_is_better",
        ids(5),
        ('metric < bar if mode == "min" else metric > bar', 'metric <= bar if mode == "min" else metric >= bar'),
    ),
    mutant(
        "the_best_is_the_best_seen",
        ids(7),
        (
            "best = metric if better else state.best",
            'best = metric if state.best is None else (min if mode == "min" else max)(state.best, metric)',
        ),
    ),
    mutant("the_best_is_the_last", ids(7), ("best = metric if better else state.best", "best = metric")),
    mutant(
        "bad_epochs_add_up",
        ids(8),
        ("bad = 0 if better or state.cooldown > 0", "bad = state.bad if better or state.cooldown > 0"),
    ),
    mutant("bad_epochs_count_on", ids(10), (LOWERED, LOWERED.replace("0,", "bad,"))),
    mutant("the_best_is_forgotten", ids(10), (LOWERED, LOWERED.replace("best,", "None,"))),
    mutant("a_cooldown_of_one_step_less", ids(11), ("state.cooldown > 0", "state.cooldown > 1")),
    mutant("a_cooldown_without_end", ids(11), ("max(state.cooldown - 1, 0)", "state.cooldown")),
    mutant(
        "nothing_is_better_in_a_cooldown",
        ids(12),
        ("better = is_better(", "better = state.cooldown == 0 and is_better("),
    ),
    mutant("no_floor", ids(13, 16), ("lowered = max(lr * factor, floor)", "lowered = lr * factor")),
    mutant("more_than_eps", ids(14), (">= eps", "> eps")),
    mutant("eps_of_the_rate", ids(14), (">= eps", ">= eps * float(lr)")),
    mutant(
        "goes_on_waiting_where_nothing_changes",
        ids(15),
        (LOWERED, f"    if lowered == list(lrs):\n        return lowered, State(best, bad, 0)\n{LOWERED}"),
    ),
    mutant(
        "one_floor_for_all",
        ids(16),
        (
            "return list(min_lr) if isinstance(min_lr, list | tuple)",
            "return [min_lr[0]] * groups if isinstance(min_lr, list | tuple)",
        ),
    ),
    mutant(
        "rises_to_its_floor", ids(17), ("float(lr) - float(lowered) >= eps", "abs(float(lr) - float(lowered)) >= eps")
    ),
    mutant(
        "nan_is_not_worse",
        ids(19),
        ("metric < bar if", "not metric >= bar if"),
        ("else metric > bar", "else not metric <= bar"),
    ),
    mutant("nan_may_come_first", ids(19), ("return bool(metric == metric)", "return True")),
    mutant(
        "an_infinite_metric_is_bad",
        ids(2, 20),
        ("better = is_better(", 'better = abs(metric) < float("inf") and is_better('),
    ),
    mutant("no_factor_is_the_default", ids(21), ("lr * factor", "lr * (factor or 0.1)")),
    mutant("a_mode_in_capitals", ids(22), ("mode in MODES,", "mode.lower() in MODES,")),
    mutant("a_threshold_mode_in_capitals", ids(23), ("threshold_mode in SCALES", "threshold_mode.lower() in SCALES")),
    mutant("a_factor_of_one", ids(24), ("0 <= factor < 1", "0 <= factor <= 1")),
    mutant("part_of_a_bad_epoch", ids(25), ("whole(patience, 0)", "patience >= 0")),
    mutant("part_of_a_cooldown", ids(26), ("whole(cooldown, 0)", "cooldown >= 0")),
    mutant("an_infinite_threshold", ids(27), ("finite(threshold)", "threshold >= 0")),
    mutant("any_eps_but_nan", ids(28), ("finite(eps)", "eps == eps")),
    mutant(
        "only_the_first_floor_is_checked",
        ids(29),
        ("each(finite, min_lr)", "finite(min_lr[0] if isinstance(min_lr, tuple) else min_lr)"),
    ),
    mutant(
        "as_many_floors_as_one_likes",
        ids(30),
        ("not listed or len(options[name]) == len(base_lrs)", "not listed or len(options[name]) >= len(base_lrs)"),
        file="scheduler.py",
    ),
    mutant(
        "a_step_without_a_metric_is_none",
        ids(31),
        (
            '    require(metric is not None, f"{NAME}: step must be given a metric", metric)',
            "    if metric is None:\n        return list(lrs), state",
        ),
    ),
)

EQUIVALENT = {
    "return lowered, State(state[0], 0, cooldown)": "A reduction is made in a bad epoch, which leaves the best.",
}
