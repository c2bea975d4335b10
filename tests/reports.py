"""Results made by hand, to test reports with: every outcome, every kind of place, and text that means harm."""

from torchstone.conformance.clauses import clauses, component, components
from torchstone.conformance.results import OUTCOMES, PHASES, Record, count

HOSTILE = """<script>window.hurt = 1</script><img src=x onerror="window.hurt = 1"></noscript></script></style>]]>"""
HOSTILE += """'"`*_[x](javascript:alert(1))|#1 @team &amp; \x1b[31m\u202egnp\ud800"""
PROGRAM = {
    "kind": "schedule_program",
    "component": "step",
    "options": {"step_size": 1},
    "base_lrs": [0.1],
    "events": [{"kind": "schedule_step"}, {"kind": "schedule_step"}],
}
COURSE = {
    "output": "lr[0]",
    "events": [0, 1, 2],
    "expected": [0.1, 0.01, 0.001],
    "budget": [1e-17, 1e-18, 1e-19],
    "actual": [0.1, 0.1, "nan"],
}


def record(clause, stem, outcome="pass", dtype="float64", **more):
    """A record, with the numbers that one of its outcome has."""
    done = outcome in ("pass", "fail", "known")
    numbers = dict(programs=12, comparisons=30 * done, worst=0.25 if done else 0.0)
    return Record(clause, stem, dtype, outcome, seconds=dict.fromkeys(PHASES, 0.01), **{**numbers, **more})


def failing(clause, stem, dtype="float64", **more):
    """A record that fails with numbers, a plot, a program and a script."""
    numbers = dict(place="lr[0] after event 1", expected=0.01, actual=0.1, budget=1e-18, worst=9e16)
    words = dict(program=PROGRAM, course=COURSE, script="import torch\nassert 1 < 0\n")
    return record(clause, stem, "fail", dtype, **{**numbers, **words, **more})


def whole(*stems):
    """A record for every testable clause on the pages of these components, by default of all, in two dtypes."""
    asked = [component(stem) for stem in stems] or components()
    return [
        record(clause.id, page.stem, dtype=dtype)
        for page in asked
        for clause in page.clauses
        if clause.testable
        for dtype in ("float64", "bfloat16")
    ]


def sample(text="plain"):
    """Records with every outcome, in which `text` stands wherever a backend's words do."""
    found = [
        each
        for each in whole("step", "adam", "mse")
        if each.clause not in ("step.1", "step.2", "step.3", "adam.9", "mse.1")
    ]
    return [
        *found,
        failing("step.1", "step", diagnosis=f"It behaves as `late`: {text}", script=f"# {text}\nimport torch\n"),
        failing("step.3", "step", place=text, actual=float("nan"), worst=float("inf")),
        record("step.2", "step", "error", rule=f"it must not crash, and raised {text}", program={**PROGRAM, "x": text}),
        record("adam.9", "adam", "known", reason=text, program=PROGRAM),
        record("mse.1", "mse", "fixed", reason=text, program=PROGRAM),
        record("mse.1", "mse", "unsupported", "float16", reason=text),
        record("loss.1", "mse", "blocked", reason=text),
        record("loss.2", "mse", "inconclusive"),
        record("loss.3", "mse", "vacuous"),
    ]


def results(records, text="plain", problems=()):
    """A header, the records and a footer, as `results.read` gives them."""
    header = {
        "torchstone": "0.1.0",
        "edition": "2026.1",
        "backend": {"name": text, "version": text},
        "settings": {"profile": "quick", "seed": "0", "components": [], "clauses": [], "device": text, "dialects": {}},
        "budget": {"safety": 4.0, "floor": 2.0, "runs": 24},
        "versions": {"python": "3.11", "torch": text},
        "platform": text,
    }
    counts = dict(count(records))
    return header, records, {"end": len(records), "outcomes": counts, "seconds": 1.5, "problems": list(problems)}


assert set(OUTCOMES) == {each.outcome for each in sample()}, "the sample has every outcome"
assert {each.clause for each in sample()} <= set(clauses()), "its clauses are those of the spec"
