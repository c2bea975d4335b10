"""Training runs: what is refused in the first steps and at the end, what a result says, and how a run stops."""

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn, optim

from torchstone.conformance import backend as backends
from torchstone.conformance import known, oracle
from torchstone.conformance.backend import Unsupported
from torchstone.conformance.clauses import components
from torchstone.conformance.program import Group, OptimizerProgram, Step, TensorData
from torchstone.conformance.training import data, lockstep, loop, matrix, run, summary
from torchstone.conformance.training import recipe as parts
from torchstone.conformance.training.data import Dataset
from torchstone.conformance.training.lockstep import WINDOW, Agreement, Window
from torchstone.conformance.training.loop import Played, ReferenceTrainer, epoch, evaluate
from torchstone.conformance.training.network import forward
from torchstone.conformance.training.recipe import MNIST, RECIPES, Part, Recipe
from torchstone.conformance.training.trainer import TorchTrainer, Trainer, trainer_of
from torchstone.conformance.training.units import STACKS

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


def trained(backend: Any, dataset: str = "mnist", epochs: int | None = None, **options: Any) -> Any:
    return run.train(run.recipe_of(dataset, epochs), lambda: backend, **options)


class PlaysOnly:
    name = "plays only"
    version = "1"

    def play(self, program: Any) -> Any:
        return oracle.play(program, None)


def torch_like(recipe: Recipe, params: Sequence[Tensor], **options: Any) -> Trainer:
    return TorchTrainer(nn.CrossEntropyLoss(), optim.SGD(params, **{**recipe.optimizer.options, **options}))


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
    "2 % label smoothing": lambda recipe, params: TorchTrainer(
        nn.CrossEntropyLoss(label_smoothing=0.02), optim.SGD(params, **recipe.optimizer.options)
    ),
    "NaN": lambda recipe, params: Nan(recipe, params),
}


def first(given: Dataset, make: Callable[[Recipe, Sequence[Tensor]], Any]) -> list[Agreement]:
    return lockstep.agreements(
        SMALL, given, {"backend": lambda params: Played(SMALL, params, lambda p: make(SMALL, p))}
    )


@pytest.mark.parametrize("name", CORRECT)
def test_a_correct_backend_keeps_step_with_the_reference(tiny, name):
    for each in first(tiny, CORRECT[name]):
        assert each.outcome == "pass"
        assert each.steps == (WINDOW if each.part == "first steps" else 4 * SMALL.epochs)
        assert each.worst < 0.5


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_backend_falls_out_of_step(tiny, name):
    for each in first(tiny, WRONG[name]):
        assert each.outcome == "fail"
        assert each.worst > 1


def test_a_declared_deviation_excuses_a_run_only_where_it_says_so(tiny):
    one = TensorData("float64", (1,), (1.0,))
    program = OptimizerProgram("sgd", {}, (Group((one,)),), (Step((one,)),))
    makes = {"backend": lambda params: Played(SMALL, params, lambda p: WRONG["momentum forgotten"](SMALL, p))}
    in_float64 = {"groups": {"params": {"dtype": "float64"}}}
    for clause, component, where, excused in (
        ("sgd.17", "sgd", {}, set()),
        ("training.13", "adam", {}, set()),
        ("training.13", "sgd", in_float64, {"float64"}),
    ):
        declared = known.Deviation(clause, component, "it forgets", program, where=where)
        found = lockstep.agreements(SMALL, tiny, makes, {"backend": [declared]})
        assert {each.dtype for each in found if each.outcome == "known"} == excused
        assert {each.outcome for each in found} <= {"known", "fail"}


def test_rounding_that_switches_a_relu_is_not_held_against_a_stack():
    """A unit whose sum is above zero in float64 and not in float32: its weights are moved, or not."""
    recipe = replace(SMALL, sizes=(16, 1, 4))
    image = torch.rand(1, 16, generator=torch.Generator().manual_seed(0))
    (weight, bias, *rest), _ = loop.start(recipe, 0)
    for seed in range(100):
        weight = torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed))
        bias = -nn.functional.linear(image, weight)[0]
        opens = [nn.functional.linear(image.to(d), weight.to(d), bias.to(d)).item() > 0 for d in lockstep.DTYPES]
        if opens == [True, False]:
            break
    assert opens == [True, False]

    window = Window(recipe, [weight, bias, *rest], [3 * [(image, torch.tensor([1]))]])
    (found,) = window.agreement("first steps", {"built-in": lambda params: loop.Builtin(recipe, params)}, torch.float32)

    assert found.outcome == "pass"


