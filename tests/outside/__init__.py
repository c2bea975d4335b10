"""A corpus from outside: mistakes that frameworks have made, or might, in components that are right in all else."""

from tests.outside import losses, models, optimizers, schedulers

CONTROLS = ()
MUTANTS = [*losses.MUTANTS, *optimizers.MUTANTS, *schedulers.MUTANTS, *models.MUTANTS]
