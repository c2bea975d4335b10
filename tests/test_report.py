"""The report, the levels and the differences between runs."""

import json
import re
import xml.etree.ElementTree as xml
from html.parser import HTMLParser
from importlib.resources import files

import jsonschema
import pytest
from markdown_it import MarkdownIt
from rich.console import Console
from typer.testing import CliRunner

from tests import reports
from tests.reports import HOSTILE, failing, record, sample, whole
from tests.test_command import torchstone
from torchstone.conformance import results
from torchstone.conformance.clauses import clauses, pages
from torchstone.conformance.cli import app
from torchstone.conformance.report import diff, levels, plots, text, write
from torchstone.conformance.report.course import course
from torchstone.conformance.report.view import SIGNS, view

VOID = {"meta", "link", "input", "img", "br", "hr"}


class Page(HTMLParser):
    """The elements of a page, with their attributes; it fails where tags do not match."""

    def __init__(self, content):
        super().__init__(convert_charrefs=True)
        self.elements, self.words, self.open = [], [], []
        self.feed(content)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.open += [] if tag in VOID else [tag]

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """The folder of a report in which every word of the backend means harm."""
    out = tmp_path_factory.mktemp("hostile")
    write.write(*reports.results(sample(HOSTILE), HOSTILE, [f"{HOSTILE}\nin a test"]), out)
    return out


def reached(records, problems=()):
    return [level.name for level in levels.reckon(records, problems) if level.reached]


def replaced(records, **by):
    """The records with those that an outcome's function accepts given that outcome."""
    for outcome, those in by.items():
        records = [record(r.clause, r.component, outcome, r.dtype) if those(r) else r for r in records]
    return records


# The page.


def test_a_page_has_no_element_that_a_backend_wrote(hostile, tmp_path):
    write.write(*reports.results(sample(), "plain", ["plain\nin a test"]), tmp_path)
    own, plain = (Page((folder / "report.html").read_text("utf-8")).elements for folder in (hostile, tmp_path))
    assert [tag for tag, _ in own] == [tag for tag, _ in plain]
    assert [sorted(attributes) for _, attributes in own] == [sorted(attributes) for _, attributes in plain]


def test_hostile_text_is_shown_as_it_is_and_what_cannot_be_seen_by_its_number(hostile):
    words = "".join(Page((hostile / "report.html").read_text("utf-8")).words)
    assert "<script>window.hurt = 1</script><img src=x" in words
    for unseen in ("\x1b", "\u202e", "\ud800"):
        assert unseen not in words
    assert "\\u202egnp\\ud800" in words


