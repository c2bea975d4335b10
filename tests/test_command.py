"""The command as a person meets it: what it prints, what it writes, and its exit codes."""

import json
import os
import signal
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from torchstone.conformance import results

ROOT = Path(__file__).resolve().parent.parent
STEMS = "adam sgd cross_entropy step mse l1 softmax log_softmax nll bce"


def torchstone(*args, cwd=None, **environment):
    """Run the command; its exit code, output and errors. A variable of the environment that is None is not there."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "160", **environment}
    return subprocess.run(
        [sys.executable, "-m", "torchstone", *map(str, args)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={name: value for name, value in variables.items() if value is not None},
        check=False,
    )


@pytest.fixture(scope="module")
def liars(tmp_path_factory):
    """One run over all miniature liars: the process and its records."""
    out = tmp_path_factory.mktemp("liars")
    clauses = "adam.6 adam.7 optimizer.11 cross_entropy.1 cross_entropy.13 step.1 step.2"
    clauses += " mse.1 l1.1 softmax.1 log_softmax.1 nll.1 bce.1"
    chosen = [f"--clause={id}" for id in clauses.split()] + [f"--component={stem}" for stem in STEMS.split()]
    done = torchstone("run", "--backend=torch-like:tests.liars:Wrong", "--jobs=2", f"--out={out}", *chosen)
    return done, results.read(out / "results.jsonl")[1], out


@pytest.mark.parametrize(
    ("stem", "outcome", "rule"),
    [
        ("adam", "fail", ""),
        ("sgd", "fail", ""),
        ("cross_entropy", "fail", ""),
        ("step", "fail", ""),
        ("mse", "fail", ""),
        ("l1", "error", "inputs must not be changed"),
        ("softmax", "error", "must have dtype"),
        ("log_softmax", "error", "it must not crash, and raised KeyError"),
        ("nll", "error", "must be a tensor, got float"),
        ("bce", "error", "must be a tensor, got NoneType"),
    ],
)
def test_every_liar_is_found_and_named(liars, stem, outcome, rule):
    done, records, _ = liars
    assert done.returncode == 1
    found = [record for record in records if record.component == stem and record.outcome == outcome]
    assert any(rule in record.rule for record in found)


def test_the_clauses_that_fail_are_the_ones_that_are_broken(liars):
    _, records, _ = liars
    failing = {record.clause for record in records if record.outcome == "fail"}
    assert "optimizer.11" in {r.clause for r in records if r.component == "sgd" and r.outcome == "fail"}
    assert failing & {"adam.6", "adam.7"}
    assert failing & {"cross_entropy.1", "cross_entropy.13"}
    assert failing & {"step.1", "step.2"}


def test_a_failing_record_has_what_a_person_needs(liars):
    done, records, _ = liars
    failing = [record for record in records if record.outcome == "fail"]
    for record in failing:
        assert record.program["component"] == record.component
        assert record.script
    assert "does not conform" in done.stdout
    assert "shrunk program" in done.stdout
    assert "times its budget" in done.stdout


@pytest.mark.parametrize("stem", ["adam", "cross_entropy", "step", "sgd"])
def test_the_script_fails_by_itself_with_torch_and_the_class(liars, stem, tmp_path):
    _, records, _ = liars
    record = next(r for r in records if r.component == stem and r.outcome == "fail" and r.place)
    assert "torchstone" not in record.script
    script = tmp_path / "reproduce.py"
    script.write_text(record.script)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1
    assert "AssertionError" in done.stderr
    assert "expected" in done.stdout


def test_the_results_file_keeps_to_its_schema(liars):
    schema = json.loads((files("torchstone.conformance") / "results.schema.json").read_text())
    lines = (liars[2] / "results.jsonl").read_text().splitlines()
    for line in lines:
        jsonschema.validate(json.loads(line), schema)
    assert (liars[2] / "junit.xml").read_text().count("<failure") >= 3


def test_a_results_file_that_was_cut_off_is_refused(liars, tmp_path):
    lines = (liars[2] / "results.jsonl").read_text().splitlines()
    (tmp_path / "results.jsonl").write_text("\n".join(lines[:-1]))
    with pytest.raises(results.CutOff, match="must end with a footer"):
        results.read(tmp_path / "results.jsonl")


def test_a_failing_program_is_replayed(liars, tmp_path):
    record = next(r for r in liars[1] if r.component == "step" and r.place)
    (tmp_path / "program.json").write_text(json.dumps(record.program))
    wrong = torchstone("replay", tmp_path / "program.json", "--backend=torch-like:tests.liars:Wrong")
    assert wrong.returncode == 1
    assert "times the budget" in wrong.stdout
    right = torchstone("replay", tmp_path / "program.json", "--backend=torch")
    assert right.returncode == 0
    assert "pass" in right.stdout


def test_the_same_seed_gives_the_same_file_but_for_the_times(tmp_path):
    def run(name, jobs, ci):
        torchstone(
            "run",
            "--backend=torch",
            "--component=l1",
            "--clause=l1.1",
            "--clause=l1.2",
            "--clause=loss.2",
            f"--out={tmp_path / name}",
            f"--jobs={jobs}",
            "--seed=5",
            CI=ci,  # where it is set hypothesis would rather have its own seed
        )
        lines = [json.loads(line) for line in (tmp_path / name / "results.jsonl").read_text().splitlines()]
        return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]

    assert run("one", 1, ci=None) == run("two", 2, ci="true")


def test_the_same_seed_draws_the_same_whatever_numbers_are_in_the_backends_file(tmp_path):
    def drawn(constants):
        folder = tmp_path / str(len(constants))
        folder.mkdir()
        backend = ["from torchstone.conformance.backends.reference import make", "backend = make()"]
        (folder / "mine.py").write_text("\n".join([*backend, f"numbers = {constants}", ""]))
        (folder / "test_drawn.py").write_text(
            "from hypothesis import given, strategies as st\n\n"
            "@given(st.lists(st.integers(0, 10**6), min_size=20, max_size=20))\n"
            "def test_drawn(numbers):\n    print('drawn', numbers)\n"
        )
        command = ["-m", "pytest", "-s", "--backend=mine:backend", "test_drawn.py"]
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True, cwd=folder, check=True)
        return [line for line in done.stdout.splitlines() if "drawn [" in line]

    plain = drawn([])
    assert len(plain) > 10
    assert drawn(list(range(1000, 2000))) == plain


@pytest.fixture
def heeds_interrupts():
    """A shell lets what it starts in the background ignore Ctrl-C, and so would what these tests start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("where", "said", "left"),
    [
        ("diagnosis.diagnose", "interrupted in the diagnosis", True),
        ("Reference.play", "no results were written", False),
    ],
)
def test_an_interrupted_run_keeps_what_is_whole(where, said, left, tmp_path, heeds_interrupts):
    (tmp_path / "mine.py").write_text(
        "import os, signal, time\n"
        "from torchstone.conformance import diagnosis\n"
        "from torchstone.conformance.backends.reference import Reference\n"
        "class Wrong(Reference):\n"
        "    def play(self, program):\n"
        "        trace = super().play(program)\n"
        "        for name, tensor in trace.entries[-1].tensors.items():\n"
        "            trace.entries[-1].tensors[name] = tensor + 1\n"
        "        return trace\n"
        "def interrupt(*_):\n"
        "    os.killpg(0, signal.SIGINT)  # as Ctrl-C does\n"
        "    time.sleep(60)\n"
        f"{where} = interrupt\n"
    )
    command = ["run", "--backend=mine:Wrong", "--clause=huber.1", "--jobs=1", "--out=out"]
    done = subprocess.run(
        [sys.executable, "-m", "torchstone", *command],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        start_new_session=True,
        check=False,
    )
    assert done.returncode == 130
    assert said in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert (tmp_path / "out" / "results.jsonl").exists() == left
    if left:
        assert "fail" in {record.outcome for record in results.read(tmp_path / "out" / "results.jsonl")[1]}


