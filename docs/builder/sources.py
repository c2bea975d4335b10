"""Writes what Sphinx reads: the spec's pages with what belongs to them, the guides with their outputs, the indexes.

Every page has two forms: the source for Sphinx, with directives, and plain Markdown that is published beside the HTML.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from posixpath import dirname, join, normpath, relpath
from typing import Any

import jinja2

from builder import ROOT, catalogue, examples, references
from torchstone.conformance import backend, variants
from torchstone.conformance.clauses import CLAUSE, EXAMPLE, KINDS, Clause, Page, clauses, components, pages
from torchstone.conformance.results import EDITION

# Files of the repository that are pages of the site under another name.
PLACES = {
    "README.md": "index.md",
    "spec/README.md": "reading.md",
    "spec/references.bib": "references.md",
    "reference": "catalogue.md",
    "conformance": "backends.md",
    **{f"spec/{kind}": f"{kind}/index.md" for kind in KINDS},
}
TITLES = dict(
    losses="Losses", optimizers="Optimizers", schedulers="Schedulers", gradients="Gradients", averages="Averages"
)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)(?P<target>[^)\s#]+)(?P<anchor>#[^)]*)?\)")


@dataclass(frozen=True)
class Source:
    """A page of the site: its path without the suffix, what Sphinx reads, and the Markdown to publish."""

    name: str
    text: str
    plain: str

    @property
    def title(self) -> str:
        return re.search(r"^# (.+)$", self.plain, re.MULTILINE)[1]  # type: ignore[index]


class Broken(Exception):
    """A page cannot be written; the message says which, why, and what to do."""


def all_sources() -> list[Source]:
    """Every page of the site."""
    found = [_spec_page(page) for page in pages().values()]
    found += [_copied(path, "docs") for path in sorted((ROOT / "docs").glob("*.md"))]
    found += [_copied(ROOT / name, "") for name in ("CHANGELOG.md", "CONTRIBUTING.md")]
    found += [_copied(ROOT / "spec" / "README.md", "spec")]
    found += [_index(kind) for kind in KINDS]
    found += [_template(path) for path in sorted((ROOT / "docs" / "pages").rglob("*.md"))]
    return found


def place(path: str) -> str:
    """Where a file of the repository stands on the site."""
    if path in PLACES:
        return PLACES[path]
    for folder in ("spec/", "docs/pages/", "docs/"):
        if path.startswith(folder) and path.endswith(".md"):
            return path.removeprefix(folder)
    return path.lower() if path in ("CHANGELOG.md", "CONTRIBUTING.md") else f"files/{path}"


def relocated(text: str, origin: str, name: str) -> str:
    """The text of a file of the repository with its links as they must be on the page `name`."""

    def moved(link: re.Match[str]) -> str:
        target = normpath(join(dirname(origin), link["target"]))
        if not (ROOT / target).exists():
            raise Broken(f"{origin}: a link must lead to a file, got {link['target']}; mend the link")
        return f"]({relpath(place(target), dirname(name) or '.')}{link['anchor'] or ''})"

    return LINK.sub(moved, text)


def linked_files(texts: list[str]) -> set[str]:
    """The files of the repository that pages link to and that are no pages."""
    targets = {normpath(link["target"]) for text in texts for link in LINK.finditer(text)}
    return {target.partition("files/")[2] for target in targets if "files/" in target}


def _copied(path: Path, folder: str) -> Source:
    origin = path.relative_to(ROOT).as_posix()
    name = place(origin).removesuffix(".md")
    text = relocated(path.read_text("utf-8"), origin, name)
    return Source(name, text, text)


def _spec_page(page: Page) -> Source:
    name = page.path.removesuffix(".md")
    text = relocated(page.text, f"spec/{page.path}", name)
    return Source(name, _with_directives(page, text), _plain(page, text))


def _with_directives(page: Page, text: str) -> str:
    """The page as Sphinx reads it: clauses, examples, code and plot are directives."""
    for clause, (start, end) in reversed(list(zip(page.clauses, _spans(text), strict=True))):
        said = CLAUSE.sub("", text[start:end])
        said = re.sub(r"\n(?=Why\.|Note\.)", "\n\n", said)
        text = f"{text[:start]}:::{{clause}} {clause.id}\n{said}\n:::{text[end:]}"
    found = iter(page.examples)
    text = EXAMPLE.sub(lambda block: _example(block["body"], next(found)), text)
    code = f"## In code\n\n```{{reference}} {page.file}\n```\n\n" if catalogue.has_code(page.file) else ""
    plot = f"## In a picture\n\n```{{plot}} {page.stem}\n```\n\n" if page.kind else ""
    return _after_definition(text, code + plot) + _results(page)


def _spans(text: str) -> list[tuple[int, int]]:
    """Where the paragraphs of clauses start and end."""
    starts = [found.start() for found in CLAUSE.finditer(text)]
    ends = [re.compile(r"\s*\n\s*\n|\s*\n(?=#)|\s*\Z").search(text, start).start() for start in starts]  # type: ignore[union-attr]
    return list(zip(starts, ends, strict=True))


def _example(body: str, example: Any) -> str:
    return f"```{{example}} {example.id}\n{body}---\n{examples.script(example)}```\n"


def _after_definition(text: str, more: str) -> str:
    start = text.find("\n## ", text.find("## Definition")) + 1
    return text[:start] + more + text[start:]


def _results(page: Page) -> str:
    """The frameworks' results on a component, and what those that come with the suite declare."""
    rows = [
        f"| {literal(run.label)} | "
        + ", ".join(f"{number} {outcome}" for outcome, number in catalogue.counts(run, page.stem).items())
        + " |"
        for run in catalogue.runs()
        if catalogue.counts(run, page.stem)
    ]
    if not rows:
        return ""
    head = "| framework | outcomes, counted by clause and dtype |\n|---|---|\n"
    return (
        "\n## Results\n\n"
        + head
        + "\n".join(rows)
        + "\n\nWhat each outcome means: [Read a failure]("
        + relpath("guides/failure.md", dirname(page.path) or ".")
        + ").\n"
    )


