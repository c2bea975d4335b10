"""Reads the spec's pages: clauses, components, parameter tables and examples. It needs no torch."""

import ast
import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

KINDS = ("losses", "optimizers", "schedulers", "gradients", "averages")
# The general page of a kind, for those that have one.
GENERAL = {"losses": "loss", "optimizers": "optimizer", "schedulers": "scheduler", "averages": "average"}
CLAUSE = re.compile(r"^\*\*(?P<id>[a-z0-9_]+\.\d+)\*\* ", re.MULTILINE)
TEST = re.compile(r"^test_(?P<stem>[a-z0-9_]+?)_(?P<number>\d+)_")
DEFINITION = re.compile(r"def (test_\w+)\(")
TORCH = re.compile(r"^torch: `(?P<path>torch\.[\w.]+)`", re.MULTILINE)
EXAMPLE = re.compile(r"^```example (?P<stem>\w+)\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL)
ROW = re.compile(
    r"^\| `(?P<name>\w+)` \| `?(?P<default>[^|`]+)`? \| (?P<domain>[^|]+) \| (?P<meaning>.+) \|$", re.MULTILINE
)


class UnknownName(Exception):
    """There is no such component or clause; the message has the nearest name."""


@dataclass(frozen=True)
class Clause:
    """One requirement: its permanent id, its normative text, the notes under it, and where it stands."""

    id: str
    text: str
    notes: str
    page: str
    section: str  # the heading that it stands under

    @property
    def stem(self) -> str:
        return self.id.split(".")[0]

    @property
    def testable(self) -> bool:
        return "(not testable" not in self.text


@dataclass(frozen=True)
class Parameter:
    """A row of a parameter table. `default` is the Python literal as it is written, or `required`."""

    name: str
    default: str
    domain: str
    meaning: str


@dataclass(frozen=True)
class Example:
    """An `example` block: arguments by name, as Python values, and each number's text as it is printed."""

    stem: str
    number: int
    arguments: dict[str, Any]
    printed: dict[str, list[str]]

    @property
    def id(self) -> str:
        return f"{self.stem}-{self.number}"


@dataclass(frozen=True)
class Page:
    """One Markdown page of the spec."""

    stem: str
    kind: str  # one of KINDS, or "" for a general page
    path: str
    text: str

    @property
    def file(self) -> str:
        """The file of a component in the reference, and of a page among the variants."""
        return f"{self.kind}/{self.stem}.py".lstrip("/")

    @property
    def title(self) -> str:
        return self.text.split("\n", 1)[0].removeprefix("# ").strip()

    @cached_property
    def torch_path(self) -> str:
        found = TORCH.search(self.text)
        return found["path"] if found else ""

    @property
    def torch_name(self) -> str:
        return self.torch_path.rpartition(".")[2]

    @cached_property
    def clauses(self) -> list[Clause]:
        starts = list(CLAUSE.finditer(self.text))
        return [self._clause(start["id"], self.text[: start.start()], self.text[start.end() :]) for start in starts]

    def _clause(self, id: str, before: str, rest: str) -> Clause:
        section = before.rpartition("\n## ")[2].partition("\n")[0]
        paragraph = re.split(r"\n\s*\n|\n(?=#)", rest, maxsplit=1)[0]
        text, *notes = re.split(r"\n(?=Why\.|Note\.)", paragraph, maxsplit=1)
        return Clause(id, text.strip(), "".join(notes).strip(), self.path, section)

    @property
    def parameters(self) -> list[Parameter]:
        return [Parameter(**{k: v.strip() for k, v in row.groupdict().items()}) for row in ROW.finditer(self.text)]

    @property
    def examples(self) -> list[Example]:
        blocks = enumerate(EXAMPLE.finditer(self.text), 1)
        return [_example(block["stem"], number, block["body"]) for number, block in blocks]


def _example(stem: str, number: int, body: str) -> Example:
    source = "example(" + re.sub(r"(?<=[^\[,(\s])[ \t]*\n(?=\s*\w+\s*=)", ",\n", body.strip()) + ")"
    call = ast.parse(source, mode="eval").body
    assert isinstance(call, ast.Call)
    values = {keyword.arg or "": _literal(keyword.value) for keyword in call.keywords}
    printed = {keyword.arg or "": _numbers(source, keyword.value) for keyword in call.keywords}
    return Example(stem, number, values, printed)


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.List | ast.Tuple):
        items = [_literal(item) for item in node.elts]
        return items if isinstance(node, ast.List) else tuple(items)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_literal(node.operand)
    if isinstance(node, ast.Name):
        return float(node.id)  # nan and inf
    return ast.literal_eval(node)