@pytest.mark.parametrize(
    "optimizer", [SGD, Part("lbfgs", {"lr": 0.5, "max_iter": 3, "history_size": 2})], ids=lambda part: part.component
)
def test_the_network_of_a_window_is_that_of_the_run(optimizer):
    """With ReLUs as they were recorded, the reference goes where it goes with its own, evaluation by evaluation."""
    recipe = replace(SMALL, optimizer=optimizer)
    given = Dataset("mnist", "MNIST", "memory", clusters(300, 0), clusters(60, 1))
    window = lockstep.windows(recipe, given)["rehearsal"]
    alone = window.reference()

    for (images, labels), at in zip(itertools.chain(*window.epochs), window.exact, strict=True):
        alone.step(images.double(), labels)
        assert torch.equal(lockstep.flat(alone.params), at)
    replayed = window.trajectory(window.reference(), torch.float64)
    assert all(torch.equal(*pair) for pair in zip(replayed, window.exact, strict=True))


def test_an_update_below_the_rounding_is_inconclusive(tiny):
    still = replace(SMALL, optimizer=Part("sgd", {"lr": 1e-12}))
    found = lockstep.agreements(
        still, tiny, {"backend": lambda params: Played(still, params, lambda p: ReferenceTrainer(still, p))}
    )

    assert [(each.dtype, each.outcome) for each in found] == [("float64", "pass"), ("float32", "inconclusive")] * 2


def test_a_backend_without_float64_is_judged_in_float32(tiny):
    def trainer(recipe: Recipe, params: Sequence[Tensor]) -> Trainer:
        if params[0].dtype == torch.float64:
            raise Unsupported("no float64 here")
        return torch_like(recipe, params)

    result = trained(Made(trainer))

    bad = {(check.clause, check.outcome) for check in result.checks if check.outcome != "pass"}
    assert bad == {("training.13", "unsupported"), ("training.20", "unsupported")}
    assert result.passed


def test_a_wrong_backend_fails_the_run(tiny):
    result = trained(Made(WRONG["lr 2 % too large"]))

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
    result = trained(Made(broken))

    assert not result.passed
    assert {check.stack for check in result.checks if check.outcome == "error"} == {"backend"}
    assert said in next(check.found for check in result.checks if check.outcome == "error")
    assert summary.rows(result, STACKS)[2][-1] == "error"


def test_a_backend_that_only_plays_cannot_train(tiny):
    with pytest.raises(Unsupported, match=r"'plays only' plays programs only, .* a method trainer\(recipe, params\)"):
        trained(PlaysOnly())


def test_a_trainer_without_a_loss_has_its_loss_played_as_programs(tiny):
    class StepOnly:
        def __init__(self, recipe: Recipe, params: Sequence[Tensor]) -> None:
            self.whole = ReferenceTrainer(recipe, params)

        def step(self, grads: Sequence[Tensor]) -> list[Tensor]:
            return self.whole.step(grads)

    found = first(tiny, lambda recipe, params: trainer_of(Made(StepOnly), recipe, params))

    assert [each.outcome for each in found] == ["pass"] * 4


def test_the_losses_of_an_epoch_are_means_over_samples(tiny):
    """300 samples in batches of 8, and 60 in batches of 7: the last batches are smaller and count for less."""
    still = replace(SMALL, optimizer=Part("sgd", {"lr": 0.0}))
    params, _ = loop.start(still, 0)
    stack = Played(still, [param.double() for param in params], lambda p: ReferenceTrainer(still, p))
    (images, labels), (test_images, test_labels) = tiny.train, tiny.test

    once = epoch(stack, images.double(), labels, torch.arange(300), 8, lambda steps: None)
    tested, wrong = evaluate(stack, test_images.double(), test_labels, 7)

    model = Played(still, stack.params, lambda p: ReferenceTrainer(still, p))
    whole = [run_loss(model, *pair) for pair in ((images.double(), labels), (test_images.double(), test_labels))]
    each = [run_loss(model, *pair) for pair in zip(test_images.double().split(7), test_labels.split(7), strict=True)]
    assert [once.samples, tested.samples] == pytest.approx(whole, rel=1e-12)
    assert tested.batches == pytest.approx(sum(each) / 9, rel=1e-12)
    assert tested.batches != pytest.approx(tested.samples, rel=1e-6)
    assert wrong == [
        i for i, named in enumerate(forward(stack.params, test_images.double()).argmax(1)) if named != test_labels[i]
    ]


