"""Checks the finished site: nothing is missing, every link leads somewhere, nothing is fetched, numbers agree."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from posixpath import dirname, join, normpath
from urllib.parse import unquote, urlsplit

from builder import ROOT, catalogue
from torchstone.conformance import audit, backend
from torchstone.conformance.clauses import Clause, Page, clauses, pages

NUMBER = r"([\d,]+)"


def problems(site: Path) -> list[str]:
    """What is wrong with the site in a folder, each in a sentence."""
    if not (site / "index.html").is_file():
        return [f"site: there must be a site, got nothing in {site}; build it first"]
    read.cache_clear()
    return [*missing(site), *broken_links(site), *fetched(site), *disagreeing(ROOT)]


class Reader(HTMLParser):
    """What a page has: the ids, the links, and what a browser fetches to show it."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids += [given["id"]] if "id" in given else []
        if "href" in given and tag == "a":
            self.links.append(given["href"])
        elif "href" in given and tag == "link" and given.get("rel") not in ("search", "canonical"):
            self.fetched.append(given["href"])
        self.fetched += [given["src"]] if "src" in given else []


@cache
def read(file: Path) -> Reader:
    reader = Reader()
    reader.feed(file.read_text("utf-8"))
    return reader


def missing(site: Path) -> Iterator[str]:
    """Clauses, components, options, backends and forms of pages that are not on the site."""
    listed = {entry["id"]: entry for entry in json.loads((site / "clauses.json").read_text("utf-8"))["clauses"]}
    index, searched = (site / "clauses.html").read_text("utf-8"), searchable(site)
    for page in pages().values():
        file = site / f"{page.path.removesuffix('.md')}.html"
        if not file.is_file():
            yield f"{page.stem}: there must be a page of it, got no {file.relative_to(site)}"
            continue
        ids, text = set(read(file).ids), file.read_text("utf-8")
        cards = dict(re.findall(r'<div class="clause" id="([^"]+)">(.*?)(?=<div class="clause"|\Z)', text, re.DOTALL))
        lit = {id for said in re.findall(r'data-clauses="([^"]+)"', text) for id in said.split()}
        for clause in page.clauses:
            if clause.id not in ids:
                yield f"{clause.id}: the page must have its anchor, got none on {file.relative_to(site)}"
            if f'href="{catalogue.url(clause.id)}"' not in index:
                yield f"{clause.id}: it must be on the page of all clauses, got no link to it there"
            if clause.id not in listed or clause.id not in searched:
                yield f"{clause.id}: it must be in clauses.json and in the search, got it not in both"
            if clause.testable and listed.get(clause.id, {}).get("tests") == []:
                yield f"{clause.id}: it must have a test or say why not, got neither"
            for title in told(clause, page):
                if f"<h4>{title}</h4>" not in cards.get(clause.id, ""):
                    yield f"{clause.id}: its card must have the part {title!r}, got none on {file.relative_to(site)}"
            own = [line for line in catalogue.code().get(clause.id, ()) if line.file == page.file]
            if own and clause.id not in lit:
                yield f"{clause.id}: its line of code must light up with it, got none on {file.relative_to(site)}"
        for row in page.parameters if page.kind else ():
            if f"option-{row.name}" not in ids:
                yield f"{page.stem}: the option {row.name} must have an anchor, got none on {file.relative_to(site)}"
        for what in ('class="plots"', 'class="listing"', 'class="example"') if page.kind else ():
            if what not in text:
                yield f"{page.stem}: a component must have its code, a plot and an example, got no {what}"
    shown = (site / "backends.html").read_text("utf-8")
    for name in backend.names():
        if f">{name}</span>" not in shown:
            yield f"{name}: every backend must be on the page of backends, got no such row"
    for html in sorted(site.rglob("*.html")):
        if html.name not in ("genindex.html", "search.html") and not html.with_suffix(".md").is_file():
            yield f"{html.relative_to(site)}: it must be there as Markdown too, got none"
    for id in clauses().keys() - catalogue.since().keys():
        yield f"{id}: the change log must name it, got it in no section of a spec"


def told(clause: Clause, page: Page) -> list[str]:
    """The parts of a clause's card: who has nothing but its id finds there all that is known of it."""
    conforming = any(run.by_clause.get(clause.id) for run in catalogue.runs())
    parts = {
        "In code": clause.testable and catalogue.has_code(page.file),
        "Tests": clause.testable,
        "Who conforms": conforming,
        "Cite this clause": True,
    }
    return [title for title, wanted in parts.items() if wanted]


