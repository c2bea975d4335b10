"""The site's sources and its checks: what they write, and that each check notices what it is there for."""

import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))

import keep_results  # noqa: E402

from builder import catalogue, check, examples, references, sources  # noqa: E402
from tests import reports  # noqa: E402
from torchstone.conformance import backend, results  # noqa: E402
from torchstone.conformance.clauses import CLAUSE, clauses, component, components, pages  # noqa: E402
from torchstone.conformance.report import write as report  # noqa: E402

HUBER = component("huber")


# What is known of a clause.


def test_a_clause_has_its_line_its_test_and_what_breaks_it():
    (line,) = catalogue.code()["huber.2"]
    assert line.file == "losses/huber.py"
    assert line.text.endswith("# huber.2")
    (test, *_) = catalogue.held()["huber.2"]
    assert test.source.lstrip("@").partition("def ")[2].startswith("test_huber_2_")
    assert all("huber.2" in variant.breaks for variant in catalogue.broken_by()["huber.2"])
    assert catalogue.broken_by()["huber.2"]
    assert catalogue.url("huber.2") == "losses/huber.html#huber.2"


def test_the_change_log_names_every_clause_once():
    assert catalogue.since() == dict.fromkeys(clauses(), "2026.1")


def test_the_list_of_clauses_says_all_that_is_known():
    listed = json.loads(catalogue.as_json())["clauses"]
    assert [entry["id"] for entry in listed] == list(clauses())
    for entry in listed:
        assert {"id", "text", "page", "since", "tests", "variants"} <= set(entry)
        assert entry["tests"] or not entry["testable"]


def test_a_citation_is_an_entry_that_names_the_clause_and_the_edition():
    entry = catalogue.bibtex(clauses()["adam.9"])
    assert re.fullmatch(r"@misc\{torchstone:adam\.9,\n(  \w+ += \{.+\},\n)+\}", entry)
    assert "Torchstone 2026.1, clause adam.9" in entry


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        (["pass", "vacuous"], "conforms"),
        (["pass", "known"], "differs, as declared"),
        (["known", "fail"], "fails"),
        (["vacuous"], "says nothing"),
        (["unsupported"], "not offered"),
        ([], ""),
    ],
)
def test_a_framework_conforms_where_nothing_differs(outcomes, verdict):
    records = [catalogue.results.Record("huber.2", "huber", f"d{i}", each) for i, each in enumerate(outcomes)]
    assert catalogue.Run("toy 1", {}, records).said_of("huber.2")[0] == verdict


def test_every_work_is_listed_with_the_page_that_cites_it():
    listed = references.markdown().splitlines()
    assert len(listed) == len(references.entries())
    assert all(" Cited by [" in line for line in listed)
    assert "[adam](optimizers/adam.md)" in next(line for line in listed if "Kingma" in line)


# Pages.


@pytest.mark.parametrize("page", pages().values(), ids=lambda page: page.stem)
def test_every_clause_becomes_a_directive_that_holds_its_text(page):
    text = sources.relocated(page.text, f"spec/{page.path}", page.path.removesuffix(".md"))
    spans = sources._spans(text)
    assert len(spans) == len(page.clauses)
    for clause, (start, end) in zip(page.clauses, spans, strict=True):
        held = CLAUSE.sub("", text[start:end])
        assert len(held) >= len(clause.text)
        assert held.split()[:3] == clause.text.split()[:3]


def test_links_are_moved_with_the_page():
    text = "[a](losses/huber.md) [b](README.md) [c](references.bib) [d](../LICENSE) [e](https://x.org/y.md)"
    moved = "[a](losses/huber.md) [b](reading.md) [c](references.md) [d](files/LICENSE) [e](https://x.org/y.md)"
    assert sources.relocated(text, "spec/loss.md", "loss") == moved


def test_a_link_of_a_page_to_nothing_is_refused():
    with pytest.raises(sources.Broken, match=r"must lead to a file, got nowhere\.md"):
        sources.relocated("[a](nowhere.md)", "spec/loss.md", "loss")


def test_a_guide_cannot_ask_for_what_is_not_there():
    with pytest.raises(sources.Broken, match="there must be a section 'Nothing'"):
        sources.section("README.md", "Nothing", name="guides/start")


