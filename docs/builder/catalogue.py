"""What is known of each clause beside its text: code, tests, variants, deviations, results, since when, how to cite."""

import ast
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from builder import EDITION_YEAR, ROOT
from torchstone.conformance import backend, known, results, variants
from torchstone.conformance.clauses import Clause, clauses, pages, tests

RESULTS = ROOT / "docs" / "results"
LIKE_PASS = ("pass", "inconclusive", "vacuous")


@dataclass(frozen=True)
class Line:
    """A line of the reference."""

    file: str  # optimizers/adam.py
    number: int
    text: str


@cache
def source(file: str) -> str:
    """The text of a file of the reference."""
    return (files("torchstone.reference") / file).read_text("utf-8")


def has_code(file: str) -> bool:
    """Whether there is such a file of the reference: some general pages have none."""
    return (files("torchstone.reference") / file).is_file()


def ids_of(line: str) -> list[str]:
    """The clauses that a line of code says it computes."""
    return [id for id in line.rpartition("  # ")[2].replace(",", " ").split() if id in clauses()]


@cache
def code() -> dict[str, list[Line]]:
    """The lines of the reference that compute each clause."""
    found: dict[str, list[Line]] = defaultdict(list)
    root = Path(str(files("torchstone.reference")))
    for path in sorted(root.rglob("*.py")):
        file = path.relative_to(root).as_posix()
        for number, text in enumerate(source(file).splitlines(), 1):
            for id in ids_of(text):
                found[id].append(Line(file, number, text.strip()))
    return found


@dataclass(frozen=True)
class Test:
    """A test that holds a backend to a clause."""

    place: str  # conformance/optimizers/test_adam.py:12
    name: str
    source: str


@cache
def held() -> dict[str, list[Test]]:
    """The tests of each clause."""
    return {id: [_test(*place.split(" ")) for place in places] for id, places in tests().items()}


def _test(place: str, name: str) -> Test:
    text, functions = _functions(place.partition(":")[0])
    first, last = functions[name]
    return Test(place, name, "\n".join(text[first - 1 : last]))


@cache
def _functions(file: str) -> tuple[list[str], dict[str, tuple[int, int]]]:
    text = (files("torchstone.conformance") / file.removeprefix("conformance/")).read_text("utf-8")
    found = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    places = {
        node.name: (min([node.lineno, *(d.lineno for d in node.decorator_list)]), node.end_lineno or 0)
        for node in found
    }
    return text.splitlines(), places


@cache
def broken_by() -> dict[str, list[variants.Variant]]:
    """The variants that break each clause."""
    found: dict[str, list[variants.Variant]] = defaultdict(list)
    for page in pages().values():
        for variant in variants.written(page):
            for id in variant.breaks:
                found[id].append(variant)
    return found


@cache
def deviations() -> dict[str, list[tuple[str, known.Deviation]]]:
    """What each backend that comes with the suite declares to do otherwise, by clause."""
    found: dict[str, list[tuple[str, known.Deviation]]] = defaultdict(list)
    for name, declared in declared_by().items():
        for deviation in declared:
            found[deviation.clause].append((name, deviation))
    return found


@cache
def declared_by() -> dict[str, list[known.Deviation]]:
    """The deviations that each backend declares; none where it has no file of them."""
    folder = Path(str(files("torchstone.conformance.backends")))
    found = {}
    for name in backend.names():
        file = folder / f"{name.replace('-', '_')}.known.toml"
        found[name] = known.read(file) if file.is_file() else []
    return found


@dataclass(frozen=True)
class Cause:
    """One thing that a backend does otherwise, with all that it shows in."""

    reason: str
    link: str
    holder: str
    components: list[str]
    clauses: list[str]


def causes(name: str) -> list[Cause]:
    """What a backend declares, a cause at a time, in the order of its file."""
    found: dict[tuple[str, str], list[known.Deviation]] = defaultdict(list)
    for each in declared_by()[name]:
        found[each.reason, holder(name, each)].append(each)
    return [
        Cause(
            reason,
            among[0].link,
            whose,
            list(dict.fromkeys(each.component for each in among)),
            list(dict.fromkeys(each.clause for each in among)),
        )
        for (reason, whose), among in found.items()
    ]


def holder(name: str, deviation: known.Deviation) -> str:
    """The names of the backend that a deviation holds for."""
    but = f" but {', '.join(deviation.excepted)}" if deviation.excepted else ""
    return (", ".join(deviation.backends) or name) + but


