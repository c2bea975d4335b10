"""step: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

VARIANTS = (
    dialect(
        "continuous",
        "step.1 step.2 step.3 step.6 step.7",
        ("t // step_size", "t / step_size"),
        shipped_by="Keras, as `ExponentialDecay` with its default `staircase=False`",
    ),
    mutant("a_step_late", "step.1 step.2 step.5 step.6 step.7", ("t // step_size", "max(t - 1, 0) // step_size")),
    mutant("a_step_early", "step.1 step.2 step.6 step.7", ("t // step_size", "(t + 1) // step_size")),
    mutant("zero_is_a_multiple", "step.1 step.2 step.4 step.5 step.6", ("(t // step_size)", "(t // step_size + 1)")),
    mutant("at_multiples_only", "step.1 step.6", ("(t // step_size)", "(t // step_size if t % step_size == 0 else 0)")),
    mutant(
        "falls_in_a_line", "step.1 step.5 step.6", ("gamma ** (t // step_size)", "(1 - (1 - gamma) * (t // step_size))")
    ),
    mutant("by_a_logarithm", "step.7", ("gamma ** (t // step_size)", "(t // step_size * gamma.log()).exp()")),
    mutant("only_decay", "step.8", ("finite(gamma)", "0 <= gamma < 1")),
    mutant("part_of_a_step", "step.9", ("whole(step_size, 1)", "step_size > 0")),
    mutant("an_infinite_gamma", "step.10", ("finite(gamma)", "gamma >= 0")),
)