def literal(text: str) -> str:
    """Text of a backend, such as its name, as Markdown that shows it and does nothing else."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))


def _plain(page: Page, text: str) -> str:
    """The page as Markdown for reading: under each clause its code, its tests and its variants."""
    for clause, (_, end) in reversed(list(zip(page.clauses, _spans(text), strict=True))):
        lines = [
            f"- Code: `{line.text}` (reference/{line.file}:{line.number})"
            for line in catalogue.code().get(clause.id, ())
        ]
        tests = ", ".join(f"`{test.name}`" for test in catalogue.held().get(clause.id, ()))
        broken = ", ".join(f"`{variant.id}`" for variant in catalogue.broken_by().get(clause.id, ()))
        lines += [f"- Tests: {tests}"] if tests else []
        lines += [f"- Broken by: {broken}"] if broken else []
        text = text[:end] + "\n\n" + "\n".join([*lines, f"- Cite: {catalogue.citation(clause)}"]) + text[end:]
    code = (
        f"## In code\n\n`reference/{page.file}`:\n\n```python\n{catalogue.source(page.file)}```\n\n"
        if catalogue.has_code(page.file)
        else ""
    )
    return _after_definition(text, code) + _results(page)


def _index(kind: str) -> Source:
    """The list of the components of a kind."""
    rows = "\n".join(
        f"- [{page.title}]({page.stem}.md) (`{page.torch_name}`): {_purpose(page, f'{kind}/index')}"
        for page in components(kind)
    )
    toctree = (
        "```{toctree}\n:hidden:\n\n" + "\n".join(f"{page.title} <{page.stem}>" for page in components(kind)) + "\n```\n"
    )
    text = f"# {TITLES[kind]}\n\n{rows}\n\n"
    return Source(f"{kind}/index", text + toctree, text)


def _purpose(page: Page, name: str) -> str:
    """What a page says first: its purpose in one sentence, for the page `name`."""
    return relocated(page.text.split("\n\n")[1].replace("\n", " "), f"spec/{page.path}", name)


def moved(clause: Clause, name: str) -> str:
    """The text of a clause as it must be on the page `name`."""
    return relocated(clause.text, f"spec/{clause.page}", name)


def quote(id: str, *, name: str) -> str:
    """A clause with its notes as a quotation."""
    clause = clauses()[id]
    notes = relocated(clause.notes, f"spec/{clause.page}", name).split("\n")
    return "\n>\n".join(
        f"> {line}" for line in [f"{id}: {moved(clause, name)}".replace("\n", "\n> "), *filter(None, notes)]
    )


def _template(path: Path) -> Source:
    """A guide: its text is a template that may ask for numbers, sections of other files and outputs of commands."""
    origin = path.relative_to(ROOT).as_posix()
    name = place(origin).removesuffix(".md")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)
    environment.globals |= facts() | {
        "section": partial(section, name=name),
        "quote": partial(quote, name=name),
        "moved": partial(moved, name=name),
        "purpose": partial(_purpose, name=name),
        "run": run,
        "file": file,
    }
    try:
        text = environment.from_string(relocated(path.read_text("utf-8"), origin, name)).render()
    except jinja2.TemplateError as error:
        raise Broken(f"{origin}: {error}; mend the template") from None
    plain = re.sub(r"^```\{[^\n]*\n.*?^```\n", "", text, flags=re.MULTILINE | re.DOTALL)
    return Source(name, text, plain)


def facts() -> dict[str, Any]:
    """What templates may ask for: numbers and lists that come from the spec and the suite."""
    return {
        "edition": EDITION,
        "kinds": [(kind, TITLES[kind], components(kind)) for kind in KINDS],
        "general": [page for page in pages().values() if not page.kind],
        "components": components(),
        "clauses": clauses(),
        "variants": sum(len(variants.written(page)) for page in pages().values()),
        "backends": [(name, catalogue.causes(name)) for name in backend.names()],
        "doc_of_backend": _doc_of_backend,
        "runs": catalogue.runs(),
        "references": references.markdown,
        "literal": literal,
        "cell": lambda text: " ".join(text.split()).replace("|", "\\|"),
        "has": lambda path: (ROOT / path).exists(),
    }


def _doc_of_backend(name: str) -> str:
    """The first paragraph of a backend's module."""
    module = files("torchstone.conformance.backends") / f"{name.replace('-', '_')}.py"
    text = module.read_text("utf-8") if module.is_file() else '"""A backend of an installed package."""'
    return re.match(r'"""(.+?)(?:\n\n|""")', text, re.DOTALL)[1].replace("\n", " ")  # type: ignore[index]