def _numbers(source: str, node: ast.expr) -> list[str]:
    if isinstance(node, ast.List | ast.Tuple):
        return [number for item in node.elts for number in _numbers(source, item)]
    return [ast.get_source_segment(source, node) or ""]


@cache
def pages() -> dict[str, Page]:
    """Every page of the spec by stem: the general ones, then the components, in alphabetical order."""
    root = files("torchstone.spec")
    found = {}
    for kind in ("", *KINDS):
        folder = root / kind if kind else root
        for file in sorted(folder.iterdir(), key=lambda file: file.name):
            if file.name.endswith(".md") and file.name != "README.md":
                stem = file.name.removesuffix(".md")
                found[stem] = Page(stem, kind, f"{kind}/{file.name}".lstrip("/"), file.read_text("utf-8"))
    return found


def components(kind: str | None = None) -> list[Page]:
    """The pages that specify a component."""
    return [page for page in pages().values() if page.kind and kind in (None, page.kind)]


@cache
def component(name: str) -> Page:
    """The component with this stem (`cross_entropy`) or torch name (`CrossEntropyLoss`)."""
    for page in components():
        if name in (page.stem, page.torch_name, page.torch_path):
            return page
    known = [n for page in components() for n in (page.stem, page.torch_name)]
    raise UnknownName(f"component: there is no component {name!r}; {_nearest(name, known)}")


def cycles_momentum(schedules: Iterable[Any]) -> bool:
    """Whether one of these schedules sets the momentum too: then a trace shows it."""
    return any(each.options.get("cycle_momentum", _may_cycle(each.component)) for each in schedules)


@cache
def _may_cycle(stem: str) -> bool:
    return any(parameter.name == "cycle_momentum" for parameter in component(stem).parameters)


@cache
def clauses() -> dict[str, Clause]:
    """Every clause by id, in the order of the pages."""
    return {clause.id: clause for page in pages().values() for clause in page.clauses}


def clause(id: str) -> Clause:
    """The clause with this id."""
    if id not in clauses():
        raise UnknownName(f"clause: there is no clause {id!r}; {_nearest(id, list(clauses()))}")
    return clauses()[id]


def clause_of_test(name: str) -> str | None:
    """The clause id in the name of a test: `test_adam_3_first_moment` is about `adam.3`."""
    found = TEST.match(name)
    return f"{found['stem']}.{found['number']}" if found else None


@cache
def tests() -> dict[str, list[str]]:
    """The places of the tests of every clause id, read from the names in the suite's files: `test_adam.py:12
    test_...`."""
    found: dict[str, list[str]] = {}
    root = Path(str(files("torchstone.conformance")))
    for path in sorted(root.rglob("test_*.py")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            name = DEFINITION.match(line)
            if name:
                id = clause_of_test(name[1]) or name[1]
                found.setdefault(id, []).append(f"conformance/{path.relative_to(root)}:{number} {name[1]}")
    return found


def unmatched() -> str:
    """What is wrong between clauses and tests: a clause without a test, or a test without a clause. Empty if
    nothing."""
    untested = [clause.id for clause in clauses().values() if clause.testable and clause.id not in tests()]
    if untested:
        return f"a clause must have a test, got none for {', '.join(untested)}"
    unknown = [place for id, places in tests().items() if id not in clauses() for place in places]
    return f"a test must be named for a clause of the spec, got {', '.join(unknown)}" if unknown else ""


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=2, cutoff=0.4)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else "`torchstone list` shows what there is"
