"""Benchmarks: when two times differ, what is not shown with a speed, what is written, and what is a regression."""

import io
import itertools
import json
import math
import random
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch
from pytest_benchmark.storage.file import FileStorage
from rich.console import Console
from typer.testing import CliRunner

from torchstone.conformance import results
from torchstone.conformance.backend import Unsupported, load
from torchstone.conformance.backends.torch_like import TorchLike
from torchstone.conformance.benchmarks import clock, command, conforming, report, storage, traffic
from torchstone.conformance.benchmarks.cases import BACKWARD, FORWARD, GRIDS, STEP, TRAINING, Case, Grid, cases
from torchstone.conformance.benchmarks.comparison import (
    FASTER,
    NONE,
    SLOWER,
    Comparison,
    changed,
    compared,
    interval,
    rounds_needed,
)
from torchstone.conformance.benchmarks.run import Contestant, run
from torchstone.conformance.benchmarks.work import LITERAL, Drawn, fault, literal, prepared
from torchstone.conformance.clauses import components
from torchstone.conformance.cli import app
from torchstone.conformance.commands import suite
from torchstone.conformance.program import LossProgram, TensorData, from_json, to_json
from torchstone.conformance.trace import Entry, Trace

ROOF = traffic.Roof((100.0, 1e6), (1e-6, 1e-4))
TINY = Grid((10,), ((10, 1),), ("float32",), 3, 10.0)
SMALL = Grid((20,), ((20, 2),), ("float32", "bfloat16"), 3, 0.0)


def noisy(count, *, slower=1.0, spread=0.03, seed=0):
    """Times of so many rounds: log-normal, with the pauses of a machine that does something else too."""
    draw = random.Random(seed)
    return [slower * math.exp(draw.gauss(0, spread)) * (3 if draw.random() < 0.05 else 1) for _ in range(count)]


# When two times differ.


@pytest.mark.parametrize("intervals", [1, 10, 300])
def test_an_interval_exists_with_the_rounds_that_are_needed_and_not_with_fewer(intervals):
    enough = [1.0 + i / 100 for i in range(rounds_needed(intervals))]
    assert interval(enough, intervals) == (enough[0], enough[-1])
    assert interval(enough[1:], intervals) == (0.0, math.inf)


def test_an_interval_covers_the_median_as_often_as_it_says():
    draw = random.Random(1)
    missed = 0
    for _ in range(2000):
        low, high = interval([draw.lognormvariate(0, 0.3) for _ in range(20)])
        missed += not low <= 1 <= high
    assert missed <= 2000 * 0.05 + 3 * math.sqrt(2000 * 0.05 * 0.95)
    assert missed > 0  # else it would cover more than it needs to


def test_an_interval_is_that_of_two_order_statistics():
    # Of 20 ratios, 5 or fewer lie below the median with 0.0207: the sixth from either end is as far as 95 % goes.
    assert interval([float(n) for n in range(1, 21)]) == (6.0, 15.0)


def test_what_is_the_same_differs_in_fewer_than_one_run_of_twenty():
    runs, cases_, differing = 100, 30, 0
    for number in range(runs):
        seeds = [[number * 1000 + 3 * case + who for who in range(3)] for case in range(cases_)]
        found = [compared(*(noisy(20, seed=seed) for seed in three), cases_) for three in seeds]
        differing += any(each.verdict != NONE for each in found)
    assert differing <= 5


def test_a_step_that_is_a_tenth_slower_is_found_and_one_that_is_a_tenth_faster():
    for number in range(20):
        base, again, slow, fast = (noisy(30, spread=0.02, seed=4 * number + who) for who in range(4))
        assert compared([1.1 * t for t in slow], base, again, 100).verdict == SLOWER
        assert compared([t / 1.1 for t in fast], base, again, 100).verdict == FASTER


