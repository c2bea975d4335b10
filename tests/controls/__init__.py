"""A corpus of correct implementations that compute by another route: the suite must accuse none of them."""

from tests.controls import logs, losses, models, optimizers, schedulers

MUTANTS = ()
CONTROLS = [*logs.CONTROLS, *losses.CONTROLS, *optimizers.CONTROLS, *schedulers.CONTROLS, *models.CONTROLS]