def test_the_name_of_a_backend_is_shown_and_nothing_else():
    assert sources.literal("a|b\n<script>*$x$") == r"a\|b \<script\>\*\$x\$"


def test_a_command_of_a_guide_must_run():
    assert "huber.2" in sources.run("torchstone explain huber.2")
    with pytest.raises(sources.Broken, match="must exit with 0, got 2"):
        sources.run("torchstone explain huber.99")


def test_an_example_must_run():
    example = HUBER.examples[0]
    assert "from torch.nn import HuberLoss" in examples.script(example)
    example.printed["value"][-1] = "2.75"
    with pytest.raises(AssertionError):
        examples.script(example)


# The checks. The site they look at has what they ask for, and nothing else.


@pytest.fixture
def site(tmp_path):
    (tmp_path / "clauses.json").write_text(catalogue.as_json())
    objects = {}
    for id in clauses():
        prefix, name = id.split(".")
        objects.setdefault(prefix, []).append([0, 0, 0, "", name])
    (tmp_path / "searchindex.js").write_text(f"Search.setIndex({json.dumps({'objects': objects})})")
    for page in pages().values():
        ids = [clause.id for clause in page.clauses] + [f"option-{row.name}" for row in page.parameters if page.kind]
        parts = '<p class="plots"><p class="listing"><p class="example">' if page.kind else ""
        parts += "".join(f'<p data-clauses="{clause.id}">' for clause in page.clauses)
        parts += "".join(f'<p id="{id}">' for id in ids if id not in clauses())
        write(tmp_path, page.path, parts + "".join(map(card, page.clauses)))
    write(tmp_path, "clauses.md", "".join(f'<a href="{catalogue.url(id)}">' for id in clauses()))
    write(tmp_path, "backends.md", "".join(f"<span>{name}</span>" for name in backend.names()))
    write(tmp_path, "index.md", "")
    check.read.cache_clear()
    return tmp_path


def card(clause):
    titles = ("In code", "Tests", "Who conforms", "Cite this clause")
    return f'<div class="clause" id="{clause.id}">' + "".join(f"<h4>{title}</h4>" for title in titles)


def write(site, path, text):
    file = site / path
    file.parent.mkdir(exist_ok=True)
    file.write_text("")
    file.with_suffix(".html").write_text(text)


def edit(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    check.read.cache_clear()


def found(site):
    return [*check.missing(site), *check.broken_links(site), *check.fetched(site)]


def test_a_whole_site_has_no_problems(site):
    assert found(site) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("losses/huber.html", 'id="huber.2"', "", "huber.2: the page must have its anchor"),
        ("losses/huber.html", 'id="option-delta"', "", "huber: the option delta must have an anchor"),
        ("losses/huber.html", 'data-clauses="huber.2"', "", "huber.2: its line of code must light up with it"),
        ("losses/huber.html", "<h4>In code</h4>", "", "huber.2: its card must have the part 'In code'"),
        ("losses/huber.html", "<h4>Tests</h4>", "", "huber.2: its card must have the part 'Tests'"),
        ("losses/huber.html", "<h4>Who conforms</h4>", "", "huber.2: its card must have the part 'Who conforms'"),
        ("loss.html", "<h4>Cite this clause</h4>", "", "loss.2: its card must have the part 'Cite this clause'"),
        ("losses/huber.html", 'class="plots"', "", "huber: a component must have its code, a plot and an example"),
        ("clauses.html", 'href="optimizers/adam.html#adam.3"', "", "adam.3: it must be on the page of all clauses"),
        ("clauses.json", '"id": "adam.3"', '"id": "adam.x"', "adam.3: it must be in clauses.json and in the search"),
        ("searchindex.js", '"huber"', '"humber"', "huber.1: it must be in clauses.json and in the search"),
        ("backends.html", ">mlx<", ">m<", "mlx: every backend must be on the page of backends"),
        ("index.html", "", '<a href="losses/huber.html#huber.99">', "a link must lead to an anchor"),
        ("index.html", "", '<a href="losses/humber.html">', "a link must lead to a file of the site"),
        ("index.html", "", '<script src="https://cdn.x.org/a.js"></script>', "nothing may come from the network"),
        ("index.html", "", '<link rel="stylesheet" href="//x.org/a.css">', "nothing may come from the network"),
    ],
)
def test_what_is_missing_or_broken_is_found(site, file, old, new, said):
    edit(site / file, old, new) if old else (site / file).write_text(new)
    check.read.cache_clear()
    assert any(said in problem for problem in found(site)), found(site)