def test_a_difference_that_the_baseline_shows_against_itself_is_none():
    steady, moved = [1.0] * 20, [1.2] * 20
    assert compared(moved, steady, steady, 1).verdict == SLOWER
    assert compared(moved, steady, moved, 1).verdict == NONE
    assert compared(moved, steady, [1 / 1.2] * 20, 1).verdict == NONE


def test_every_contestant_is_timed_once_a_round_in_an_order_that_changes():
    turns = []

    def make(name):
        def work():
            turns.append(name)

        return lambda: work

    names = {"a": make("a"), "b": make("b"), "c": make("c")}
    _, times = clock.rounds(names, once=True, most=12, least=12, seconds=0.0, patience=1e9, seed=0)
    assert {name: len(found) for name, found in times.items()} == {"a": 12, "b": 12, "c": 12}
    orders = {tuple(turns[i : i + 3]) for i in range(0, len(turns), 3)}
    assert all(sorted(order) == ["a", "b", "c"] for order in orders)
    assert len(orders) > 3


def test_what_would_take_too_long_is_given_up():
    with pytest.raises(clock.TooLong, match="9 rounds would take"):
        clock.rounds({"a": lambda: lambda: None}, once=False, most=9, least=9, seconds=0.0, patience=0.0, seed=0)


# What is timed.


def test_every_loss_optimizer_and_scheduler_is_timed():
    found = {(case.component, case.what) for case in cases(TINY)}
    for page in components("losses"):
        assert {(page.stem, FORWARD), (page.stem, BACKWARD)} <= found
    for kind in ("optimizers", "schedulers"):
        assert {(page.stem, STEP) for page in components(kind)} <= found
    assert ("sgd", TRAINING) in found


def test_the_fullest_grid_goes_from_ten_elements_to_ten_millions_and_from_one_parameter_to_a_thousand():
    grid = GRIDS["thorough"]
    assert (min(grid.losses), max(grid.losses)) == (10, 10**7)
    assert {elements for elements, _ in grid.optimizers} >= {10, 10**7}
    assert {count for _, count in grid.optimizers} == {1, 10, 100, 1000}
    assert grid.dtypes == ("float32", "bfloat16")


@pytest.mark.filterwarnings("ignore")  # torch's own, of options that a benchmark leaves at their defaults
@pytest.mark.parametrize("name", ["torch", "reference"])
def test_what_is_prepared_gives_the_right_numbers(name):
    backend = load(name)
    wrong = {}
    for case in cases(SMALL):
        if case.what == TRAINING:
            continue
        try:
            found = fault(backend, case.program())
        except Unsupported:
            continue
        if found:
            wrong[case.name] = found
    assert wrong == {}


def test_a_prepared_optimizer_steps_on_from_call_to_call():
    case = Case("adam", STEP, "float32", 10)
    work = prepared(load("torch"), case.program())
    seen = [work.seen()["param 0"]]
    for _ in range(3):
        work()
        seen.append(work.seen()["param 0"])
    moves = [float((after - before).abs().max()) for before, after in itertools.pairwise(seen)]
    assert moves == pytest.approx([1e-3] * 3, rel=1e-3)


def test_drawn_numbers_are_the_same_each_time_and_owned_by_who_asks():
    drawn = Drawn("float32", (5, 2), -1.0, 1.0, seed=3)
    first = drawn.torch()
    first.zero_()
    assert torch.equal(drawn.torch(), Drawn("float32", (5, 2), -1.0, 1.0, seed=3).torch())
    assert not torch.equal(drawn.torch(), Drawn("float32", (5, 2), -1.0, 1.0, seed=4).torch())
    assert drawn.torch().abs().max() <= 1
    assert set(Drawn("int64", (50,), choices=(2, 5)).torch().tolist()) == {2, 5}


