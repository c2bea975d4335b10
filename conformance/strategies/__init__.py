"""Strategies: how programs are drawn to reach what ordinary tests miss, and to shrink to what a person can read."""

from torchstone.conformance.strategies.averages import *  # noqa: F403
from torchstone.conformance.strategies.components import *  # noqa: F403
from torchstone.conformance.strategies.gradients import *  # noqa: F403
from torchstone.conformance.strategies.losses import *  # noqa: F403
from torchstone.conformance.strategies.optimizers import *  # noqa: F403
from torchstone.conformance.strategies.schedules import *  # noqa: F403
from torchstone.conformance.strategies.values import *  # noqa: F403
from torchstone.conformance.trace import same as same
