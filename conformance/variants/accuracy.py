"""What "equals" means: what goes wrong."""

from torchstone.conformance.variants import mutant

VARIANTS = (
    mutant(
        "numbers_that_are_not_the_examples",
        "accuracy.7",
        ("(v_hat.sqrt() + eps)", "(v_hat + eps)"),
        file="optimizers/adam.py",
        component="adam",
    ),
)
