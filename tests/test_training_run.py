"""Training runs: what is refused in the first steps and at the end, what a result says, and how a run stops."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn, optim

from torchstone.conformance import oracle
from torchstone.conformance.backend import Unsupported
from torchstone.conformance.training import acceptance, data, run
from torchstone.conformance.training.data import Dataset
from torchstone.conformance.training.lockstep import WINDOW, Agreement
from torchstone.conformance.training.loop import Played, evaluate, train_epoch
from torchstone.conformance.training.recipe import MNIST, RECIPES, Part, Recipe
from torchstone.conformance.training.trainer import ReferenceTrainer, TorchTrainer, Trainer, torch_trainer, trainer_of

SGD = Part("sgd", {"lr": 0.2, "momentum": 0.5})
SMALL = replace(MNIST, sizes=(16, 12, 4), batch=8, epochs=3, goal=0.5, optimizer=SGD)


def clusters(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Images of four classes, each around a corner of its own."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 4, (count,), generator=generator)
    images = torch.rand(count, 16, generator=generator) * 0.5
    images[torch.arange(count), labels] += 0.5
    return images, labels


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are slower with two."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def tiny(monkeypatch) -> Dataset:
    """A data set and a network so small that a run takes a moment."""
    found = Dataset("mnist", "MNIST", "memory", clusters(300, 0), clusters(60, 1))
    monkeypatch.setattr(data, "load", lambda name, folder=None, progress=None: found)
    monkeypatch.setitem(RECIPES, "mnist", SMALL)
    return found


class Made:
    """A backend from a function that makes its trainer."""

    version = "1"

    def __init__(self, trainer: Callable[[Recipe, Sequence[Tensor]], Any], name: str = "made") -> None:
        self.trainer = trainer
        self.name = name

    def play(self, program: Any) -> Any:
        return oracle.play(program, None)


class PlaysOnly:
    name = "plays only"
    version = "1"

    def play(self, program: Any) -> Any:
        return oracle.play(program, None)


def torch_like(recipe: Recipe, params: Sequence[Tensor], **options: Any) -> Trainer:
    return torch_trainer(nn.CrossEntropyLoss(), optim.SGD(params, **{**recipe.optimizer.options, **options}))


class WrongSign(TorchTrainer):
    """Heavy-ball momentum that is subtracted."""

    def step(self, grads: Sequence[Tensor]) -> list[Tensor]:
        params = super().step(grads)
        for state in self.optimizer.state.values():
            state["momentum_buffer"].neg_()
        return params


class Nan(ReferenceTrainer):
    def step(self, grads: Sequence[Tensor]) -> list[Tensor]:
        return [param * torch.nan for param in super().step(grads)]


CORRECT: dict[str, Callable[[Recipe, Sequence[Tensor]], Any]] = {
    "for loop": lambda recipe, params: torch_like(recipe, params, foreach=False),
    "foreach": lambda recipe, params: torch_like(recipe, params, foreach=True),
    "fused": lambda recipe, params: torch_like(recipe, params, fused=True),
    "reference": ReferenceTrainer,
}
WRONG: dict[str, Callable[[Recipe, Sequence[Tensor]], Any]] = {
    "lr 2 % too large": lambda recipe, params: torch_like(recipe, params, lr=0.204),
    "lr 2 % too small": lambda recipe, params: torch_like(recipe, params, lr=0.196),
    "momentum subtracted": lambda recipe, params: WrongSign(
        nn.CrossEntropyLoss(), optim.SGD(params, **recipe.optimizer.options)
    ),
    "momentum forgotten": lambda recipe, params: torch_like(recipe, params, momentum=0.0),
    "2 % label smoothing": lambda recipe, params: torch_trainer(
        nn.CrossEntropyLoss(label_smoothing=0.02), optim.SGD(params, **recipe.optimizer.options)
    ),
    "NaN": lambda recipe, params: Nan(recipe, params),
}


def first(given: Dataset, make: Callable[[Recipe, Sequence[Tensor]], Any]) -> list[Agreement]:
    return run.first_steps(SMALL, given, {"backend": lambda params: Played(SMALL, params, lambda p: make(SMALL, p))})


@pytest.mark.parametrize("name", CORRECT)
def test_a_correct_backend_keeps_step_with_the_reference(tiny, name):
    for each in first(tiny, CORRECT[name]):
        assert each.outcome == "pass"
        assert each.steps == WINDOW
        assert each.worst < 0.5


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_backend_falls_out_of_step(tiny, name):
    for each in first(tiny, WRONG[name]):
        assert each.outcome == "fail"
        assert each.worst > 1


def test_an_update_below_the_rounding_is_inconclusive(tiny):
    still = replace(SMALL, optimizer=Part("sgd", {"lr": 1e-12}))
    found = run.first_steps(
        still, tiny, {"backend": lambda params: Played(still, params, lambda p: ReferenceTrainer(still, p))}
    )

    assert [(each.dtype, each.outcome) for each in found] == [("float64", "pass"), ("float32", "inconclusive")]


def test_a_backend_without_float64_is_judged_in_float32(tiny):
    def trainer(recipe: Recipe, params: Sequence[Tensor]) -> Trainer:
        if params[0].dtype == torch.float64:
            raise Unsupported("no float64 here")
        return torch_like(recipe, params)

    result = run.train("mnist", Made(trainer))

    assert {(c.clause, c.outcome) for c in result.checks if c.outcome != "pass"} == {("training.13", "unsupported")}
    assert result.passed


def test_a_wrong_backend_fails_the_run(tiny):
    result = run.train("mnist", Made(WRONG["lr 2 % too large"]))

    assert not result.passed
    assert {check.stack for check in result.checks if check.outcome == "fail"} == {"backend"}


class Raises(ReferenceTrainer):
    def loss_and_gradient(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        raise RuntimeError("out of order")


class WrongShape(ReferenceTrainer):
    def loss_and_gradient(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        return super().loss_and_gradient(logits, target)[0], torch.zeros(1)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (Raises, "RuntimeError: out of order"),
        (WrongShape, "Broken: training: the gradient of the loss must be a tensor"),
    ],
)
def test_a_broken_backend_is_an_error_outcome_and_no_crash(tiny, broken, said):
    result = run.train("mnist", Made(broken))

    assert not result.passed
    assert {check.stack for check in result.checks if check.outcome == "error"} == {"backend"}
    assert said in next(check.found for check in result.checks if check.outcome == "error")
    assert result.rows[2][-1] == "error"


def test_a_backend_that_only_plays_cannot_train(tiny):
    with pytest.raises(Unsupported, match=r"'plays only' plays programs only, .* a method trainer\(recipe, params\)"):
        run.train("mnist", PlaysOnly())


def test_a_trainer_without_a_loss_has_its_loss_played_as_programs(tiny):
    class StepOnly:
        def __init__(self, recipe: Recipe, params: Sequence[Tensor]) -> None:
            self.whole = ReferenceTrainer(recipe, params)

        def step(self, grads: Sequence[Tensor]) -> list[Tensor]:
            return self.whole.step(grads)

    found = first(tiny, lambda recipe, params: trainer_of(Made(StepOnly), recipe, params))

    assert [each.outcome for each in found] == ["pass", "pass"]


def test_the_losses_of_an_epoch_are_means_over_samples(tiny, monkeypatch):
    """300 samples in batches of 8, and 60 in batches of 7: the last batches are smaller and count for less."""
    monkeypatch.setattr("torchstone.conformance.training.loop.TEST_BATCH", 7)
    still = replace(SMALL, optimizer=Part("sgd", {"lr": 0.0}))
    params, _ = run.start(still, 0)
    stack = Played(still, [param.double() for param in params], lambda p: ReferenceTrainer(still, p))
    (images, labels), (test_images, test_labels) = tiny.train, tiny.test

    trained = train_epoch(stack, images.double(), labels, torch.arange(300), 8, lambda steps: None)
    tested, right = evaluate(stack, test_images.double(), test_labels)

    model = Played(still, stack.params, lambda p: ReferenceTrainer(still, p))
    whole = [run_loss(model, *pair) for pair in ((images.double(), labels), (test_images.double(), test_labels))]
    assert [trained, tested] == pytest.approx(whole, rel=1e-12)
    assert right.shape == (60,)


def run_loss(stack: Played, images: Tensor, labels: Tensor) -> float:
    """The loss over all samples in one batch."""
    from torchstone.conformance.training.network import forward

    return float(nn.functional.cross_entropy(forward(stack.params, images), labels))


def test_schedulers_step_once_an_epoch():
    recipe = replace(SMALL, scheduler=Part("step", {"step_size": 1, "gamma": 0.5}))
    params = [torch.tensor([1.0]), torch.tensor([2.0])]
    grads = [torch.tensor([1.0]), torch.tensor([-1.0])]
    optimizer = optim.SGD([param.clone() for param in params], **recipe.optimizer.options)
    theirs = torch_trainer(nn.CrossEntropyLoss(), optimizer, optim.lr_scheduler.StepLR(optimizer, 1, 0.5))
    ours = ReferenceTrainer(recipe, params)
    for trainer in (ours, theirs):
        trainer.step(grads)
        trainer.schedule_step(0.0)

    assert float(ours.group.options["lr"]) == optimizer.param_groups[0]["lr"] == 0.1
    torch.testing.assert_close(list(ours.step(grads)), list(theirs.step(grads)))


def test_mcnemar_is_the_binomial_test():
    assert acceptance.mcnemar(0, 0) == 1
    assert acceptance.mcnemar(5, 5) == 1
    assert acceptance.mcnemar(0, 10) == acceptance.mcnemar(10, 0) == 2 / 2**10
    assert acceptance.mcnemar(3, 9) == pytest.approx(598 / 4096)


@pytest.mark.parametrize(
    ("probability", "freedom", "printed"), [(0.975, 1, 12.706), (0.975, 9, 2.262), (0.995, 4, 4.604)]
)
def test_students_quantiles_are_those_of_printed_tables(probability, freedom, printed):
    assert round(acceptance.t_quantile(probability, freedom), 3) == printed


def test_the_prediction_interval_is_half_an_image_where_all_runs_agree():
    low, high = acceptance.prediction_interval([0.9, 0.9, 0.9], runs=3, images=100)

    assert (low, high) == pytest.approx((0.895, 0.905))


def test_seeds_make_a_distribution(tiny):
    result = run.train("mnist", Made(CORRECT["foreach"]), seeds=3, epochs=1)

    assert result.passed
    assert {check.clause for check in result.checks} == {"training.13", "training.14", "training.15"}
    assert result.notes == ["the goal of 50% is for 3 epochs and was not asked for"]


def test_the_same_seed_gives_the_same_numbers(tiny):
    def numbers(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: numbers(item) for name, item in value.items() if name not in ("seconds", "cost")}
        return [numbers(item) for item in value] if isinstance(value, list) else value

    once, again = (run.train("mnist", Made(CORRECT["foreach"])).to_json() for _ in range(2))

    assert numbers(once) == numbers(again)


def test_digits_are_labelled_wherever_the_result_appears(tmp_path):
    pytest.importorskip("sklearn")
    result = run.train("digits", Made(CORRECT["foreach"]), epochs=1, out=tmp_path)

    written = json.loads((tmp_path / "training.json").read_text())
    assert result.stand_in
    assert written["stand_in"]
    for text in (result.title, result.dataset, written["dataset"]):
        assert "stand-in" in text


def test_missing_data_may_be_replaced_by_the_stand_in(monkeypatch):
    pytest.importorskip("sklearn")
    load = data.load

    def missing(name: str, *args: Any) -> Dataset:
        if name == "mnist":
            raise data.Missing("data: no MNIST here\n  do something")
        return load(name)

    monkeypatch.setattr(data, "load", missing)
    result = run.train("mnist", Made(CORRECT["foreach"]), epochs=1, stand_in=True)

    assert result.stand_in
    assert "stand-in" in result.notes[0]
    assert result.notes[0].endswith("since data: no MNIST here")
    with pytest.raises(data.Missing):
        run.train("mnist", Made(CORRECT["foreach"]))


def test_results_are_written(tiny, tmp_path):
    pytest.importorskip("matplotlib")
    result = run.train("mnist", Made(CORRECT["foreach"]), out=tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["learning-curves.png", "training.json"]
    assert (tmp_path / "learning-curves.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "training.json").read_text())["passed"] is result.passed is True
    assert [len(row) for row in result.rows] == [len(result.columns)] * 3


def test_without_matplotlib_one_line_says_so(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("torchstone.conformance.training.plot.available", lambda: False)
    result = run.train("mnist", Made(CORRECT["foreach"]), epochs=1, out=tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["training.json"]
    assert any("matplotlib" in note for note in result.notes)


def test_an_interrupted_run_says_where_and_writes_nothing(tiny, tmp_path):
    class Stops(ReferenceTrainer):
        steps = 0

        def step(self, grads: Sequence[Tensor]) -> list[Tensor]:
            self.steps += 1
            if self.steps == WINDOW + 10:
                raise KeyboardInterrupt
            return super().step(grads)

    with pytest.raises(run.Interrupted, match="in epoch 2 of 3, seed 0, stack backend; nothing was written"):
        run.train("mnist", Made(Stops), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dataset": "minst"}, "dataset must be one of mnist, digits, got 'minst'"),
        ({"dataset": "mnist", "epochs": 0}, "epochs must be >= 1, got 0"),
        ({"dataset": "mnist", "seeds": 0}, "seeds must be >= 1, got 0"),
    ],
)
def test_a_mistaken_call_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        run.train(backend=PlaysOnly(), **arguments)