def run_loss(stack: Played, images: Tensor, labels: Tensor) -> float:
    """The loss over all samples in one batch."""
    return float(nn.functional.cross_entropy(forward(stack.params, images), labels).detach())


def test_schedulers_step_once_an_epoch():
    recipe = replace(SMALL, scheduler=Part("step", {"step_size": 1, "gamma": 0.5}))
    params = [torch.tensor([1.0]), torch.tensor([2.0])]
    copies = [param.clone() for param in params]
    grads = [torch.tensor([1.0]), torch.tensor([-1.0])]
    optimizer = optim.SGD(copies, **recipe.optimizer.options)
    theirs = TorchTrainer(nn.CrossEntropyLoss(), optimizer, optim.lr_scheduler.StepLR(optimizer, 1, 0.5))
    ours = ReferenceTrainer(recipe, params)
    for trainer in (ours, theirs):
        trainer.step(grads)
        trainer.schedule_step(0.0)

    assert ours.optimizer.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"] == 0.1
    torch.testing.assert_close(list(ours.step(grads)), list(theirs.step(grads)))


def test_seeds_make_a_distribution(tiny):
    result = trained(Made(CORRECT["foreach"]), seeds=3, epochs=1)

    assert result.passed
    assert {check.clause for check in result.checks} == {f"training.{n}" for n in (13, 14, 15, 20)}
    assert result.notes == ["the goal of 50% is that of the recipe as it stands, and was not asked for"]


def test_the_same_seed_gives_the_same_numbers(tiny):
    def numbers(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: numbers(item) for name, item in value.items() if name not in ("seconds", "cost")}
        return [numbers(item) for item in value] if isinstance(value, list) else value

    once, again = (trained(Made(CORRECT["foreach"])).to_json() for _ in range(2))

    assert numbers(once) == numbers(again)


def test_digits_are_labelled_wherever_the_result_appears(tmp_path):
    pytest.importorskip("sklearn")
    result = trained(Made(CORRECT["foreach"]), "digits", epochs=1, out=tmp_path)

    written = json.loads((tmp_path / "training.json").read_text())
    assert result.stand_in
    assert written["stand_in"]
    for text in (summary.title(result), result.dataset, written["dataset"]):
        assert "stand-in" in text


def test_missing_data_may_be_replaced_by_the_stand_in(monkeypatch):
    pytest.importorskip("sklearn")
    load = data.load

    def missing(name: str, *args: Any) -> Dataset:
        if name == "mnist":
            raise data.Missing("data: no MNIST here\n  do something")
        return load(name)

    monkeypatch.setattr(data, "load", missing)
    result = trained(Made(CORRECT["foreach"]), epochs=1, stand_in=True)

    assert result.stand_in
    assert result.recipe == replace(RECIPES["digits"], epochs=1, goal=None)
    assert "stand-in" in result.notes[0]
    assert result.notes[0].endswith("since data: no MNIST here")
    with pytest.raises(data.Missing):
        trained(Made(CORRECT["foreach"]))


