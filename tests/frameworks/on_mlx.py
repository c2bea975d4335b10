"""mlx in training runs and in benchmarks: `tox run -e conformance-mlx`.

The file has no `test_` in its name, so that a run of `tests/` where mlx is not installed leaves it out.
"""

import itertools
from dataclasses import replace

import mlx.core as mx
import pytest
import torch
from tests.test_training_run import SMALL, clusters

from torchstone.conformance.backend import Unsupported, load
from torchstone.conformance.backends import mlx
from torchstone.conformance.benchmarks.cases import STEP, TRAINING, Case, Grid, cases
from torchstone.conformance.benchmarks.work import fault, prepared
from torchstone.conformance.program import LossProgram, TensorData
from torchstone.conformance.training import lockstep
from torchstone.conformance.training.data import Dataset
from torchstone.conformance.training.loop import ReferenceTrainer, around
from torchstone.conformance.training.recipe import Part, scheduler

GRID = Grid(losses=(60,), optimizers=((30, 3),), dtypes=("float32",), rounds=1, seconds=1.0)
TINY = Dataset("mnist", "MNIST", "memory", clusters(300, 0), clusters(60, 1))


@pytest.fixture(scope="module")
def backend():
    return load("mlx")


def outcomes(recipe, backend):
    """What the first steps and the rehearsal say with nothing declared, by dtype."""
    found = lockstep.agreements(recipe, TINY, {"backend": around(backend, recipe)})
    return {dtype: {each.outcome for each in found if each.dtype == dtype} for dtype in ("float32", "float64")}


def scheduled(name):
    return replace(SMALL, scheduler=scheduler(name, {}, SMALL.epochs, SMALL.optimizer) if name else None)


@pytest.mark.parametrize("name", ["", "cosine_annealing", "exponential", "linear", "step"])
def test_float32_stays_within_the_budget(backend, name):
    assert outcomes(scheduled(name), backend)["float32"] == {"pass"}


@pytest.mark.parametrize("name", ["", "exponential", "linear", "step"])
def test_float64_stays_within_the_budget_where_the_loss_is_the_reference_s(backend, name):
    """mlx has seven digits of an exponential in float64, and so of cross entropy."""

    class Steps:
        name, play = backend.name, backend.play

        def trainer(self, recipe, params):
            trainer = backend.trainer(recipe, params)
            trainer.loss_and_gradient = ReferenceTrainer(recipe, params).loss_and_gradient
            return trainer

    assert outcomes(scheduled(name), Steps()) == {"float32": {"pass"}, "float64": {"pass"}}


def test_a_loss_in_training_is_the_loss_that_is_played(backend):
    logits, target = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 3, 0])
    value, gradient = backend.trainer(SMALL, [torch.zeros(1)]).loss_and_gradient(logits, target)
    tensors = {"input": TensorData.of(logits), "target": TensorData.of(target)}
    trace = backend.play(LossProgram("cross_entropy", {}, tensors, ("input",)))
    assert value.equal(trace.value)
    assert gradient.equal(trace.grad("input"))


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ({"loss": Part("huber")}, "mlx has no huber"),
        ({"optimizer": Part("lbfgs")}, "mlx has no lbfgs"),
        ({"optimizer": Part("adam", {"amsgrad": True})}, "mlx's adam has no amsgrad"),
        ({"scheduler": Part("reduce_on_plateau")}, "mlx has no reduce_on_plateau"),
    ],
)
def test_what_mlx_has_not_is_said_before_the_run(backend, part, reason):
    with pytest.raises(Unsupported, match=reason):
        backend.trainer(replace(SMALL, **part), [torch.zeros(1)])


def test_what_is_refused_in_training_says_what_mlx_said(backend):
    with pytest.raises(mlx.Refused, match=r"^ValueError: Nesterov momentum requires a momentum"):
        backend.trainer(replace(SMALL, optimizer=Part("sgd", {"nesterov": True})), [torch.zeros(1)])


def test_all_that_is_played_is_prepared_with_the_right_numbers(backend):
    found = {}
    for case in cases(GRID):
        if case.what != TRAINING and case.component in mlx.COMPONENTS:
            found[case.component] = found.get(case.component, "") + fault(backend, case.program())
    assert found == dict.fromkeys(mlx.COMPONENTS, "")


@pytest.mark.parametrize("component", ["sgd", "adam", "rmsprop"])
def test_a_prepared_optimizer_steps_on_from_call_to_call(backend, component):
    work = prepared(backend, Case(component, STEP, "float32", 10).program())
    seen = [work.seen()["param 0"]]
    for _ in range(3):
        work()
        seen.append(work.seen()["param 0"])
    assert all((after != before).all() for before, after in itertools.pairwise(seen))


TIMED = [case for case in cases(GRID, ["sgd", "adam", "mse", "exponential"]) if case.what != TRAINING]


@pytest.mark.parametrize("case", TIMED, ids=lambda case: f"{case.component} {case.what}")
def test_a_call_returns_when_all_is_evaluated(backend, case, monkeypatch, tmp_path):
    """What is evaluated has forgotten how it was computed. SGD has no use for its count of the steps, but has one."""
    optimizers, built = [], mlx.Running.built
    monkeypatch.setattr(mlx.Running, "built", lambda self: optimizers.append(built(self)) or optimizers[-1])
    work, new = prepared(backend, case.program()), []
    monkeypatch.setattr(work, "work", lambda own=work.work: new.append(own()) or new[-1])
    work()
    arrays = [array for _, array in mlx.tree_flatten([new, [each.state for each in optimizers]])]
    assert arrays
    mx.export_to_dot(str(tmp_path / "graph.dot"), *arrays)
    assert "rectangle" not in (tmp_path / "graph.dot").read_text()