def test_a_backend_that_can_only_play_gets_every_number():
    given = []

    class OnlyPlays:
        name, version = "only plays", "1"

        def play(self, program):
            given.append(from_json(json.loads(json.dumps(to_json(program)))))
            return load("torch").play(program)

    program = Case("mse", BACKWARD, "float32", 20).program()
    work = prepared(OnlyPlays(), program)
    work()
    assert type(given[-1].tensors["input"]) is TensorData
    assert given[-1].tensors["input"].data == program.tensors["input"].data
    assert work.seen().keys() == {"value", "grad input"}
    grid = Grid((10 * LITERAL,), (), ("float32",), 3, 10.0)
    found = run(contestant("torch"), [Contestant("mine", OnlyPlays())], grid, ["mse"], roof=ROOF)
    assert {each.reason for each in found.untimed if each.backend == "mine"} == {
        "not timed: a backend that can only play is given 100,000 numbers at most"
    }


def test_a_literal_program_is_the_same_program():
    program = Case("sgd", STEP, "float32", 20, 2).program()
    told = literal(program)
    assert [param.data for param in told.groups[0].params] == [param.data for param in program.groups[0].params]
    assert all(type(grad) is TensorData for grad in told.events[0].grads)


# The physical limit.


@pytest.mark.parametrize(
    ("case", "moved"),
    [
        (Case("sgd", STEP, "float32", 1000), 3 * 4 * 1000),  # the gradient in, the parameter in and out
        (Case("adam", STEP, "float32", 1000), 7 * 4 * 1000),  # and two averages in and out
        (Case("adam", STEP, "bfloat16", 1000), 7 * 2 * 1000),
        (Case("adam", STEP, "float32", 1000, 10), 7 * 4 * 1000),
        (Case("rmsprop", STEP, "float32", 1000), 5 * 4 * 1000),
        (Case("mse", FORWARD, "float32", 1000), 2 * 4 * 1000 + 4),  # two tensors in, one number out
        (Case("mse", BACKWARD, "float32", 1000), 3 * 4 * 1000 + 4),  # and a gradient out
        (Case("softmax", FORWARD, "float32", 1000), 2 * 4 * 1000),
        (Case("cross_entropy", FORWARD, "float32", 1000), 4 * 1000 + 8 * 100 + 4),  # a class for each row of ten
        (Case("muon", STEP, "float32", 100), None),
        (Case("lbfgs", STEP, "float32", 100), None),
        (Case("step", STEP, "float64", 1), None),
    ],
    ids=lambda value: value.name if isinstance(value, Case) else str(value),
)
def test_bytes_are_those_counted_by_hand(case, moved):
    assert traffic.bytes_moved(case) == moved


def test_the_least_time_lies_between_the_sizes_that_were_measured():
    assert ROOF.time(100) == pytest.approx(1e-6)
    assert ROOF.time(1e4) == pytest.approx(1e-5)
    assert ROOF.time(1e8) == pytest.approx(1e-2)
    assert ROOF.bandwidth == pytest.approx(1e10)
    measured = traffic.measured_roof(largest=1 << 10)
    assert list(measured.seconds) == sorted(measured.seconds)


# What is not shown with a speed.


def contestant(name, **reasons):
    return Contestant(name, load(name), reasons)


def test_a_component_that_does_not_conform_has_no_speed():
    failing = results.Record("mse.1", "mse", "float32", "fail", 1, 1, rule="wrong")
    fine = results.Record("l1.1", "l1", "float32", "known", 1, 1, reason="declared")
    nothing = results.Record("huber.1", "huber", "float32", "unsupported", reason="has no HuberLoss")
    told = conforming.reasons([failing, fine, nothing], ["mse", "l1", "huber", "nll"])
    assert told == {
        "mse": "does not conform: mse.1 in float32 is a fail",
        "huber": "not offered: has no HuberLoss",
        "nll": "not offered: nothing was compared",
    }
    result = run(contestant("torch"), [contestant("reference", **told)], TINY, ["mse", "l1"], roof=ROOF)
    assert {timing.case.component for timing in result.of("reference")} == {"l1"}
    assert {each.reason for each in result.untimed} == {told["mse"]}
    assert all(each.nonconforming for each in result.untimed)