def test_a_page_asks_for_nothing_from_elsewhere(hostile):
    content = (hostile / "report.html").read_text("utf-8")
    page = Page(content)
    for _, attributes in page.elements:
        for name in ("src", "href", "action", "data", "srcset", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:,"))
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
    assert "http" not in re.sub(r"http-equiv|https?\\?://json", "", content).replace(HOSTILE, "")
    assert "@import" not in content
    assert not re.search(r"url\(", content)


def test_only_the_script_of_the_page_itself_may_run(hostile):
    content = (hostile / "report.html").read_text("utf-8")
    policy = next(a["content"] for tag, a in Page(content).elements if tag == "meta" and "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    assert sum(tag == "script" for tag, _ in Page(content).elements) == 1


def test_a_page_shows_what_a_person_needs(tmp_path):
    write.write(*reports.results(sample()), tmp_path)
    words = " ".join(" ".join(Page((tmp_path / "report.html").read_text("utf-8")).words).split())
    for wanted in (
        "does not conform",
        "No level reached",
        "lr[0] after event 1",
        "expected 0.01 actual 0.1",
        "9e+16 × its budget of 1e-18",
        "It behaves as late",
        "import torch",
        '"step_size": 1',
        "it must not crash",
    ):
        assert wanted in words
    for outcome in results.OUTCOMES:
        assert f"{SIGNS[outcome]} {outcome}" in words


def test_every_link_of_a_page_leads_to_a_cell_or_a_place_in_it(tmp_path):
    write.write(*reports.results(sample()), tmp_path)
    elements = Page((tmp_path / "report.html").read_text("utf-8")).elements
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {attributes["href"][1:] for tag, attributes in elements if tag == "a"}
    assert links <= set(ids)
    assert len(links) > 10


def test_clauses_link_to_the_site_where_there_is_one(tmp_path):
    write.write(*reports.results(sample()), tmp_path, site="https://example.org/spec/")
    links = {a.get("href") for tag, a in Page((tmp_path / "report.html").read_text("utf-8")).elements if tag == "a"}
    assert "https://example.org/spec/optimizers/adam.html#adam.9" in links


def test_a_cell_counts_its_clauses_and_shows_the_outcome_that_says_most():
    report = view(*reports.results(sample()))
    cell = next(row for row in report.rows if row.page.stem == "step").cells["value"]
    assert cell.outcome == "fail"
    assert cell.counts["fail"] == 2
    assert cell.counts["error"] == 1
    assert sum(cell.counts.values()) == len(cell.entries)
    assert "2 fail, 1 error" in cell.words


def test_settings_are_shown_as_they_were_given():
    header, records, footer = reports.results(sample())
    header["settings"].update(components=["adam", "step"], dialects={"adam": "eps_hat"}, device="")
    assert view(header, records, footer).settings == {
        "profile": "quick",
        "seed": "0",
        "components": "adam, step",
        "dialects": "adam: eps_hat",
    }


def test_every_clause_can_be_shown_with_its_formulas_as_mathml():
    for clause in clauses().values():
        shown = text.clause_html(clause.text)
        formulas = clause.text.count("$") - clause.text.count("$$")
        assert shown.count("<math") * 2 == formulas
        assert "$" not in shown
        assert "\\" not in re.sub(r"<code>.*?</code>", "", shown), clause.id
        Page(shown)


# What else is written.


def test_markdown_shows_hostile_text_and_no_more(hostile):
    content = (hostile / "report.md").read_text("utf-8")
    shown = MarkdownIt("commonmark").enable("table").render(content)
    elements = Page(re.sub(r"<pre>.*?</pre>", "", shown, flags=re.DOTALL)).elements
    assert {tag for tag, _ in elements} <= set(
        "h1 h2 h3 p strong table thead tbody tr th td ul li code details summary".split()
    )
    outside = re.sub(r"^(`{3,}).*?^\1$", "", content, flags=re.DOTALL | re.MULTILINE)
    assert "@team" not in outside
    assert "\\[x\\](javascript\\:" in outside


def test_markdown_fits_into_the_summary_of_a_ci_job(tmp_path):
    many = [failing(each.clause, each.component, script="x" * 5000) for each in whole()]
    write.write(*reports.results(many), tmp_path)
    assert (tmp_path / "report.md").stat().st_size < 1 << 20


def test_a_fence_is_longer_than_any_in_the_text():
    assert text.fenced("```\nfree").startswith("````\n")


def test_junit_has_a_case_for_each_record_and_can_be_read(hostile):
    root = xml.fromstring((hostile / "junit.xml").read_text("utf-8"))
    own = sample()
    cases = root.findall("testsuite/testcase")
    assert len(cases) == len(own) + 1  # and the problem
    for tag, outcomes in (
        ("failure", ("fail", "fixed")),
        ("skipped", ("unsupported", "inconclusive", "vacuous", "blocked")),
    ):
        assert len(root.findall(f"testsuite/testcase/{tag}")) == sum(each.outcome in outcomes for each in own)
    assert len(root.findall("testsuite/testcase/error")) == 2
    assert sum(int(suite.get("tests")) for suite in root) == len(cases)


@pytest.mark.parametrize(
    ("records", "message", "colour"),
    [
        (whole(), "complete", "brightgreen"),
        (whole("adam"), "low precision for 1 of 61 components", "green"),
        ([*whole("adam"), *replaced(whole("mse"), unsupported=bool)], "low precision for 1 of 61 components", "green"),
        (replaced(whole(), fail=lambda r: (r.clause, r.dtype) == ("adam.22", "float64")), "low precision", "yellow"),
        (sample(HOSTILE), "does not conform", "red"),
    ],
)
def test_the_badge_says_the_level(records, message, colour, tmp_path):
    write.write(*reports.results(records, HOSTILE), tmp_path)
    badge = json.loads((tmp_path / "badge.json").read_text())
    assert badge == {"schemaVersion": 1, "label": "torchstone 2026.1", "message": message, "color": colour}


# Levels.


ALL = ["core", "gradients", "stateful", "low precision", "complete"]


def test_every_section_with_a_testable_clause_belongs_to_a_part():
    table = levels._tables()[0]
    asked = [each for each in clauses().values() if each.testable and each.section != "Examples"]
    assert {(pages()[each.stem].kind or each.stem, each.section) for each in asked} == set(table)
    assert set(table.values()) | {"low precision"} == set(levels.PARTS)
    assert sorted(part for parts in levels._tables()[1].values() for part in parts) == sorted(levels.PARTS)


def test_a_backend_in_which_everything_passes_reaches_every_level():
    assert reached(whole()) == ALL
    assert str(levels.claim(levels.reckon(whole()))) == "complete"


@pytest.mark.parametrize("outcome", ["fail", "error", "fixed", "blocked"])
@pytest.mark.parametrize(
    ("clause", "dtype", "left"),
    [
        ("adam.9", "float64", []),
        ("huber.9", "float64", ["core"]),
        ("adam.17", "float64", ["core", "gradients"]),
        ("adam.9", "bfloat16", ["core", "gradients", "stateful"]),
        ("adam.22", "float64", ["core", "gradients", "stateful", "low precision"]),
    ],
)
def test_a_clause_that_is_not_met_stops_its_level_and_those_after_it(outcome, clause, dtype, left):
    about = replaced(whole(), **{outcome: lambda r: (r.clause, r.dtype) == (clause, dtype)})
    assert reached(about) == left
    missing = next(level for level in levels.reckon(about) if not level.reached)
    assert (clause, clause.split(".")[0]) in missing.blocking
    assert "1 clause" in missing.missing[0]


def test_a_declared_deviation_is_counted_and_is_not_a_pass():
    about = replaced(whole(), known=lambda r: r.clause in ("adam.9", "adam.22"))
    claim = levels.claim(levels.reckon(about))
    assert (claim.level, claim.deviations) == ("complete", 2)
    assert str(claim) == "complete, with 2 declared deviations"
    assert reached(replaced(whole(), known=lambda r: True)) == []


def test_a_level_that_asks_nothing_of_what_is_offered_is_passed_over():
    found = {level.name: level for level in levels.reckon(whole("adam"))}
    assert found["gradients"].passed_over
    assert not found["gradients"].reached
    assert found["stateful"].reached
    assert not found["complete"].reached  # the other components were not asked


@pytest.mark.parametrize("outcome", ["unsupported", "inconclusive", "vacuous"])
def test_complete_is_reached_with_everything_offered_and_decided_only(outcome):
    about = replaced(whole(), **{outcome: lambda r: r.clause == "adam.9"})
    assert reached(about) == ALL[:-1]
    once = replaced(whole(), **{outcome: lambda r: r.clause == "adam.9" and r.dtype == "float64"})
    assert (reached(once) == ALL) == (outcome != "unsupported")


def test_a_run_that_left_clauses_out_or_failed_itself_decides_no_level():
    assert reached([each for each in whole() if each.clause != "adam.9"]) == []
    assert reached(whole(), ["pytest crashed"]) == []


# Differences.


def ways(old, new):
    return [(change.key, change.way) for change in diff.changes(old, new)]


@pytest.mark.parametrize(
    ("old", "new", "way"),
    [
        ("pass", "fail", "worse"),
        ("pass", "known", "worse"),
        ("pass", "unsupported", "worse"),
        ("known", "error", "worse"),
        ("fail", "pass", "better"),
        ("fail", "known", "better"),
        ("known", "fixed", "better"),
        ("known", "pass", "better"),
        ("pass", "vacuous", "open"),
        ("inconclusive", "pass", "open"),
        ("fail", "error", "open"),
    ],
)
def test_a_change_goes_one_way(old, new, way):
    assert ways([record("adam.9", "adam", old)], [record("adam.9", "adam", new)]) == [
        (("adam.9", "adam", "float64"), way)
    ]


def test_a_component_that_is_no_longer_offered_is_worse_in_every_dtype():
    old = [record("adam.9", "adam"), record("adam.9", "adam", dtype="float32")]
    new = [record("adam.9", "adam", "unsupported", dtype="")]
    assert [way for _, way in ways(old, new)] == ["worse", "worse"]
    assert [way for _, way in ways(new, old)] == ["better", "better"]


def test_a_declared_deviation_that_shows_in_another_dtype_is_no_change_of_the_backend():
    old = [record("adam.9", "adam", "known"), record("adam.9", "adam", dtype="float32")]
    new = [record("adam.9", "adam"), record("adam.9", "adam", "known", dtype="float32")]
    assert {way for _, way in ways(old, new)} == {"open"}


def test_the_last_step_of_a_history_decides(tmp_path, capsys):
    def run(name, outcome, problems=()):
        return diff.Run(name, *reports.results([*whole("step"), record("adam.9", "adam", outcome)], name, problems))

    console = Console(width=100)
    good, bad = run("1.0", "pass"), run("1.1", "fail")
    assert diff.show([good, bad], console) == 1
    assert "adam.9 adam, float64: pass → fail" in capsys.readouterr().out
    assert diff.show([good, bad, good], console) == 0
    assert diff.show([bad, bad], console) == 0
    assert "nothing changed" in capsys.readouterr().out
    assert diff.show([good, run("1.2", "pass", ["pytest crashed"])], console) == 1
    assert diff.show([good, diff.Run("less", *reports.results(whole("step")))], console) == 0
    assert "1 clause no longer asked: adam adam.9" in capsys.readouterr().out


def test_a_terminal_does_not_obey_what_a_backend_is_called(capsys):
    run = diff.Run("a.jsonl", *reports.results(sample(HOSTILE), "[bold]\x1b]0;x\x07" + HOSTILE))
    diff.show([run, run], Console(width=300, force_terminal=False))
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "[bold]" in said


# Plots.


def test_a_trajectory_is_drawn_with_its_budget_and_without_what_is_no_number():
    drawn = str(plots.trajectory(reports.COURSE))
    assert drawn.count("<svg") == 2
    assert drawn.count("<circle") == 2 + 3  # the last actual number is none; its error is
    Page(drawn)


@pytest.mark.parametrize(
    "numbers",
    [
        dict(expected=[0.0] * 3, budget=[5e-324] * 3, actual=[0.0] * 3),
        dict(expected=[1e308, 0.0, -1e308], budget=[1e292] * 3, actual=[-1e308, "inf", "-inf"]),
        dict(expected=["nan"] * 3, budget=["nan"] * 3, actual=["nan"] * 3),
        dict(expected=[1.0, 1.0, 1.0000000000000002], budget=[0.0] * 3, actual=[1.0, 1.0, 1.0]),
        dict(expected=[1e-300, 2e-300, 3e-300], budget=[1e-316] * 3, actual=[1e-300, 2e-300, 4e-300]),
    ],
)
def test_every_course_can_be_drawn(numbers):
    drawn = str(plots.trajectory({"output": "x", "events": [0, 1, 2], **numbers}))
    Page(drawn)
    assert not re.search(r'="[^"]*(nan|inf)', drawn)


def test_a_course_is_that_of_the_number_that_leaves_its_budget_farthest():
    import torch

    from torchstone.conformance.judge import Judge
    from torchstone.conformance.program import Group, OptimizerProgram, Step, TensorData
    from torchstone.conformance.trace import Entry, Trace

    given = TensorData("float64", (2,), (1.0, 2.0))
    program = OptimizerProgram("sgd", {"lr": 0.1}, (Group((given,), {}),), (Step((given,)), Step((given,))))
    judge = Judge()
    exact = judge.budget(program).trace
    wrong = exact.entries[2].tensors["param 0"] + torch.tensor([0.0, 1e-3])
    trace = Trace((*exact.entries[:2], Entry({"param 0": wrong})))
    found = course(judge.budget(program), trace)
    assert found["output"] == "param 0[1]"
    assert found["events"] == [0, 1, 2]
    assert [abs(a - e) > b for a, e, b in zip(found["actual"], found["expected"], found["budget"], strict=True)] == [
        False,
        False,
        True,
    ]
    assert course(judge.budget(program), trace, ("param 0", (0,)))["output"] == "param 0[0]"
    assert course(judge.budget(program), Trace(trace.entries[:2])) is None
    for other in (None, [1.0], torch.ones(2, dtype=torch.complex64)):  # what a backend should not give
        assert course(judge.budget(program), Trace((*exact.entries[:2], Entry({"param 0": other})))) is None
    assert course(judge.budget(program), {"entries": []}) is None


# The command.


def test_a_run_writes_its_report_and_draws_what_fails(tmp_path):
    chosen = ["--component=step", "--clause=step.1", "--profile=smoke", "--jobs=1"]
    done = torchstone("run", "--backend=torch-like:tests.liars:Wrong", *chosen, f"--out={tmp_path}")
    assert done.returncode == 1
    assert "report.html" in done.stdout
    assert {file.name for file in tmp_path.iterdir()} == {
        *("results.jsonl", "report.html", "report.md", "badge.json", "junit.xml")
    }
    schema = json.loads((files("torchstone.conformance") / "results.schema.json").read_text())
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    for line in lines:
        jsonschema.validate(line, schema)
    drawn = next(line["course"] for line in lines if line.get("outcome") == "fail" and "course" in line)
    assert drawn["output"].startswith("lr[")
    assert drawn["expected"] != drawn["actual"]
    again = CliRunner().invoke(app, ["report", str(tmp_path / "results.jsonl"), "--out", str(tmp_path / "again")])
    assert again.exit_code == 0
    for name in ("report.html", "report.md", "badge.json", "junit.xml"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / name).read_bytes()


def test_bad_results_are_refused_in_one_line(tmp_path):
    header, records, _ = reports.results(sample())
    results.write(tmp_path / "good.jsonl", header, records, (), 1.0)
    lines = (tmp_path / "good.jsonl").read_text().splitlines()
    (tmp_path / "cut.jsonl").write_text("\n".join(lines[:-1]) + "\n" + lines[-1][:10])
    (tmp_path / "other.jsonl").write_text("\n".join(lines).replace('"adam.9"', '"adam.99"'))
    (tmp_path / "list.jsonl").write_text("[]\n[]\n")
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00")
    for name, said in (
        ("missing.jsonl", "No such file"),
        ("cut.jsonl", "must end with a footer"),
        ("list.jsonl", "must end with a footer"),
        ("binary.jsonl", "must end with a footer"),
        ("other.jsonl", "there is no clause 'adam.99'"),
    ):
        for command in (["report"], ["diff", str(tmp_path / "good.jsonl")]):
            done = CliRunner().invoke(app, [*command, str(tmp_path / name)])
            assert done.exit_code == 2
            assert said in done.stderr
            assert done.stderr.count("\n") == 1
    done = CliRunner().invoke(app, ["report", str(tmp_path / "good.jsonl"), "--out", str(tmp_path / "good.jsonl")])
    assert done.exit_code == 2
    assert "out: there must be a folder" in done.stderr
    assert CliRunner().invoke(app, ["diff", str(tmp_path / "good.jsonl")]).exit_code == 2
    assert CliRunner().invoke(app, ["diff", *[str(tmp_path / "good.jsonl")] * 2]).exit_code == 0
