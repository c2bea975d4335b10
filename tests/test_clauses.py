"""The grammar of the pages: what is read from them, and what they must keep to."""

import re
from pathlib import Path

import pytest

from torchstone.conformance import clauses
from torchstone.conformance.clauses import Page, UnknownName

ROOT = Path(__file__).parents[1]
TEXT = """# Toy loss

A toy.

torch: `torch.nn.ToyLoss` · source: nobody

## Parameters

| name | default | domain | meaning |
|---|---|---|---|
| `delta` | `1.0` | (0, inf) | the edge |
| `weight` | required | tensor | a weight |

**toy.1** Where $x$ is small the loss MUST be
$$
x^2
$$
and nothing else.
Why. Because.

**toy.2** It MAY rest (not testable: a permission).
## Examples

```example toy
delta = 2.0, reduction = "none"
input = [1.0, -2.50,
         nan]
value = [1.0, 6.25, nan]
```
"""
PAGE = Page("toy", "losses", "losses/toy.md", TEXT)


def test_a_clause_is_its_paragraph_without_the_notes():
    first, second = PAGE.clauses
    assert first.id == "toy.1"
    assert first.text.endswith("and nothing else.")
    assert first.notes == "Why. Because."
    assert first.testable
    assert not second.testable
    assert "Examples" not in second.text


def test_parameters_are_the_rows_of_the_table():
    assert [(p.name, p.default) for p in PAGE.parameters] == [("delta", "1.0"), ("weight", "required")]


def test_an_example_keeps_the_digits_as_printed():
    (example,) = PAGE.examples
    assert example.arguments["delta"] == 2.0
    assert example.arguments["input"][:2] == [1.0, -2.5]
    assert example.printed["input"] == ["1.0", "-2.50", "nan"]


def test_the_torch_name_is_read_from_the_page():
    assert (PAGE.torch_path, PAGE.torch_name) == ("torch.nn.ToyLoss", "ToyLoss")


@pytest.mark.parametrize("page", clauses.pages().values(), ids=lambda page: page.stem)
def test_clauses_are_numbered_down_the_page_and_require_something(page):
    assert [clause.id for clause in page.clauses] == [f"{page.stem}.{i + 1}" for i in range(len(page.clauses))]
    for clause in page.clauses:
        words = re.findall(r"\b(MUST|SHOULD|MAY)\b", clause.text)
        assert len(words) == 1, clause.id


@pytest.mark.parametrize("page", clauses.components(), ids=lambda page: page.stem)
def test_a_component_page_has_what_a_reader_looks_for(page):
    assert page.title
    assert page.torch_path.startswith("torch.")
    assert page.clauses
    assert page.examples
    sections = re.findall(r"^## (.+)$", page.text, re.MULTILINE)
    wanted = ["Definition", "Parameters", "Validation", "Examples"]
    assert [section for section in sections if section in wanted] == wanted


@pytest.mark.parametrize(
    "page",
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/pages/**/*.md"), *ROOT.glob("spec/**/*.md")],
    ids=lambda page: page.stem,
)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([\w./-]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_what_pages_cite_is_what_the_references_list():
    listed = re.findall(r"^@\w+\{(\w+),$", (ROOT / "spec" / "references.bib").read_text(), re.MULTILINE)
    author = r"([A-Z]\w+)(?:,? (?:and )?[A-Z]\w+| et al\.)*"
    sources = re.findall(r"source: (.+?)(?: · |$)", "\n".join(page.text for page in clauses.pages().values()), re.M)
    cited = {name.lower() + year for source in sources for name, year in re.findall(author + r" \((\d{4})\)", source)}
    assert cited == set(listed)


def test_a_component_goes_by_its_stem_and_by_its_torch_name():
    assert clauses.component("cross_entropy") is clauses.component("CrossEntropyLoss")


def test_an_unknown_name_gets_the_nearest_one():
    with pytest.raises(UnknownName, match="did you mean 'cross_entropy'"):
        clauses.component("cross_entrpy")
    with pytest.raises(UnknownName, match=r"did you mean 'adam\.\d+'"):
        clauses.clause("adam.99")


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("test_l1_3_x", "l1.3"),
        ("test_bce_with_logits_12_a_2_b", "bce_with_logits.12"),
        ("test_something", None),
    ],
)
def test_a_test_names_its_clause(name, id):
    assert clauses.clause_of_test(name) == id
