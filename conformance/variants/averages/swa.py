"""swa: what goes wrong."""

from torchstone.conformance.variants import mutant

VARIANTS = (
    mutant("one_model_too_few", "swa.1 swa.2", ("/ (n + 1)", "/ n")),
    mutant("one_model_too_many", "swa.1 swa.2 swa.3", ("/ (n + 1)", "/ (n + 2)")),
    mutant("half_of_the_way", "swa.1 swa.2 swa.3", ("/ (n + 1)", "/ 2")),
    mutant("adds_a_part_of_the_model", "swa.1 swa.2 swa.4", ("(param - average) /", "param /")),
    mutant(
        "never_forgets_the_sum", "swa.1 swa.2 swa.4", ("average + (param - average) / (n + 1)", "average * n + param")
    ),
)
