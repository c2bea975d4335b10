"""Diagnosis: what a failing backend does instead is named, a cascade blamed once, and a dialect held to itself."""

import dataclasses
import time

import pytest

from tests.test_command import torchstone
from torchstone.conformance import diagnosis, results, variants
from torchstone.conformance.backends import reference
from torchstone.conformance.clauses import component
from torchstone.conformance.patience import Hang, patience
from torchstone.conformance.program import Schedule, ScheduleProgram, stems, to_json
from torchstone.conformance.results import Record
from torchstone.conformance.variants import operators

CLAUSES = [f"--clause={id}" for id in ("adam.3", "adam.9")]


def failing(stem, clause):
    """Records as a run makes them, of programs on which a backend fails."""
    programs = sorted(diagnosis._drawn(stem), key=lambda program: -len(str(program)))
    return [Record(clause, stem, program.dtype, "fail", program=to_json(program)) for program in programs[:12]]


def made(stem, line):
    page = component(stem)
    return next(each for each in operators.mutants(page, page.file) if each.name.startswith(line))


@pytest.mark.parametrize(
    ("stem", "line", "clause"),
    [
        ("adam", "m = ((1 - beta1) * g)", "adam.3"),
        ("step", "return base_lr * gamma ** (((t) / (step_size)))", "step.1"),
        ("huber", "line = delta * (error - 1.0 * delta)", "huber.2"),
    ],
)
def test_a_mistake_that_is_known_is_named_with_its_clause(stem, line, clause):
    with variants.backend(made(stem, line)) as wrong:
        said = diagnosis._diagnosis(wrong, component(stem), failing(stem, clause))
    assert said.startswith("It behaves exactly as")
    assert clause in said.partition("breaks ")[2]


class Odd:
    """Right but for the last sign, on every program: no variant does this."""

    name, version = "odd", "1"

    def play(self, program):
        trace = reference.make().play(program)
        last = trace.entries[-1]
        tensors = {name: -tensor - 1 for name, tensor in last.tensors.items()}
        return dataclasses.replace(trace, entries=(*trace.entries[:-1], dataclasses.replace(last, tensors=tensors)))


class Endless:
    """What a mistake in a loop can do."""

    def play(self, program):
        while True:
            pass


def test_a_variant_that_does_not_come_to_an_end_is_given_up():
    program = diagnosis._drawn("huber")[0]
    assert not diagnosis._same(Endless(), program, reference.make().play(program))


@pytest.mark.parametrize("wait", [lambda: None, lambda: time.sleep(0.01)])
def test_patience_ends_by_the_processor_and_by_the_clock(wait):
    def endless():
        with patience(0.05):
            while True:
                wait()

    with pytest.raises(Hang):
        endless()
    with patience(0.05):
        pass
    time.sleep(0.7)  # nothing comes after it


def test_what_nothing_known_does_is_said_to_be_so():
    said = diagnosis._diagnosis(Odd(), component("huber"), failing("huber", "huber.3"))
    assert said.startswith("Nothing known does the same.")
    assert "huber.3" in said


def test_where_every_program_conforms_a_relation_is_broken():
    said = diagnosis._diagnosis(reference.make(), component("huber"), failing("huber", "huber.3"))
    assert said.startswith("Every single program conforms")


def test_what_fails_only_because_another_component_does_is_blocked():
    def record(clause, stem, others=()):
        return Record(clause, stem, "float64", "fail", others=list(others))

    alone = record("sgd.3", "sgd")
    with_it = record("training.3", "step", ["sgd"])
    both = [record("training.3", "linear", ["sgd"]), record("linear.2", "linear")]
    innocent = record("training.3", "constant", ["adam"])
    diagnosis.blame([alone, with_it, *both, innocent])
    assert (with_it.outcome, with_it.reason.split()[0]) == ("blocked", "sgd")
    assert {each.outcome for each in (alone, *both, innocent)} == {"fail"}


def test_the_components_of_a_program_are_those_inside_others_too():
    parts = (Schedule("step", {"step_size": 2}), Schedule("chained", {"schedulers": (Schedule("linear", {}),)}))
    program = ScheduleProgram("sequential", {"schedulers": parts, "milestones": (2,)}, (0.1,))
    assert stems(program) == {"sequential", "step", "chained", "linear"}


def played(tmp_path, name):
    done = torchstone(
        "run",
        f"--backend=torch-like:tests.dialects:{name}",
        "--component=adam",
        "--jobs=1",
        f"--out={tmp_path}",
        *CLAUSES,
    )
    return done, results.read(tmp_path / "results.jsonl") if done.returncode < 2 else None


def test_a_dialect_that_is_not_declared_is_named(tmp_path):
    done, (_, records, _) = played(tmp_path, "Hat")
    assert done.returncode == 1
    bad = [record for record in records if record.outcome == "fail"]
    assert {record.clause for record in bad} >= {"adam.9"}
    assert all("the dialect `eps_hat`, shipped by TensorFlow" in record.diagnosis for record in bad)
    assert "the dialect `eps_hat`" in " ".join(done.stdout.split())


def test_a_dialect_that_is_declared_is_what_the_backend_is_held_to(tmp_path):
    done, (header, records, _) = played(tmp_path, "Declared")
    assert done.returncode == 0, done.stdout
    assert header["settings"]["dialects"] == {"adam": "eps_hat"}
    known = [record for record in records if record.outcome == "known"]
    assert {record.clause for record in known} >= {"adam.9"}
    assert all("the dialect `eps_hat`" in record.reason for record in known)
    assert any(record.clause == "adam.3" and record.outcome == "pass" for record in records)


def test_a_dialect_that_nobody_knows_is_a_mistaken_call(tmp_path):
    done, _ = played(tmp_path, "Misspelt")
    assert done.returncode == 2
    assert "eps_hat" in done.stderr + done.stdout
