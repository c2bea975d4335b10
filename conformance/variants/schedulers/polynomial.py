"""polynomial: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

LEFT = "(total_iters - t) / total_iters if t < total_iters else 0.0"

VARIANTS = (
    dialect(
        "to_an_end",
        "polynomial.2 polynomial.4 polynomial.5 polynomial.8 scheduler.7 scheduler.8 scheduler.13",
        ("base_lr * left**power", "(base_lr - 1e-4) * left**power + 1e-4"),
        shipped_by="Keras, as `PolynomialDecay` with its default end, and Optax, as `polynomial_schedule`",
    ),
    dialect(
        "cycle",
        "polynomial.2 polynomial.4 polynomial.6",
        (LEFT, "1 - t / (total_iters * max(-(-t // total_iters), 1)) if total_iters else 0.0"),
        shipped_by="Keras, as `PolynomialDecay` with `cycle=True`",
    ),
    mutant("starts_a_step_down", "polynomial.1 polynomial.3", (LEFT, LEFT.replace("t)", "t - 1)"))),
    mutant("always_a_line", "polynomial.1 polynomial.5 polynomial.7", ("left**power", "left")),
    mutant("always_a_square", "polynomial.4 polynomial.5 polynomial.7", ("left**power", "left**2")),
    mutant(
        "goes_on_below_zero",
        "polynomial.2 polynomial.6",
        (LEFT, "(total_iters - t) / total_iters if total_iters else 0.0"),
    ),
    mutant("ends_at_zero_always", "polynomial.7 polynomial.8", ("left**power", "(left**power if left else 0)")),
    mutant("no_way_is_no_decay", "polynomial.8", ("else 0.0", "else 0.0 if total_iters else 1.0")),
    mutant("part_of_a_step", "polynomial.9", ("whole(total_iters, 0)", "total_iters >= 0")),
    mutant("a_power_that_is_nan", "polynomial.10", ("finite(power)", "not power < 0")),
    mutant("an_infinite_power", "polynomial.10", ("finite(power)", "power >= 0")),
)
