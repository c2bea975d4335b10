"""exponential: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

VARIANTS = (
    dialect(
        "scaled_time",
        "exponential.1 exponential.2",
        ("gamma**t", "gamma ** (t / 10)"),
        shipped_by="Keras and Optax, with an option for the 10",
    ),
    mutant("acts_at_construction", "exponential.1 exponential.2 exponential.4", ("gamma**t", "gamma ** (t + 1)")),
    mutant("not_at_the_first_step", "exponential.2 exponential.4", ("gamma**t", "gamma ** max(t - 1, 0)")),
    mutant("falls_in_a_line", "exponential.1", ("gamma**t", "(1 - (1 - gamma) * t)")),
    mutant(
        "takes_the_same_from_every_rate",
        "exponential.1 exponential.3 exponential.4",
        ("base_lr * gamma**t", "base_lr - (1 - gamma**t)"),
    ),
    mutant("by_a_logarithm", "exponential.4", ("gamma**t", "(t * gamma.log()).exp()")),
    mutant("only_decay", "exponential.5", ("finite(gamma)", "0 <= gamma < 1")),
    mutant("an_infinite_gamma", "exponential.6", ("finite(gamma)", "gamma >= 0")),
    mutant("a_gamma_that_is_nan", "exponential.6", ("finite(gamma)", "not gamma < 0")),
)