def test_what_a_backend_lacks_is_unsupported_and_not_passed(tmp_path):
    chosen = [f"--clause={id}" for id in ("l1.1", "l1.2", "step.1", "step.2")]
    done = torchstone("run", "--backend=tests.liars:OnlyL1", *chosen, f"--out={tmp_path}", "--jobs=2")
    records = results.read(tmp_path / "results.jsonl")[1]
    assert {r.outcome for r in records if r.component == "step"} == {"unsupported"}
    assert "pass" in {r.outcome for r in records if r.component == "l1" and r.dtype == "float32"}
    assert {r.outcome for r in records if r.component == "l1" and r.dtype == "float64"} == {"unsupported"}
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("backend", "rule"),
    [("tests.liars:AlwaysWrong", ""), ("tests.liars:NotATrace", "play must return a Trace")],
)
def test_a_backend_of_ones_own_is_judged_too(backend, rule, tmp_path):
    done = torchstone("run", f"--backend={backend}", "--clause=step.1", f"--out={tmp_path}", "--jobs=1")
    assert done.returncode == 1
    assert rule in done.stdout
    assert "from torchstone.conformance.backend import load" in done.stdout


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["run", "--backend", "torhc"], 2, "did you mean 'torch'?"),
        (["run", "--backend", "tests.nothing:Here"], 2, "there is no backend or module"),
        (["run", "--backend", "tests.liars:AlwaysWrogn"], 2, "did you mean 'AlwaysWrong'?"),
        (["run", "--backend", "torch:fast"], 2, "torch's codes are"),
        (["run", "--backend", "tests.liars:CannotStart"], 3, "the device is on fire"),
        (["run", "--backend", "reference", "--device", "cuda:0"], 2, "has no method to(device)"),
        (["run", "--device", "moon"], 3, "moon"),
        (["run", "--component", "adma"], 2, "did you mean 'adamax' or 'adam'?"),
        (["run", "--clause", "adam.999"], 2, "did you mean 'adam."),
        (["run", "--profile", "quik"], 2, "quick"),
        (["run", "--known", "nowhere.toml"], 2, "there must be a file of declared deviations"),
        (["run", "--component", "adam", "--clause", "step.1"], 2, "nothing was tested"),
        (["run", "--jobs", "0"], 2, "jobs"),
        (["explain", "adam.999"], 2, "did you mean"),
        (["replay", "nowhere.json"], 2, "must hold a program as JSON"),
        (["list", "things"], 2, "components"),
        (["unknown"], 2, "No such command"),
    ],
)
def test_a_mistaken_call_is_told_what_to_write(args, code, message, tmp_path):
    done = torchstone(*args, cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert done.returncode == code, done.stderr
    assert message in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stderr or code == 3


def test_a_module_that_cannot_be_imported_shows_its_own_traceback(tmp_path):
    (tmp_path / "broken_backend.py").write_text("import a_module_that_is_not_there\n")
    done = torchstone("run", "--backend=broken_backend:Backend", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 3
    assert "a_module_that_is_not_there" in done.stderr
    assert "broken_backend.py" in done.stderr


def test_a_known_file_with_a_mistake_is_refused(tmp_path):
    (tmp_path / "known.toml").write_text('[[deviation]]\nclause = "step.1"\n')
    done = torchstone("run", "--component=step", f"--known={tmp_path / 'known.toml'}")
    assert done.returncode == 2
    assert "deviation 1" in done.stderr
    assert "reason and program must be there" in " ".join(done.stderr.split())


def test_lists_are_json_on_request():
    components = json.loads(torchstone("list", "components", "--json").stdout)
    assert {"component": "adam", "torch": "Adam"}.items() <= next(
        c for c in components if c["component"] == "adam"
    ).items()
    assert any(c["clause"] == "adam.1" for c in json.loads(torchstone("list", "clauses", "--json").stdout))
    assert {"backend": "torch"} in json.loads(torchstone("list", "backends", "--json").stdout)


def test_a_clause_is_explained_by_its_text_its_line_and_its_tests():
    done = torchstone("explain", "step.1")
    assert done.returncode == 0
    assert "MUST" in done.stdout
    assert "reference/schedulers/step.py" in done.stdout
    assert "test_step_1_" in done.stdout


def test_the_suite_is_also_plain_pytest(tmp_path):
    def pytest_run(*args):
        command = [
            sys.executable,
            "-m",
            "pytest",
            "--pyargs",
            "torchstone.conformance",
            "-p",
            "no:cacheprovider",
            *args,
        ]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)

    done = pytest_run("--backend=torch", "-k", "test_step_1")
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    without = pytest_run("-k", "test_step_1")
    assert without.returncode != 0
    assert "add --backend torch" in without.stdout + without.stderr