def test_a_training_step_needs_the_loss_too():
    result = run(contestant("torch"), [contestant("reference", cross_entropy="x")], TINY, ["sgd"], roof=ROOF)
    assert [timing.case.what for timing in result.of("reference")] == [STEP]
    assert [each.reason for each in result.untimed] == ["cross_entropy x"]


def test_work_that_is_prepared_wrongly_has_no_speed():
    class Lazy(torch.nn.MSELoss):
        calls = 0

        def forward(self, input, target):
            return super().forward(input, target) * 1.001

    backend = TorchLike(types.SimpleNamespace(MSELoss=Lazy), "lazy", "lazy")
    played = load("torch").play
    backend.play = played  # so that it plays rightly, and is prepared wrongly
    result = run(contestant("torch"), [Contestant("lazy", backend)], TINY, ["mse"], roof=ROOF)
    assert result.of("lazy") == []
    value, gradient = (each.reason for each in result.untimed)
    assert value.startswith("does not conform where it is timed: value: expected")
    assert gradient.startswith("does not conform where it is timed: ")


def test_an_error_of_a_backend_is_a_reason_and_not_the_end():
    class Crashes:
        name, version = "crashes", "1"

        def prepare(self, program):
            raise KeyError("out of order")

        def play(self, program):
            return Trace((Entry({}),))

    result = run(contestant("torch"), [Contestant("crashes", Crashes())], TINY, ["mse", "sgd"], roof=ROOF)
    assert all("KeyError: 'out of order'" in each.reason for each in result.untimed if each.case.what != TRAINING)
    assert result.of("torch (baseline)")


def test_results_are_taken_where_they_are_of_the_same_backend(tmp_path):
    backend = load("reference")
    file = tmp_path / "results.jsonl"
    record = results.Record("mse.1", "mse", "float32", "pass", 1, 1)
    head = results.header(backend, components=["mse"], clauses=[], device="")
    results.write(file, head, [record], [], 1.0)
    assert conforming.from_file(file, backend, ["mse"]) == {}
    assert conforming.from_file(file, load("torch"), ["mse"]) is None
    with pytest.raises(conforming.Unusable, match="must have every component that is timed, and has no l1"):
        conforming.from_file(file, backend, ["mse", "l1"])
    results.write(file, head | {"backend": {"name": "reference", "version": "0"}}, [record], [], 1.0)
    with pytest.raises(conforming.Unusable, match="got 0; run it again"):
        conforming.from_file(file, backend, ["mse"])
    file.write_text("{}")
    with pytest.raises(conforming.Unusable, match="must be what `torchstone run` wrote"):
        conforming.from_file(file, backend, ["mse"])


# What is written.

