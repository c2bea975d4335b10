"""ema: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

VARIANTS = (
    dialect(
        "debiased",
        "ema.1 ema.2 ema.4 ema.5 average.3 average.10",
        (
            "decay * average + (1 - decay) * param",
            "(decay * (1 - decay**n) * average + (1 - decay) * param) / (1 - decay ** (n + 1))",
        ),
        shipped_by="Optax, as `ema` with its default `debias=True`",
    ),
    dialect(
        "warmed_up",
        "ema.1 ema.2 ema.4 average.3",
        ("    moved: Tensor", "    decay = min(decay, (1 + n) / (10 + n))\n    moved: Tensor"),
        shipped_by="TensorFlow, as `ExponentialMovingAverage` with `num_updates`",
    ),
    mutant(
        "the_other_way_round",
        "ema.1 ema.2 ema.3 ema.4",
        ("decay * average + (1 - decay) * param", "(1 - decay) * average + decay * param"),
    ),
    mutant("no_decay_is_the_default", "ema.3", ("    moved: Tensor", "    decay = decay or 0.999\n    moved: Tensor")),
    mutant("adds_the_whole_model", "ema.1 ema.2 ema.5", ("(1 - decay) * param", "param")),
    mutant("moves_by_a_thousandth", "ema.1", ("(1 - decay) * param", "0.001 * param")),
    mutant("another_default", "ema.6", ("decay: float = 0.999", "decay: float = 0.99")),
    mutant("more_than_all", "ema.7", ("0 <= decay <= 1", "0 <= decay")),
    mutant("less_than_nothing", "ema.7", ("0 <= decay <= 1", "decay <= 1")),
    mutant("a_decay_that_is_nan", "ema.7", ("0 <= decay <= 1", "not (decay < 0 or decay > 1)")),
)
