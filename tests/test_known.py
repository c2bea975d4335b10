"""Declared deviations: what a file may hold, which programs an entry covers, and that lists cannot rot."""

import json

import pytest

from torchstone.conformance import known, oracle, results
from torchstone.conformance.clauses import UnknownName, clauses
from torchstone.conformance.known import BadDeviation, Deviation
from torchstone.conformance.player import Player
from torchstone.conformance.program import SaveAndReload, ScheduleProgram, ScheduleStep, to_json
from torchstone.conformance.trace import Entry, Trace

PROGRAM = ScheduleProgram("step", {"step_size": 2, "gamma": 0.5}, (1.0,), None, (ScheduleStep(), SaveAndReload()))


class Off:
    """A backend whose rates are twice what they should be after a step size of two, and right elsewhere."""

    name, version = "off", "1"

    def play(self, program):
        trace = oracle.play(program)
        if program.options["step_size"] != 2:
            return trace
        return Trace(tuple(Entry({"lr": 2 * entry.tensors["lr"]}) for entry in trace.entries))


def deviation(**where):
    return Deviation("step.1", "step", "a reason", PROGRAM, where=where)


@pytest.mark.parametrize(
    ("where", "covered"),
    [
        ({}, True),
        ({"options": {"step_size": 2}}, True),
        ({"options": {"step_size": 3}}, False),
        ({"options": {"step_size": [2, 3]}}, True),
        ({"options": {"step_size": 2.0}}, False),
        ({"options": {"missing": 1}}, False),
        ({"events": "save_and_reload"}, True),
        ({"events": "set_option"}, False),
        ({"base_lrs": 1.0, "options": {"gamma": 0.5}}, True),
        ({"base_lrs": 2.0, "options": {"gamma": 0.5}}, False),
        ({"base_lrs": {"above": 0.5}}, True),
        ({"base_lrs": {"above": 0.5, "below": 1.0}}, False),
        ({"base_lrs": {"at_least": 0.5}}, False),
        ({"options": {"gamma": {"below": 0.6}}}, True),
    ],
)
def test_a_deviation_covers_the_programs_that_have_its_part(where, covered):
    assert known.covered([deviation(**where)], PROGRAM) is covered


def played(backend, declared, program):
    """One program in a test of step.1: whether it failed the test, and the records."""
    player = Player(backend, declared)
    verdict = player.conforms(program)
    failed = not verdict and player.failed(AssertionError())
    return failed, results.records("step.1", "step", player, 0.1)


def test_a_failure_that_is_covered_is_known_and_another_is_not():
    failed, (record,) = played(Off(), [deviation(options={"step_size": 2})], PROGRAM)
    assert not failed
    assert (record.outcome, record.reason) == ("known", "a reason")
    failed, (record,) = played(Off(), [deviation(options={"gamma": 0.25})], PROGRAM)
    assert failed
    assert record.outcome == "fail"


def test_a_deviation_that_no_longer_holds_is_an_error():
    class Right(Off):
        def play(self, program):
            return oracle.play(program)

    failed, (record,) = played(Right(), [deviation()], PROGRAM)
    assert not failed
    assert record.outcome == "fixed"
    assert record.outcome in results.BAD


def test_of_several_deviations_the_one_that_no_longer_holds_is_shown():
    right = ScheduleProgram("step", {"step_size": 3}, (1.0,), None, (ScheduleStep(),))
    gone = Deviation("step.1", "step", "no longer so", right)
    _, (record,) = played(Off(), [deviation(), gone], PROGRAM)
    assert (record.outcome, record.reason) == ("fixed", "no longer so")


def test_a_deviation_holds_for_the_backends_that_are_named_and_not_excepted(tmp_path):
    fields = {"clause": "step.1", "reason": "a reason", "program": json.dumps(to_json(PROGRAM))}
    for names, held in (({}, True), ({"backends": ["on"]}, False), ({"excepted": ["off"]}, False)):
        assert len(write(tmp_path, **fields, **names)) == 1
        assert bool(known.declared(Off(), tmp_path / "x.known.toml")) == held


def write(tmp_path, **fields):
    text = "[[deviation]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in fields.items())
    (tmp_path / "x.known.toml").write_text(text)
    return known.read(tmp_path / "x.known.toml")


def test_a_file_is_read(tmp_path):
    (found,) = write(tmp_path, clause="step.1", reason="a reason", program=json.dumps(to_json(PROGRAM)))
    assert found == Deviation("step.1", "step", "a reason", PROGRAM)


def test_a_cause_may_show_in_several_clauses(tmp_path):
    found = write(tmp_path, clause=["step.1", "scheduler.1"], reason="a reason", program=json.dumps(to_json(PROGRAM)))
    assert [(each.clause, each.component, each.reason) for each in found] == [
        ("step.1", "step", "a reason"),
        ("scheduler.1", "step", "a reason"),
    ]


def test_a_cause_may_show_in_several_components(tmp_path):
    fields = {"clause": "scheduler.1", "component": ["linear", "step"], "reason": "a reason"}
    found = write(tmp_path, **fields, program=json.dumps(to_json(PROGRAM)))
    assert [(each.clause, each.component) for each in found] == [("scheduler.1", "linear"), ("scheduler.1", "step")]


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"clause": "step.1"}, BadDeviation, "reason and program must be there"),
        ({"clause": "step.1", "reason": "", "program": "{}", "color": "red"}, BadDeviation, "the fields are"),
        ({"clause": "step.999", "reason": "x", "program": None}, UnknownName, "there is no clause"),
        ({"clause": "adam.1", "reason": "x", "program": None}, BadDeviation, "must be about the program"),
        (
            {"clause": "step.1", "component": "adam", "reason": "x", "program": None},
            BadDeviation,
            "must be one of adam",
        ),
        (
            {"clause": "scheduler.1", "component": ["step", "stepp"], "reason": "x", "program": None},
            UnknownName,
            "stepp",
        ),
    ],
)
def test_a_file_with_a_mistake_is_refused(tmp_path, fields, error, message):
    if fields.get("program", "") is None:
        fields = {**fields, "program": json.dumps(to_json(PROGRAM))}
    with pytest.raises(error, match=message):
        write(tmp_path, **fields)


@pytest.mark.parametrize("name", ["torch", "mlx"])
def test_every_declared_deviation_has_a_clause_a_reason_and_a_program(name):
    from importlib.resources import files

    path = files("torchstone.conformance.backends") / f"{name}.known.toml"
    for deviation in known.read(path):
        assert deviation.clause in clauses()
        assert deviation.reason.endswith(".")
        assert known.covered([deviation], deviation.program)