@cache
def since() -> dict[str, str]:
    """The edition in which each clause came, from the change log."""
    found: dict[str, str] = {}
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    for section in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        edition = re.match(r"Spec: edition (\S+)", section)
        for first, last in re.findall(r"`(\w+\.\d+)`(?:–`(\d+)`)?", section) if edition else ():
            stem, number = first.split(".")
            found |= {f"{stem}.{n}": edition[1] for n in range(int(number), int(last or number) + 1)}  # type: ignore[index]
    return found


@dataclass(frozen=True)
class Run:
    """The results of one backend."""

    label: str
    header: dict[str, Any]
    records: list[results.Record]

    @cached_property
    def by_clause(self) -> dict[str, list[results.Record]]:
        found = defaultdict(list)
        for record in self.records:
            found[record.clause].append(record)
        return found

    @property
    def outcomes(self) -> Counter[str]:
        return results.count(self.records)

    def said_of(self, id: str) -> tuple[str, str]:
        """The verdict on a clause in a word, and in which dtypes or how often."""
        own = self.by_clause[id]
        outcomes = {record.outcome for record in own}
        if not own:
            return "", ""
        for verdict, wanted in (
            ("fails", results.BAD),
            ("differs, as declared", ("known",)),
            ("blocked", ("blocked",)),
            ("conforms", ("pass",)),
        ):
            if outcomes & set(wanted):
                hits = [record for record in own if record.outcome in wanted]
                return verdict, _where(hits, own)
        return "says nothing" if outcomes & set(LIKE_PASS) else "not offered", _where(own, own)


def _where(hits: list[results.Record], own: list[results.Record]) -> str:
    """In which dtypes, or where the clause is a general one in how many components."""
    stems = {record.component for record in own}
    if len(stems) > 1:
        return f"{len({record.component for record in hits})} of {len(stems)} components"
    return ", ".join(record.dtype for record in hits if record.dtype)


@cache
def runs() -> list[Run]:
    """The runs whose results are in docs/results, one a backend."""
    found = []
    for path in sorted(RESULTS.glob("*.jsonl")):
        header, records, _ = results.read(path)
        found.append(Run(f"{header['backend']['name']} {header['backend']['version']}", header, records))
    return found


def counts(run: Run, stem: str) -> Counter[str]:
    """How many records of a component there are of each outcome."""
    return results.count(record for record in run.records if record.component == stem)


def citation(clause: Clause) -> str:
    return f"Torchstone {results.EDITION}, {clause.id}"


def bibtex(clause: Clause) -> str:
    """An entry of its own for one clause."""
    return (
        f"@misc{{torchstone:{clause.id},\n"
        f"  author       = {{{{The Torchstone authors}}}},\n"
        f"  title        = {{{{Torchstone {results.EDITION}, clause {clause.id}}}}},\n"
        f"  year         = {{{EDITION_YEAR}}},\n"
        f"  howpublished = {{Torchstone, edition {results.EDITION}, page {clause.page.removesuffix('.md')}}},\n"
        f"}}"
    )


def url(id: str) -> str:
    """Where a clause stands on the site."""
    return clauses()[id].page.removesuffix(".md") + f".html#{id}"


def as_json() -> str:
    """Every clause with what is known of it, for machines."""
    return json.dumps({"edition": results.EDITION, "clauses": list(_entries())}, indent=1, ensure_ascii=False) + "\n"


def _entries() -> Iterator[dict[str, Any]]:
    for clause in clauses().values():
        yield {
            "id": clause.id,
            "text": clause.text,
            "notes": clause.notes,
            "section": clause.section,
            "page": f"spec/{clause.page}",
            "url": url(clause.id),
            "since": since()[clause.id],
            "testable": clause.testable,
            "code": [
                {"file": f"reference/{c.file}", "line": c.number, "text": c.text} for c in code().get(clause.id, ())
            ],
            "tests": [f"{test.place} {test.name}" for test in held().get(clause.id, ())],
            "variants": [variant.id for variant in broken_by().get(clause.id, ())],
            "deviations": [
                {"backend": name, "component": each.component, "reason": each.reason, "link": each.link}
                for name, each in deviations().get(clause.id, ())
            ],
            "cite": citation(clause),
        }