def section(origin: str, heading: str, *, name: str) -> str:
    """What stands under a heading of a file of the repository."""
    text = (ROOT / origin).read_text("utf-8")
    found = re.search(rf"^## {re.escape(heading)}\n(.+?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if not found:
        raise Broken(f"{origin}: there must be a section {heading!r}; mend the guide {name}")
    return relocated(found[1].strip(), origin, name)


def file(path: str, language: str = "python") -> str:
    """A file of the repository as a block."""
    return f"```{language}\n{(ROOT / path).read_text('utf-8').rstrip()}\n```"


def run(command: str, code: int = 0, first: int = 40) -> str:
    """A command and what it prints, when the site is built. Raises `Broken` where its exit code is another one."""
    words = shlex.split(command)
    called = [sys.executable, "-m", *words] if words[0] == "torchstone" else [sys.executable, *words[1:]]
    environment = {**os.environ, "COLUMNS": "100"}
    with tempfile.TemporaryDirectory() as folder:
        for script in (ROOT / "docs" / "pages" / "guides").glob("*.py"):
            shutil.copy(script, folder)
        done = subprocess.run(called, capture_output=True, text=True, cwd=folder, env=environment, check=False)
    if done.returncode != code:
        raise Broken(
            f"a command of a guide must exit with {code}, got {done.returncode}: {command}\n{done.stdout}{done.stderr}"
        )
    lines = done.stdout.rstrip().split("\n")
    shown = lines if len(lines) <= first else [*lines[:first], "..."]
    return "\n".join(["```console", f"$ {command}", *(line.rstrip() for line in shown), "```"])