def test_results_are_written(tiny, tmp_path):
    pytest.importorskip("matplotlib")
    result = trained(Made(CORRECT["foreach"]), out=tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["learning-curves.png", "training.json", "training.md"]
    assert (tmp_path / "learning-curves.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "training.json").read_text())["passed"] is result.passed is True
    assert [len(row) for row in summary.rows(result, STACKS)] == [len(summary.COLUMNS)] * 3


def test_without_matplotlib_one_line_says_so(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("torchstone.conformance.training.plot.available", lambda: False)
    result = trained(Made(CORRECT["foreach"]), epochs=1, out=tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["training.json", "training.md"]
    assert any("matplotlib" in note for note in result.notes)


class Stops(ReferenceTrainer):
    """Interrupted in its second seed."""

    steps = 0

    def step(self, grads: Sequence[Tensor]) -> list[Tensor]:
        Stops.steps += 1
        if Stops.steps == 2 * (WINDOW + 12) + 150:
            raise KeyboardInterrupt
        return super().step(grads)


def test_an_interrupted_run_says_where_and_goes_on(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(Stops, "steps", 0)
    stops, whole = Made(Stops), trained(Made(ReferenceTrainer), seeds=3).to_json()

    with pytest.raises(run.Interrupted, match=r"interrupted in stack backend, seed 1; .* go on with --resume"):
        trained(stops, seeds=3, out=tmp_path)
    kept = sorted(path.name for path in (tmp_path / "interrupted").glob("*-*.json"))
    played = []
    monkeypatch.setattr(loop, "train", lambda *given, then=loop.train: played.append(given[2]) or then(*given))
    resumed = trained(stops, seeds=3, out=tmp_path, resume=True).to_json()

    assert kept == [f"{stack}-{seed}.json" for stack, seed in [("backend", 0), *pairs(("built-in", "reference"), 2)]]
    assert played == [1, 2, 2, 2]
    assert resumed["stacks"].keys() == whole["stacks"].keys()
    assert [c["test_loss"] for c in resumed["stacks"]["backend"]] == [
        c["test_loss"] for c in whole["stacks"]["backend"]
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["learning-curves.png", "training.json", "training.md"]


def pairs(stacks: Sequence[str], seeds: int) -> list[tuple[str, int]]:
    return [(stack, seed) for stack in stacks for seed in range(seeds)]


def test_another_run_does_not_go_on_with_what_was_kept(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(Stops, "steps", 0)
    with pytest.raises(run.Interrupted):
        trained(Made(Stops), seeds=2, out=tmp_path)

    with pytest.raises(ValueError, match=r"must be of the same run, got another recipe; leave --resume out"):
        trained(Made(Stops), seeds=2, epochs=2, out=tmp_path, resume=True)
    assert trained(Made(ReferenceTrainer), seeds=2, epochs=1, out=tmp_path).seeds == (0, 1)


def test_without_a_folder_an_interrupted_run_leaves_nothing(tiny, monkeypatch):
    monkeypatch.setattr(Stops, "steps", 0)
    with pytest.raises(run.Interrupted, match="nothing was written"):
        trained(Made(Stops), seeds=2)


def test_what_breaks_in_mid_run_is_an_outcome(tiny):
    class Breaks(ReferenceTrainer):
        steps = 0

        def step(self, grads: Sequence[Tensor]) -> list[Tensor]:
            self.steps += 1
            if self.steps > 50:
                raise RuntimeError("worn out")
            return super().step(grads)

    result = trained(Made(Breaks))

    assert not result.passed
    assert [check.found for check in result.checks if check.outcome == "error"] == ["seed 0: RuntimeError: worn out"]
    assert summary.rows(result, STACKS)[2][-1] == "error"


def test_seeds_in_parallel_give_the_same(tmp_path):
    pytest.importorskip("sklearn")
    load = partial(backends.load, "torch")
    recipe = run.recipe_of("digits", 1)
    threads = torch.get_num_threads()
    one, two = (run.train(recipe, load, seeds=2, jobs=jobs).to_json()["stacks"] for jobs in (1, 2))

    assert torch.get_num_threads() == threads
    assert all(a["test_loss"] == b["test_loss"] for name in one for a, b in zip(one[name], two[name], strict=True))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: run.recipe_of("minst"), "dataset must be one of mnist, fashion-mnist, digits, got 'minst'"),
        (lambda: run.recipe_of("mnist", 0), "epochs must be >= 1, got 0"),
        (lambda: trained(PlaysOnly(), seeds=0), "seeds must be >= 1, got 0"),
        (lambda: parts.option("lr"), "option: it must be written NAME=VALUE, got 'lr'"),
        (lambda: parts.optimizer("adam", {"lrate": 1}), "adam: an option must be one of lr, .*, got 'lrate'"),
        (lambda: parts.optimizer("adam", {"lr": -1.0}), "adam: lr must be >= 0"),
        (lambda: parts.optimizer("step", {}), "must be one of the optimizers, got 'step', one of the schedulers"),
        (lambda: parts.scheduler("step", {"step_size": 0}, 9, SGD), "step: step_size must be"),
        (lambda: matrix.recipes(MNIST, [], {}, [], {"gamma": 1}, True), "options of a scheduler need --scheduler"),
    ],
)
def test_a_mistaken_call_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


DECLARED = {"asgd", "nadam"}  # whose float64 torch does not compute in float64
OPTIONS = {"lbfgs": {"max_iter": 3, "history_size": 2}}


@pytest.mark.parametrize("page", components("optimizers"), ids=lambda page: page.stem)
def test_every_optimizer_can_train_or_says_why_not(tiny, page):
    """Muon is for matrices, and its rounding hides most of a step; a dense network has no sparse gradients."""
    options = OPTIONS.get(page.stem, {})
    (recipe,) = matrix.recipes(SMALL, [page.stem], options, [], {}, page.stem != "muon").values()
    if page.stem == "sparse_adam":
        with pytest.raises(ValueError, match="a gradient must be sparse"):
            lockstep.agreements(recipe, tiny, {})
        return
    makes = {"built-in": lambda params: loop.Builtin(recipe, params)}
    found = lockstep.agreements(recipe, tiny, makes, {"built-in": known.declared(backends.load("torch"))})

    assert [each.outcome for each in found if each.dtype == "float32"] == 2 * [
        "inconclusive" if page.stem == "muon" else "pass"
    ]
    assert ("known" in {each.outcome for each in found if each.dtype == "float64"}) == (page.stem in DECLARED)


@pytest.mark.parametrize("page", components("schedulers"), ids=lambda page: page.stem)
def test_every_scheduler_can_train(tiny, page):
    (recipe,) = matrix.recipes(SMALL, [], {}, [page.stem], {}, True).values()
    found = lockstep.agreements(recipe, tiny, {"backend": lambda params: loop.Builtin(recipe, params)})

    assert {each.outcome for each in found} == {"pass"}


@pytest.mark.parametrize("name", ["one_cycle", "cyclic"])
def test_no_momentum_is_cycled_where_the_optimizer_has_none(tiny, name):
    pairs = matrix.recipes(SMALL, ["adagrad", "adam"], {}, [name], {}, True)
    for recipe in pairs.values():
        loop.Builtin(recipe, loop.start(recipe, 0)[0])
    assert [each.scheduler.options.get("cycle_momentum", True) for each in pairs.values()] == [False, True]
    (asked,) = matrix.recipes(SMALL, ["adagrad"], {}, [name], {"cycle_momentum": True}, True).values()
    with pytest.raises(ValueError, match="momentum"):
        loop.Builtin(asked, loop.start(asked, 0)[0])


def test_what_is_finished_is_not_run_again(tiny, tmp_path, monkeypatch):
    """Not even where a loss was NaN, or the first steps infinitely far off."""
    once = trained(Made(Nan), seeds=2, out=tmp_path)
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    played = []
    monkeypatch.setattr(loop, "train", lambda *given, then=loop.train: played.append(given[2]) or then(*given))

    again = trained(Made(Nan), seeds=2, out=tmp_path, resume=True)
    assert played == []
    assert json.dumps(again.to_json()) == json.dumps(once.to_json())
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files
    assert trained(Made(Nan), seeds=1, out=tmp_path, resume=True).seeds == (0,)
    assert played == [0, 0, 0]


def test_a_line_of_the_matrix_says_what_is_declared_and_what_cannot_be_told(tiny):
    result = run.train(SMALL, lambda: Made(ReferenceTrainer))

    def outcome(**changes):
        some = [replace(each, **changes) if each.stack == "backend" else each for each in result.agreements]
        return matrix.rows([replace(result, agreements=some)])[0][-2:]

    worst = f"{max(each.worst for each in result.agreements if each.stack == 'backend'):.2g}"
    assert outcome() == (worst, "accepted")
    assert outcome(outcome="known", worst=1e9) == ("0", "accepted, with a declared deviation")
    assert outcome(outcome="inconclusive") == (worst, "inconclusive")
    assert outcome(outcome="fail", worst=7.0) == ("7", "not accepted")


def test_every_optimizer_with_every_scheduler(tiny, tmp_path):
    pairs = matrix.recipes(SMALL, ["sgd", "Adam"], {"lr": 0.05}, ["step", "exponential"], {"gamma": 0.5}, True)
    results = [run.train(each, lambda: Made(ReferenceTrainer)) for each in pairs.values()]
    matrix.write(results, tmp_path)

    assert list(pairs) == ["sgd-step", "sgd-exponential", "adam-step", "adam-exponential"]
    assert [row[:2] for row in matrix.rows(results)] == [tuple(name.split("-")) for name in pairs]
    assert [each["passed"] for each in json.loads((tmp_path / "matrix.json").read_text())] == [True] * 4
    assert (tmp_path / "matrix.md").read_text().count("accepted") == 4