def test_a_page_that_is_not_there_is_found(site):
    (site / "losses" / "huber.html").unlink()
    (site / "losses" / "mse.md").unlink()
    said = list(check.missing(site))
    assert any("huber: there must be a page of it" in problem for problem in said)
    assert any("losses/mse.html: it must be there as Markdown too" in problem for problem in said)


def test_a_font_from_the_network_is_found(site):
    (site / "a.css").write_text("@font-face { src: url(https://fonts.x.org/a.woff2) }")
    assert list(check.fetched(site)) == ["a.css: nothing may come from the network, got https://fonts.x.org/a.woff2"]


@pytest.mark.parametrize("name", ["torch", "mlx"])
def test_a_declared_difference_is_told_once_with_all_it_shows_in(name):
    causes = {(cause.reason, cause.holder): cause for cause in catalogue.causes(name)}
    assert len(causes) == len(catalogue.causes(name))
    for each in catalogue.declared_by()[name]:
        cause = causes[each.reason, catalogue.holder(name, each)]
        assert each.clause in cause.clauses
        assert each.component in cause.components


def test_numbers_of_the_readme_are_those_of_their_artefacts(tmp_path):
    assert list(check.disagreeing(ROOT)) == []
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "detection.md").write_text((ROOT / "docs" / "detection.md").read_text())
    text = (ROOT / "README.md").read_text()
    (tmp_path / "README.md").write_text(text.replace(f"{len(components())} components", "7 components"))
    (said,) = check.disagreeing(tmp_path)
    assert "'7 components" in said
    (tmp_path / "README.md").write_text("")
    assert all("it must say" in problem for problem in check.disagreeing(tmp_path))


# The results that are kept.


def test_what_the_site_does_not_show_of_a_run_is_not_kept(tmp_path):
    records = reports.sample()
    results.write(tmp_path / "results.jsonl", reports.results(records)[0], records, [], 1.5)
    text = keep_results.kept((tmp_path / "results.jsonl").read_text())
    (tmp_path / "kept.jsonl").write_text(text)
    _, whole, last = results.read(tmp_path / "results.jsonl")
    _, kept, end = results.read(tmp_path / "kept.jsonl")
    gone = dict.fromkeys(keep_results.LEFT_OUT)
    assert [vars(record) | gone for record in kept] == [vars(record) | gone for record in whole]
    assert end == last
    assert not any(name in line for line in text.splitlines()[1:-1] for name in ('"seconds"', '"program"', '"script"'))
    assert report.write(*results.read(tmp_path / "kept.jsonl"), tmp_path / "report")


@pytest.mark.parametrize("path", sorted(catalogue.RESULTS.glob("*.jsonl")), ids=lambda path: path.name)
def test_the_results_of_the_site_are_kept_by_the_script(path):
    assert keep_results.kept(path.read_text()) == path.read_text()


# The recipes.


def test_recipes_keep_what_failed(tmp_path, monkeypatch):
    """Each sets hypothesis's variable for the folder of examples, which the suite reads."""
    for recipe in (".github/actions/torchstone/action.yml", "docs/recipes/gitlab.yml", "docs/recipes/ci.sh"):
        assert "HYPOTHESIS_STORAGE_DIRECTORY" in (ROOT / recipe).read_text(), recipe
    from torchstone.conformance.session import kept_examples

    monkeypatch.delenv("HYPOTHESIS_STORAGE_DIRECTORY", raising=False)
    assert kept_examples() is None
    monkeypatch.setenv("HYPOTHESIS_STORAGE_DIRECTORY", str(tmp_path / "kept"))
    kept_examples().save(b"test", b"example")
    assert list(kept_examples().fetch(b"test")) == [b"example"]
