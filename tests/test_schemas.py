"""The schemas of programs and traces: what is drawn, stored and played keeps to them, and little else does."""

import copy
import json
from importlib.resources import files

import hypothesis
import jsonschema
import pytest
import torch

from torchstone.conformance import known, program, trace
from torchstone.conformance.clauses import components
from torchstone.conformance.oracle import play
from torchstone.conformance.program import LossProgram, Step, TensorData
from torchstone.conformance.strategies import programs_of

SCHEMAS = {
    name: json.loads((files("torchstone.conformance") / f"{name}.schema.json").read_text("utf-8"))
    for name in ("program", "trace")
}
VALID = {name: jsonschema.Draft202012Validator(schema) for name, schema in SCHEMAS.items()}
KNOWN = [path for path in (files("torchstone.conformance") / "backends").iterdir() if path.name.endswith(".known.toml")]
ONE = TensorData("float64", (1,), (1.0,))
L1 = LossProgram("l1", {"reduction": "none"}, {"input": ONE, "target": ONE}, ("input",))


def as_text(value):
    """Through JSON as others read it, in which there is no NaN."""
    return json.loads(json.dumps(value, allow_nan=False))


@pytest.mark.parametrize("stem", [page.stem for page in components()])
def test_what_is_drawn_and_what_comes_out_keep_to_the_schemas(stem):
    @hypothesis.settings(
        max_examples=2, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    @hypothesis.given(programs_of(stem))
    def check(drawn):
        form = as_text(program.to_json(drawn))
        VALID["program"].validate(form)
        assert as_text(program.to_json(program.from_json(form))) == form
        played = play(drawn, dtype=None)
        form = as_text(trace.to_json(played))
        VALID["trace"].validate(form)
        again = trace.from_json(form)
        assert [entry.refusal for entry in again.entries] == [entry.refusal for entry in played.entries]
        for there, here in zip(again.entries, played.entries, strict=True):
            assert list(there.tensors) == list(here.tensors)
            for name, tensor in here.tensors.items():
                torch.testing.assert_close(there.tensors[name], tensor.detach(), rtol=0, atol=0, equal_nan=True)

    check()


@pytest.mark.parametrize("path", KNOWN, ids=lambda path: path.name)
def test_stored_programs_keep_to_the_schema(path):
    for deviation in {id(each.program): each for each in known.read(path)}.values():
        VALID["program"].validate(as_text(program.to_json(deviation.program)))


def test_the_schema_knows_every_kind():
    assert set(program.KINDS) <= set(SCHEMAS["program"]["$defs"])


def changed(**fields):
    form = copy.deepcopy(program.to_json(L1))
    form.update(fields)
    return form


@pytest.mark.parametrize(
    "form",
    [
        {},
        changed(kind="loss"),
        changed(component=None),
        changed(more=1),
        changed(tensors={"input": [1.0]}),
        changed(tensors={"input": {**program.to_json(L1.tensors["input"]), "layout": "sideways"}}),
        changed(upstream=["none"]),
        program.to_json(Step((None,))),
    ],
)
def test_what_is_no_program_is_refused(form):
    assert VALID["program"].is_valid(program.to_json(L1))
    assert not VALID["program"].is_valid(form)


@pytest.mark.parametrize("entry", [{"tensors": {}}, {"tensors": {"loss of it": []}, "refusal": None}, []])
def test_what_is_no_trace_is_refused(entry):
    form = trace.to_json(play(L1, dtype=None))
    assert VALID["trace"].is_valid(form)
    assert not VALID["trace"].is_valid({**form, "entries": [entry]})
