"""The audit: mutants are made, noticed and told apart from what is correct."""

import json
import re
import sys

import pytest

from tests.test_command import torchstone
from torchstone.conformance import detection, oracle, variants
from torchstone.conformance.audit import Remembering
from torchstone.conformance.backends import reference
from torchstone.conformance.clauses import clauses, component, components, pages
from torchstone.conformance.judge import Judge
from torchstone.conformance.program import Group, OptimizerProgram, Step, TensorData
from torchstone.conformance.variants import operators

ADAM = component("adam")
INSIDE = variants.mutant("eps_inside_the_root", "adam.9", ("v_hat.sqrt() + eps", "(v_hat + eps).sqrt()")).of(ADAM)


def program(grad):
    def one(number):
        return TensorData("float64", (1,), (number,))

    return OptimizerProgram("adam", {}, (Group((one(1.0),)),), (Step((one(grad),)),))


def test_a_variant_computes_otherwise_where_its_words_differ_and_leaves_the_reference_as_it_is():
    judge, plain = Judge(), reference.make()
    with variants.backend(INSIDE) as played:
        verdict = judge.conforms(program(1e-3), played.play(program(1e-3)))
    assert verdict.outcome == "fail"
    assert verdict.place == "param 0[0] after event 1"
    assert judge.conforms(program(1e-3), plain.play(program(1e-3)))
    assert not [name for name in sys.modules if name.startswith("torchstone_variant")]


def test_a_variant_shows_the_lines_that_differ():
    assert [line[0] for line in INSIDE.change.splitlines()] == ["-", "+"]
    assert "(v_hat + eps).sqrt()" in INSIDE.change


def test_words_that_are_not_there_once_are_a_mistake():
    for words in ("no such words", "beta1"):
        with pytest.raises(ValueError, match="must be there once"):
            variants.mutant("wrong", "adam.9", (words, "")).of(ADAM)


def test_the_rules_make_the_mistakes_that_people_make():
    changes = "\n".join(variant.change for variant in operators.mutants(ADAM, "optimizers/adam.py"))
    for line in (
        "False and require(lr >= 0,",  # a rate below zero is accepted
        "require(0 <= beta1 <= 1,",  # equality on the wrong side
        "g = (-grad)  # optimizer.15",  # maximize always
        "m_hat = (m)  # adam.6",  # no correction of the start at zero
        "m = ((1 - beta1) * g)  # adam.3",  # a term is forgotten
        "v = beta2 * state.v + (1 - beta2) * g**3  # adam.4",
        "State(t, m, state[2], v_max)",  # what was computed is not kept
        "torch.minimum(state.v_max, v)",
    ):
        assert f"+ {line}" in changes or line in changes, line


@pytest.mark.parametrize("page", components(), ids=lambda page: page.stem)
def test_mutants_differ_from_the_reference_and_from_each_other(page):
    file = page.file
    sources = [variant.source for variant in operators.mutants(page, file)]
    assert sources
    assert len({variants.original(file), *sources}) == len(sources) + 1
    assert len({variant.name for variant in operators.mutants(page, file)}) == len(sources)
    for source in sources:
        compile(source, file, "exec")


def test_a_written_variant_breaks_every_clause_that_can_be_tested():
    broken = {id for page in pages().values() for variant in variants.written(page) for id in variant.breaks}
    testable = {clause.id for clause in clauses().values() if clause.testable}
    assert testable == broken


@pytest.mark.parametrize("page", pages().values(), ids=lambda page: page.stem)
def test_written_variants_have_names_and_sources_of_their_own(page):
    found = variants.written(page)
    assert len({variant.name for variant in found}) == len(found)
    assert len({(variant.file, variant.source) for variant in found}) == len(found)
    assert all(variant.change for variant in found)