def searchable(site: Path) -> set[str]:
    """The objects that the search box finds by their names."""
    text = (site / "searchindex.js").read_text("utf-8")
    objects = json.loads(text[text.index("(") + 1 : text.rindex(")")])["objects"]
    return {f"{prefix}.{entry[4]}" for prefix, entries in objects.items() for entry in entries}


def broken_links(site: Path) -> Iterator[str]:
    """Links inside the site that lead nowhere, and ids that two elements of a page have."""
    for file in sorted(site.rglob("*.html")):
        own = file.relative_to(site).as_posix()
        for link in dict.fromkeys(read(file).links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            path = normpath(join(dirname(own), unquote(parts.path))) if parts.path else own
            if not (site / path).is_file():
                yield f"{own}: a link must lead to a file of the site, got {link}"
            elif parts.fragment and path.endswith(".html") and unquote(parts.fragment) not in read(site / path).ids:
                yield f"{own}: a link must lead to an anchor, got {link}"
        twice = {id for id in read(file).ids if read(file).ids.count(id) > 1} if own.count("/") else set()
        for id in sorted(twice):
            yield f"{own}: an id must be there once, got {id} more often"


def fetched(site: Path) -> Iterator[str]:
    """What a browser would ask the network for."""
    for file in sorted(site.rglob("*.html")):
        for source in read(file).fetched:
            if urlsplit(source).netloc:
                yield f"{file.relative_to(site)}: nothing may come from the network, got {source}"
    for file in sorted(site.rglob("*.css")):
        for source in re.findall(
            r"url\([\"']?(https?:[^)\"']+)|@import [\"'](https?:[^\"']+)", file.read_text("utf-8")
        ):
            yield f"{file.relative_to(site)}: nothing may come from the network, got {''.join(source)}"


def disagreeing(root: Path) -> Iterator[str]:
    """Numbers in prose that are not those of the artefact which they come from."""
    for name, pattern, expected in claims(root):
        text = " ".join((root / name).read_text("utf-8").split())
        found = re.search(pattern, text)
        if not found:
            yield f"{name}: it must say {pattern!r}, got nothing like it; change the claim in docs/builder/check.py too"
            continue
        said = [int(number.replace(",", "")) for number in found.groups()]
        if said != expected:
            yield f"{name}: the numbers of {found[0]!r} must be {expected}, got {said}"


def claims(root: Path) -> Iterator[tuple[str, str, list[int]]]:
    """Where numbers are claimed: the file, how it says them, and what they are."""
    command = [sys.executable, "-m", "torchstone", "list", "components", "--json"]
    rows = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    lists = [len(rows), sum(row["clauses"] for row in rows), sum(row["reference lines"] for row in rows)]
    yield "README.md", rf"{NUMBER} components, {NUMBER} clauses on their pages, {NUMBER} lines of reference code", lists
    kinds = Counter(case.kind for case in audit.cases((), None))
    yield "README.md", rf"{NUMBER} mistakes are written down", [kinds["written"] + kinds["dialect"]]
    yield "README.md", rf"{NUMBER} more are made by rule", [kinds["made"]]
    audited = (root / "docs" / "detection.md").read_text("utf-8")
    lines = re.findall(rf"^\| (dialect|made|written) \| {NUMBER} \| {NUMBER} ", audited, re.M)
    origins = {kind: (int(played.replace(",", "")), int(wrong.replace(",", ""))) for kind, played, wrong in lines}
    played, wrong = (sum(each) for each in zip(*origins.values(), strict=True))
    yield "README.md", rf"last whole audit played {NUMBER} of them and missed {NUMBER}", [played, wrong]
    for run in catalogue.runs():
        if run.header["backend"]["name"] == "torch":
            counts = run.outcomes
            programs = sum(record.programs for record in run.records)
            compared = sum(record.comparisons for record in run.records)
            yield (
                "README.md",
                rf"quick profile on torch: {NUMBER} programs and {NUMBER} comparisons",
                [programs, compared],
            )
            pattern = rf"{NUMBER} records pass, {NUMBER} are declared deviations, {NUMBER} compared too little"
            yield "README.md", pattern, [counts["pass"], counts["known"], counts["vacuous"]]
