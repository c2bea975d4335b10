"""Controls for schedulers: recursions in place of closed forms, tables, numpy, other identities of the cosine."""

import bisect
import math

import numpy as np

from tests.controls.clothes import scheduler
from torchstone.reference.checks import require


def step(t, base_lr, *, step_size, gamma):
    """One multiplication at every multiple of the step size."""
    lr = float(base_lr)
    for k in range(1, t + 1):
        lr = lr * float(gamma) if k % step_size == 0 else lr
    return lr


def step_by_numpy(t, base_lr, *, step_size, gamma):
    return float(np.float64(float(base_lr)) * np.power(np.float64(float(gamma)), np.floor_divide(t, step_size)))


def multi_step(t, base_lr, *, milestones, gamma):
    """The stretch of t by bisection, in a table of rates."""
    ordered = sorted(milestones)
    rates = [float(base_lr)]
    for _ in ordered:
        rates.append(rates[-1] * float(gamma))
    return rates[bisect.bisect_right(ordered, t)]


def exponential(t, base_lr, *, gamma):
    """A chain of t multiplications."""
    lr = float(base_lr)
    for _ in range(t):
        lr *= float(gamma)
    return lr


def linear(t, base_lr, *, start_factor, end_factor, total_iters):
    """The mean of the two ends, weighted by the steps to them."""
    start, end, n = float(start_factor), float(end_factor), total_iters
    if t >= n:
        return float(base_lr) * end
    return float(base_lr) * (((n - t) * start + t * end) / n)


def linear_by_numpy(t, base_lr, *, start_factor, end_factor, total_iters):
    """A table of all factors."""
    table = [*((start_factor * (1 - k / total_iters) + end_factor * (k / total_iters)) for k in range(total_iters))]
    return float(np.array([float(x) for x in [*table, end_factor]])[min(t, total_iters)]) * float(base_lr)


def constant(t, base_lr, *, factor, total_iters):
    return float(base_lr) * (1.0 if t >= total_iters else float(factor))


def polynomial(t, base_lr, *, total_iters, power):
    """By a logarithm of nothing: numpy's power of the share that is left."""
    if total_iters == 0:
        return float(base_lr) * (0.0 if float(power) else 1.0)
    left = np.float64(total_iters - min(t, total_iters)) / np.float64(total_iters)
    return float(np.power(left, np.float64(float(power))) * float(base_lr))


def cosine_by_half_angle(t, base_lr, *, T_max, eta_min):
    """cos^2 of half the angle."""
    share = math.cos(math.pi * t / (2 * T_max)) ** 2
    return float(eta_min) + (float(base_lr) - float(eta_min)) * share


def cosine_by_rotation(t, base_lr, *, T_max, eta_min):
    """A unit vector that is turned by one step's angle t times."""
    turn, z = complex(math.cos(math.pi / T_max), math.sin(math.pi / T_max)), complex(1, 0)
    for _ in range(t % (2 * T_max)):
        z *= turn
    return float(eta_min) + (float(base_lr) - float(eta_min)) * (1 + z.real) / 2


def restarts(t, base_lr, *, T_0, T_mult, eta_min):
    """The cycle by subtraction, one after the other, and the sine of what is left of it."""
    require(0 <= t < math.inf, "cosine_annealing_warm_restarts: epoch must be finite and >= 0", t)
    length = T_0
    while t >= length:
        t, length = t - length, length * T_mult
    share = math.sin(math.pi * (length - t) / (2 * length)) ** 2
    return float(eta_min) * (1 - share) + float(base_lr) * share


def lambda_(t, base_lr, *, lr_lambda):
    return float(lr_lambda(t)) * float(base_lr)


def multiplicative(t, base_lr, *, lr_lambda):
    """The product of the factors first."""
    return float(base_lr) * math.prod(float(lr_lambda(k)) for k in range(1, t + 1))


def swa_lr(t, base_lr, *, swa_lr, anneal_epochs, anneal_strategy):
    """From the base rate by a share of the distance."""
    if t >= anneal_epochs:
        return float(swa_lr)
    x = t / anneal_epochs
    share = x if anneal_strategy == "linear" else math.sin(math.pi * x / 2) ** 2
    return float(base_lr) * (1 - share) + float(swa_lr) * share


def is_better(metric, best, mode, threshold, threshold_mode):
    """Mode max as mode min of the opposite numbers."""
    if best is None:
        return not math.isnan(metric)
    sign = 1.0 if mode == "min" else -1.0
    best, metric, threshold = float(best), float(metric), float(threshold)
    bar = sign * best * (1 - sign * threshold) if threshold_mode == "rel" else sign * best - threshold
    return sign * metric < bar


CONTROLS = [
    scheduler("step as a chain", "StepLR", rate=step),
    scheduler("step by numpy", "StepLR", rate=step_by_numpy),
    scheduler("multi step by bisection", "MultiStepLR", rate=multi_step),
    scheduler("exponential as a chain", "ExponentialLR", rate=exponential),
    scheduler("linear as a weighted mean", "LinearLR", rate=linear),
    scheduler("linear as a table", "LinearLR", rate=linear_by_numpy),
    scheduler("constant as a choice of factors", "ConstantLR", rate=constant),
    scheduler("polynomial by numpy", "PolynomialLR", rate=polynomial),
    scheduler("cosine by half the angle", "CosineAnnealingLR", rate=cosine_by_half_angle),
    scheduler("cosine by rotation", "CosineAnnealingLR", rate=cosine_by_rotation),
    scheduler("warm restarts by subtraction", "CosineAnnealingWarmRestarts", rate=restarts),
    scheduler("lambda in floats", "LambdaLR", rate=lambda_),
    scheduler("multiplicative with the product first", "MultiplicativeLR", rate=multiplicative),
    scheduler("swa rate by a sine", "SWALR", rate=swa_lr),
    scheduler("plateau with one mode", "ReduceLROnPlateau", is_better=is_better),
]