@pytest.mark.parametrize("page", components(), ids=lambda page: page.stem)
def test_what_a_page_calls_a_dialect_is_a_variant(page):
    section = page.text.partition("\n## Dialects\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"^- `(\w+)`", section, re.MULTILINE))
    assert named == {variant.name for variant in variants.written(page) if variant.shipped_by}


@pytest.mark.parametrize("page", components(), ids=lambda page: page.stem)
def test_a_mutant_that_is_said_to_compute_the_same_is_made(page):
    made = {variant.name for variant in operators.mutants(page, page.file)}
    assert set(variants.equivalents(page)) <= made
    assert all(reason.endswith(".") or len(reason.split()) > 3 for reason in variants.equivalents(page).values())


def test_a_written_variant_is_wrongly_judged_where_the_test_of_a_clause_it_breaks_misses_it():
    killed = {"outcome": "killed", "kind": "written", "missed": []}
    assert not detection.wrong(killed)
    assert detection.wrong(killed | {"missed": ["adam.9"]})
    assert detection.wrong(killed | {"outcome": "survived"})
    assert detection.wrong(killed | {"kind": "control"})


def test_a_test_that_compares_nothing_is_blind():
    sight = {"clause": "adam.9", "component": "adam", "examples": 12, "dropped": 12, "comparisons": {"float32": 0}}
    seeing = sight | {"clause": "adam.8", "comparisons": {"float32": 0, "float64": 3}}
    assert detection.mistaken([sight | {"rule": ""}, sight | {"rule": "it fell"}]) == [("adam.9", "adam", "it fell")]
    nothing_to_see = sight | {"clause": "optimizer.31", "examples": 0}
    assert detection.blind([sight, seeing, nothing_to_see]) == [("adam.9", "adam")]


def audit(tmp_path, corpus):
    done = torchstone("audit", f"--corpus={corpus}", f"--out={tmp_path}", "--jobs=1", cwd=tmp_path)
    return done, json.loads((tmp_path / "audit.json").read_text())["findings"]


def test_the_audit_keeps_what_the_reference_played_apart_by_program_and_run(monkeypatch):
    asked = []
    for name in ("play", "play_rounded"):
        plain = getattr(oracle, name)
        monkeypatch.setattr(oracle, name, lambda *given, plain=plain: asked.append(given) or plain(*given))
    remembering, (zero, again, minus) = Remembering(), [program(number) for number in (0.0, 0.0, -0.0)]
    first = remembering.play_rounded(zero, 0)
    assert remembering.play_rounded(again, 0) is first
    assert asked == [(zero, 0)]
    others = (remembering.play_rounded(zero, 1), remembering.play_rounded(minus, 0), remembering.play(zero))
    assert asked == [(zero, 0), (zero, 1), (minus, 0), (zero,)]
    assert all(other is not first for other in others)


def test_an_audit_ends_well_where_every_mistake_is_noticed_and_nothing_else(tmp_path):
    done, (right, wrong) = audit(tmp_path, "tests.corpus")
    assert done.returncode == 0, done.stderr
    assert (right["kind"], right["outcome"]) == ("control", "survived")
    assert (wrong["kind"], wrong["outcome"]) == ("corpus", "killed")
    assert wrong["by"][0].startswith(("step.", "scheduler.", "accuracy."))


def test_what_hangs_is_noticed_and_does_no_harm_to_what_is_played_after_it(tmp_path):
    (tmp_path / "endless.py").write_text(
        "from types import SimpleNamespace\n"
        "import torch\n"
        "from tests.corpus import CONTROLS\n"
        "class Endless(torch.optim.lr_scheduler.StepLR):\n"
        "    def get_lr(self):\n"
        "        while True:\n"
        "            pass\n"
        "class Namespace:\n"
        "    SGD, StepLR = torch.optim.SGD, Endless\n"
        "MUTANTS = [SimpleNamespace(id='endless', component='StepLR', backend=Namespace)]\n"
    )
    done, (right, wrong) = audit(tmp_path, "endless")
    assert done.returncode == 0, done.stdout
    assert (wrong["id"], wrong["outcome"]) == ("endless", "killed")
    assert "longer than" in wrong["rule"]
    assert right["outcome"] == "survived"


def test_an_audit_fails_where_a_mistake_is_missed_or_what_is_correct_accused(tmp_path):
    (tmp_path / "mistaken.py").write_text(
        "from tests.corpus import CONTROLS as MUTANTS, MUTANTS as CONTROLS\n__all__ = ['CONTROLS', 'MUTANTS']\n"
    )
    done, findings = audit(tmp_path, "mistaken")
    assert done.returncode == 1
    assert "survived the reference" in done.stdout
    assert "killed late" in done.stdout
    assert len(findings) == 2
