"""multi_step: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

COUNT = "sum(milestone <= t for milestone in milestones)"

VARIANTS = (
    dialect(
        "strict",
        "multi_step.1 multi_step.2 multi_step.3 multi_step.5 multi_step.6",
        ("milestone <= t", "milestone < t"),
        shipped_by="Keras, as `PiecewiseConstantDecay`",
    ),
    mutant(
        "repeated_ones_count_once", "multi_step.1 multi_step.5", (COUNT, COUNT.replace("milestones", "set(milestones)"))
    ),
    mutant(
        "found_by_bisection_in_any_order",
        "multi_step.1 multi_step.4",
        ("import Sequence", "import Sequence\nfrom bisect import bisect_right"),
        (COUNT, "bisect_right(milestones, t)"),
    ),
    mutant("not_at_construction", "multi_step.6", ("milestone <= t", "0 < milestone <= t")),
    mutant("acts_at_once_only", "multi_step.1 multi_step.3 multi_step.8", ("milestone <= t", "milestone == t")),
    mutant(
        "glides_to_each_milestone",
        "multi_step.2 multi_step.3",
        (COUNT, "sum(min(t / milestone, 1) if milestone else 1 for milestone in milestones)"),
    ),
    mutant("none_stands_for_every_step", "multi_step.7", (COUNT, f"({COUNT} if milestones else t)")),
    mutant("by_a_logarithm", "multi_step.8", (f"gamma ** {COUNT}", f"({COUNT} * gamma.log()).exp()")),
    mutant("only_decay", "multi_step.8", ("finite(gamma)", "0 <= gamma < 1")),
    mutant("part_of_a_step", "multi_step.9", ("whole(milestone, 0)", "milestone >= 0")),
    mutant("before_the_start", "multi_step.9", ("whole(milestone, 0)", "whole(milestone, -9)")),
    mutant("an_infinite_gamma", "multi_step.10", ("finite(gamma)", "gamma >= 0")),
)
