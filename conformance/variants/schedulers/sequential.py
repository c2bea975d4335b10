"""sequential: what goes wrong."""

from torchstone.conformance.variants import mutant

COUNT = "sum(milestone <= t for milestone in milestones)"
RATE = "    return schedulers[index].rate(t - begun, base_lr)"

VARIANTS = (
    mutant(
        "begins_a_step_late",
        "sequential.1 sequential.3 sequential.6",
        ("milestone <= t", "milestone < t"),
    ),
    mutant("one_t_for_all", "sequential.1 sequential.3 sequential.4", ("t - begun", "t")),
    mutant("a_step_ahead", "sequential.1 sequential.2 sequential.5", ("t - begun", "t - begun + 1")),
    mutant(
        "goes_on_from_the_rate_in_force",
        "sequential.1 sequential.4",
        (
            RATE,
            "    starts = (0, *milestones)\n"
            "    for k in range(index):\n"
            "        base_lr = schedulers[k].rate(starts[k + 1] - starts[k], base_lr)\n"
            f"{RATE}",
        ),
    ),
    mutant(
        "the_built_ones_leave_a_trace",
        "sequential.1 sequential.8",
        (
            RATE,
            f"    for other in schedulers[1:] if t == 0 else ():\n        base_lr = other.rate(0, base_lr)\n{RATE}",
        ),
    ),
    mutant(
        "no_milestone_no_schedule", "sequential.5", (RATE, f"    if not milestones:\n        return base_lr\n{RATE}")
    ),
    mutant("not_at_construction", "sequential.6", ("milestone <= t", "0 < milestone <= t")),
    mutant("equal_ones_count_once", "sequential.7", (COUNT, COUNT.replace("milestones", "set(milestones)"))),
    mutant(
        "nothing_is_a_schedule",
        "sequential.9",
        ("closed = parts(schedulers)", "closed = not schedulers or parts(schedulers)"),
        ("len(schedulers) - 1", "max(len(schedulers) - 1, 0)"),
        (RATE, f"    if not schedulers:\n        return base_lr\n{RATE}"),
    ),
    mutant("a_milestone_too_few", "sequential.10", ("len(milestones) == len", "len(milestones) <= len")),
    mutant("a_milestone_too_many", "sequential.10", ("len(milestones) == len", "len(milestones) >= len")),
    mutant("part_of_a_step", "sequential.11", ("whole(milestone, 0)", "milestone >= 0")),
    mutant("in_any_order", "sequential.11", ("listed and list(milestones) == sorted(milestones)", "listed")),
    mutant(
        "a_plateau_is_passed_over",
        "sequential.12",
        ("parts(schedulers)", 'parts([part for part in schedulers if hasattr(part.rule, "rate")])'),
        (RATE, f'    if not hasattr(schedulers[index].rule, "rate"):\n        return base_lr\n{RATE}'),
    ),
)

EQUIVALENT = {
    "SETS = False": "What becomes of a rate changed from outside is left open for compositions (scheduler.13).",
    "listed = ((all(whole(milestone, 0) for milestone in milestones)))": (
        "The page says what numbers milestones are, and nothing of milestones that are no list."
    ),
}