HOSTILE = "<script>alert(1)</script>|[x](http://x) `$\\frac{$ {{ 7 * 7 }}"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A small benchmark of torch against itself, by two backends with a hostile name and version."""
    out = tmp_path_factory.mktemp("bench")
    backend = TorchLike(torch, HOSTILE, "torch", HOSTILE)
    bad = {"huber": f"does not conform: {HOSTILE}"}
    hostile = Contestant(HOSTILE, backend, bad)
    result = run(contestant("torch"), [hostile, contestant("torch")], TINY, ["mse", "huber", "adam", "step"], roof=ROOF)
    report.write(result, out)
    return result, out


def test_the_json_is_that_of_pytest_benchmark(written, tmp_path):
    result, out = written
    stored = json.loads((out / "benchmark.json").read_text())
    assert {"machine_info", "commit_info", "benchmarks", "datetime", "version"} <= stored.keys()
    first = stored["benchmarks"][0]
    assert {"group", "name", "fullname", "params", "param", "extra_info", "options", "stats"} == first.keys()
    assert len(first["stats"]["data"]) == first["stats"]["rounds"] == len(result.timings[0].seconds)
    assert first["stats"]["median"] == pytest.approx(result.timings[0].median)
    storage_ = FileStorage(str(tmp_path), logger=None)
    (tmp_path / "0001_x.json").write_text((out / "benchmark.json").read_text())
    assert len(list(storage_.load())) == 1
    done = subprocess.run(
        [sys.executable, "-m", "pytest_benchmark", "compare", str(out / "benchmark.json")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "mse forward, float32, 10 elements" in done.stdout


def test_text_of_a_backend_is_escaped_everywhere(written):
    _, out = written
    page = (out / "benchmark.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "49" not in HOSTILE.replace("7 * 7", "49") or "{{ 7 * 7 }}" in page
    told = (out / "benchmark.md").read_text()
    assert "<script" not in told.replace("\\<script", "")
    assert "[x](" not in told.replace("\\[x\\](", "")
    assert all("<script" not in picture.read_text() for picture in out.glob("*.svg"))


def test_the_page_needs_no_network(written):
    page = (written[1] / "benchmark.html").read_text().replace("http://www.w3.org", "")
    assert "<link" not in page
    assert "src=" not in page
    assert "url(http" not in page
    assert "prefers-color-scheme: dark" in page


def test_nothing_is_left_half_written(written):
    names = sorted(path.name for path in written[1].iterdir())
    assert not [name for name in names if name.endswith(".part")]
    assert {"benchmark.html", "benchmark.json", "benchmark.md"} <= set(names)


def test_a_component_without_a_speed_is_named_with_its_reason(written):
    page = (written[1] / "benchmark.md").read_text()
    assert "does not conform" in page.split("## Without a speed")[1]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.0, "1.00 s"), (41.74e-6, "41.7 us"), (0.1234, "123 ms"), (5e-9, "5.00 ns"), (2e-10, "0.20 ns")],
)
def test_durations_have_three_digits(seconds, text):
    assert report.duration(seconds) == text


# What is a regression.


def file_of(path, ratios, untimed=(), least=1.02, spread=0.03):
    """A benchmark file with these ratios, as far as a comparison reads it."""
    benchmarks = [
        {
            "group": Case(stem, STEP, "float32", 10).name,
            "param": "mine",
            "extra_info": {
                "comparison": {"ratio": r, "low": r * (1 - spread), "high": r * (1 + spread), "least": least}
            },
        }
        for stem, r in ratios.items()
    ]
    lost = [
        {"component": stem, "what": STEP, "dtype": "float32", "elements": 10, "parameters": 1, "backend": "mine"}
        | {"reason": reason}
        for stem, reason in dict(untimed).items()
    ]
    path.write_text(json.dumps({"benchmarks": benchmarks, "torchstone": {"control": "c", "untimed": lost}}))
    return path


def compare(old, new):
    console = Console(width=100, record=True, file=io.StringIO())
    return command.compare(old, new, console), console.export_text()


def test_regressions_are_found_by_ratio(tmp_path):
    old = file_of(tmp_path / "old.json", {"adam": 1.0, "sgd": 1.0, "adamw": 2.0})
    assert compare(old, old)[0] == 0
    status, text = compare(old, file_of(tmp_path / "new.json", {"adam": 1.2, "sgd": 1.01, "adamw": 1.5}))
    assert status == 1
    assert "adam step" in text
    assert "sgd step" not in text
    assert "3 cases compared, 1 regressions" in text
    assert compare(old, file_of(tmp_path / "fast.json", {"adam": 0.5}))[0] == 0


def test_a_component_that_conforms_no_more_is_a_regression(tmp_path):
    old = file_of(tmp_path / "old.json", {"adam": 1.0, "sgd": 1.0})
    lost = file_of(tmp_path / "new.json", {"sgd": 1.0}, {"adam": "does not conform: adam.9 in float32 is a fail"})
    assert compare(old, lost)[0] == 1
    left = file_of(tmp_path / "left.json", {"sgd": 1.0}, {"adam": "left out: it would take 1000 s"})
    assert compare(old, left)[0] == 0


def test_a_change_that_noise_explains_is_none():
    old, new = Comparison(1.0, 0.99, 1.01, 1.02), Comparison(1.05, 1.04, 1.06, 1.02)
    assert changed(old, new) == SLOWER
    assert changed(new, old) == FASTER
    assert changed(old, Comparison(1.05, 1.04, 1.06, 1.10)) == NONE
    assert changed(old, Comparison(1.05, 1.00, 1.10, 1.02)) == NONE


def invoked(*args):
    """The command in this process: its `exit_code`, `stdout` and `stderr`."""
    return CliRunner().invoke(app, ["bench", *map(str, args)])


def test_mistaken_calls_leave_with_two(tmp_path):
    cut, good = tmp_path / "cut.json", file_of(tmp_path / "good.json", {"adam": 1.0})
    cut.write_text(good.read_text()[:-20])
    other = file_of(tmp_path / "other.json", {"sgd": 1.0})
    for call, said in (
        (["--compare", cut, good], "must be what `torchstone bench` wrote"),
        (["--compare", tmp_path / "none.json", good], "must be what `torchstone bench` wrote"),
        (["--compare", other, good], "must have a case of a backend in common"),
        (["--component", "adm"], "there is no component 'adm'"),
        (["--component", "clip_grad_norm"], "losses, optimizers and schedulers are timed"),
        (["--backend", "trch"], "did you mean"),
        (["--component", "mse", "--results", cut], "must be what `torchstone run` wrote"),
    ):
        done = invoked(*call)
        assert done.exit_code == 2, done.output
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_the_command_shows_no_speed_of_a_liar(tmp_path):
    wrong, calls = "torch-like:tests.liars:Wrong", []
    for spec, outcome in (("torch", "known"), (wrong, "fail")):
        file = tmp_path / f"{outcome}.jsonl"
        record = results.Record("mse.1", "mse", "float32", outcome, 1, 1)
        results.write(file, results.header(load(spec), components=["mse"], clauses=[]), [record], [], 1.0)
        calls.append(f"--results={file}")
    chosen = ("--component=mse", "--profile=quick", f"--backend={wrong}", f"--out={tmp_path}")
    done = invoked(*chosen, *calls)
    assert done.exit_code == 1, done.output
    assert "does not conform: mse." in done.stdout
    stored = storage.read(tmp_path / "benchmark.json")
    assert not stored.comparisons
    assert len(stored.untimed) == 4
    again = invoked("--compare", tmp_path / "benchmark.json", tmp_path / "benchmark.json")
    assert again.exit_code == 2  # there is nothing to compare


def test_the_suite_is_not_slowed_by_the_plugin_of_benchmarks():
    call = suite("torch", Path("out"), [], profile="quick", seed=0)
    assert call[call.index("no:benchmark") - 1] == "-p"


def test_losses_are_timed_with_gradients_only_where_they_are_asked_for():
    forward, backward = (Case("triplet_margin", what, "float32", 20).program() for what in (FORWARD, BACKWARD))
    assert isinstance(forward, LossProgram)
    assert forward.differentiate == ()
    assert backward.differentiate == ("anchor", "positive", "negative")


def test_the_suite_is_asked_where_there_are_no_results(tmp_path):
    def suite(outcome):
        """A suite that finds this, in a process of its own."""
        found = [results.Record("mse.1", "mse", "float32", outcome, 1, 1)] if outcome else []

        def command_of(spec, out, stems):
            assert stems == ["mse"]
            if outcome:
                results.write(out / "results.jsonl", {}, found, [], 1.0)
            return [sys.executable, "-c", "print('it broke')"]

        return command_of

    assert conforming.from_suite(suite("pass"), "mine", ["mse"]) == {}
    assert conforming.from_suite(suite("fail"), "mine", ["mse"])["mse"].startswith("does not conform: mse.1")
    with pytest.raises(conforming.Unusable, match="must come to its end on mine, and did not:\nit broke"):
        conforming.from_suite(suite(""), "mine", ["mse"])
