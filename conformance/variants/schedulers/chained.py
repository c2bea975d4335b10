"""chained: what goes wrong."""

from torchstone.conformance.variants import mutant

LOOP = "    for part in schedulers:"

VARIANTS = (
    mutant(
        "only_the_last_drives",
        "chained.1 chained.2 chained.3 chained.5",
        ("base_lr = part.rate(t, base_lr)", "rate = part.rate(t, base_lr)"),
        ("    return base_lr", "    return rate"),
    ),
    mutant(
        "the_same_twice_counts_once",
        "chained.7",
        (LOOP, "    for part in [p for i, p in enumerate(schedulers) if p not in schedulers[:i]]:"),
    ),
    mutant(
        "the_first_has_acted_when_it_was_built",
        "chained.1 chained.3 chained.4 chained.5",
        (LOOP, "    for part in schedulers[1:]:"),
    ),
    mutant(
        "each_is_a_step_ahead_of_the_one_before",
        "chained.2 chained.3 chained.7",
        (LOOP, "    for i, part in enumerate(schedulers):"),
        ("part.rate(t, base_lr)", "part.rate(t + i, base_lr)"),
    ),
    mutant("starts_at_the_base_rate", "chained.6", (LOOP, f"    if t == 0:\n        return base_lr\n{LOOP}")),
    mutant("nothing_is_a_chain", "chained.8", ("require(closed,", "require(closed or not schedulers,")),
    mutant(
        "a_plateau_is_passed_over",
        "chained.9",
        ("parts(schedulers)", 'parts([part for part in schedulers if hasattr(part.rule, "rate")])'),
        (LOOP, f'{LOOP}\n        if not hasattr(part.rule, "rate"):\n            continue'),
    ),
)

EQUIVALENT = {
    "RESUMES = True": "No program gives a chain a `last_epoch`: an option that it does not have is not tested.",
}
