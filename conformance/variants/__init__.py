"""Variants: the reference with a few words changed, so that it breaks a clause.

A *dialect* is what somebody ships; a *mutant* is a mistake that nobody should make. A file
`variants/<kind>/<stem>.py` lists those of a component as `VARIANTS`, each told by what is changed in the source of
the reference; `operators.py` makes more of them out of the source by rules. What plays a variant is a copy of the
reference under a name of its own, in which one file reads differently.
"""

import difflib
import importlib
import importlib.util
import itertools
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

from torchstone.conformance.backends.torch_like import TorchLike
from torchstone.conformance.clauses import Page, UnknownName, component

REFERENCE = "torchstone.reference"
TORCH_API = "torch_api.py"


@dataclass(frozen=True)
class Variant:
    """A file of the reference as it would read with other words in it."""

    name: str
    component: str  # whose tests should notice
    breaks: tuple[str, ...]  # clause ids
    file: str  # in the reference: optimizers/adam.py
    source: str
    shipped_by: str = ""  # where it is a dialect: by whom, and since when

    @property
    def id(self) -> str:
        return f"{self.component}/{self.name}"

    @property
    def change(self) -> str:
        """The lines that differ: what was there, and what is."""
        lines = difflib.unified_diff(original(self.file).splitlines(), self.source.splitlines(), lineterm="", n=0)
        changed = [line for line in itertools.islice(lines, 2, None) if line[0] in "+-"]  # after the names of files
        return "\n".join(f"{line[0]} {line[1:].strip()}" for line in changed)


@dataclass(frozen=True)
class Change:
    """An entry of `VARIANTS`: words of the reference's source, each there exactly once, and others for them."""

    name: str
    breaks: str
    words: tuple[tuple[str, str], ...]
    file: str = ""
    component: str = ""
    shipped_by: str = ""

    def of(self, page: Page) -> Variant:
        file = self.file or page.file
        source = original(file)
        for old, new in self.words:
            if source.count(old) != 1:
                raise ValueError(f"variant {page.stem}/{self.name}: its words must be there once, got {old!r}")
            source = source.replace(old, new)
        stem = self.component or page.stem
        return Variant(self.name, stem, tuple(self.breaks.split()), file, source, self.shipped_by)


def mutant(name: str, breaks: str, *words: tuple[str, str], file: str = "", component: str = "") -> Change:
    """A mistake that nobody should make: its name, the ids of the clauses it breaks, and the words that differ.

    They are in the reference's file of the page, or in another `file` of the reference; those who should notice are
    the tests of the page's component, or of another `component`, which a general page has to name.
    """
    return Change(name, breaks, words, file, component)


def dialect(
    name: str, breaks: str, *words: tuple[str, str], shipped_by: str, file: str = "", component: str = ""
) -> Change:
    """What somebody ships and calls by the same name: by whom, and since when."""
    return Change(name, breaks, words, file, component, shipped_by)


@cache
def original(file: str) -> str:
    """The source of a file of the reference."""
    return (files(REFERENCE) / file).read_text("utf-8")


def written(page: Page) -> list[Variant]:
    """The variants that the file of a page lists."""
    return [change.of(page) for change in _listed(page, "VARIANTS", ())]


def equivalents(page: Page) -> Mapping[str, str]:
    """The mutants made by rule that compute the same as the reference, by name, and why they do."""
    found: Mapping[str, str] = _listed(page, "EQUIVALENT", {})
    return found


def _listed(page: Page, name: str, nothing: Any) -> Any:
    """What the file of variants of a page has under a name, if there is such a file."""
    if not (files(__name__) / page.file).is_file():
        return nothing
    module = importlib.import_module(".".join(filter(None, (__name__, page.kind, page.stem))))
    return getattr(module, name, nothing)


def dialect_of(stem: str, name: str) -> Variant:
    """The dialect of a component that a backend declares. Raises `UnknownName`."""
    page = component(stem)
    known = {variant.name: variant for variant in written(page) if variant.shipped_by}
    if name not in known:
        said = ", ".join(known) or "none"
        raise UnknownName(f"dialects: {page.stem} has these: {said}; got {name!r}")
    return known[name]


class _Copy(MetaPathFinder, Loader):
    """Imports the reference under another name, with some files changed, and what plays it beside it as `oracle`.

    Only `precision` is shared: it is by what stands there that the judge talks to the reference.
    """

    def __init__(self, name: str, chosen: Iterable[Variant]) -> None:
        self.name = name
        self.root = Path(str(files(REFERENCE)))
        self.changed = {self.root / variant.file: variant.source for variant in chosen}

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname.partition(".")[0] != self.name:
            return None
        file = self.file(fullname)
        spec = ModuleSpec(fullname, self, origin=str(file), is_package=file.name == "__init__.py")
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(str(file.parent))  # where one can see what components there are
        return spec

    def exec_module(self, module: ModuleType) -> None:
        file = self.file(module.__name__)
        text = self.changed.get(file) or file.read_text("utf-8")
        text = text.replace(REFERENCE, self.name)
        if self.root / "precision.py" not in self.changed:
            text = text.replace(f"{self.name}.precision", f"{REFERENCE}.precision")
        exec(_compiled(text, str(file)), module.__dict__)

    def file(self, fullname: str) -> Path:
        if fullname == f"{self.name}.oracle":
            return Path(str(files("torchstone.conformance"))) / "oracle.py"
        place = self.root.joinpath(*fullname.split(".")[1:])
        return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


@lru_cache(512)
def _compiled(text: str, file: str) -> Any:
    return compile(text, file, "exec")


@contextmanager
def copied(*chosen: Variant) -> Iterator[str]:
    """The name under which the reference can be imported with these files changed, and `oracle` beside it."""
    taken = {finder.name for finder in sys.meta_path if isinstance(finder, _Copy)}
    name = next(f"torchstone_variant_{n}" for n in itertools.count() if f"torchstone_variant_{n}" not in taken)
    finder = _Copy(name, chosen)
    sys.meta_path.insert(0, finder)
    try:
        yield name
    finally:
        sys.meta_path.remove(finder)
        for module in [module for module in sys.modules if module.partition(".")[0] == name]:
            del sys.modules[module]


@contextmanager
def backend(variant: Variant) -> Iterator[Any]:
    """A backend that plays programs on the variant: in their own dtypes, as the backend `reference` does, or through
    the reference's torch classes where it is those that differ."""
    with copied(variant) as name:
        if variant.file == TORCH_API:
            yield TorchLike(importlib.import_module(f"{name}.torch_api"), variant.id, "variant")
        else:
            yield _Played(variant.id, importlib.import_module(f"{name}.oracle"))


class _Played:
    version = "variant"

    def __init__(self, name: str, oracle: Any) -> None:
        self.name = name
        self.oracle = oracle

    def play(self, program: Any) -> Any:
        return self.oracle.play(program, dtype=None)
