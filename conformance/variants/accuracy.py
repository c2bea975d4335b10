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

EQUIVALENT = {
    "return torch.finfo(((STANDS_FOR.get()) and (param.dtype))).eps": (
        "What plays has parameters of the dtype that they stand for."
    ),
    "return torch.finfo(((STANDS_FOR.get()))).eps": "What plays says which dtype its parameters stand for.",
    "return torch.finfo(((param.dtype))).eps": "What plays has parameters of the dtype that they stand for.",
}
