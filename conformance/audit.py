"""The audit: the suite played against variants, each until the first test that notices it.

A *case* is a backend for one component: a mutant, which must be noticed, or a control, which must not.
"""

import importlib
import json
import signal
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import Phase

from torchstone.conformance import results, variants
from torchstone.conformance.backends import torch_like
from torchstone.conformance.backends.torch_like import TorchLike
from torchstone.conformance.clauses import component, components
from torchstone.conformance.session import PLAYER, Session, clause_of, component_of
from torchstone.conformance.variants import operators

PATIENCE = 60  # seconds for one test of one case: what takes longer hangs


@dataclass(frozen=True)
class Case:
    """A backend that the suite must accuse, or must not."""

    id: str
    component: str  # a stem
    kind: str  # written, dialect, made, corpus or control
    breaks: tuple[str, ...]
    change: str
    backend: AbstractContextManager[Any]  # within which there is the backend


@dataclass(frozen=True)
class Finding:
    """What became of one case."""

    id: str
    component: str
    kind: str
    breaks: tuple[str, ...]
    change: str
    outcome: str  # killed or survived
    by: str = ""  # the first clause whose test noticed
    rule: str = ""
    tests: int = 0
    programs: int = 0
    seconds: float = 0.0


def cases(stems: Iterable[str], corpus: str | None) -> Iterator[Case]:
    """The variants that are written, and those made by rule; or, with a corpus, what it brings."""
    wanted = set(stems)
    if corpus:
        module = importlib.import_module(corpus)
        for kind, found in (("corpus", module.MUTANTS), ("control", module.CONTROLS)):
            for each in found:
                stem = component(each.component).stem
                if not wanted or stem in wanted:
                    path = each.backend if isinstance(each.backend, str) else ""
                    like = torch_like.make(path) if path else TorchLike(each.backend, str(each.id), str(each.id))
                    yield Case(str(each.id), stem, kind, (), "", nullcontext(like))
        return
    for page in components():
        if not wanted or page.stem in wanted:
            made = operators.mutants(page, f"{page.kind}/{page.stem}.py")
            for origin, found in (("written", variants.written(page)), ("made", made)):
                for variant in found:
                    kind = "dialect" if variant.shipped_by else origin
                    yield Case(variant.id, page.stem, kind, variant.breaks, variant.change, variants.backend(variant))


class Hang(Exception):
    """A test took longer than anything honest does."""


class Audit(Session):
    """A run of the suite in which every case takes its turn as the backend."""

    phases = (Phase.explicit, Phase.generate)  # the first failing program will do

    def __init__(self, config: pytest.Config) -> None:
        super().__init__(config)
        self.known = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        option = self.config.getoption
        shard, shards = map(int, option("--torchstone-audit").split("/"))
        signal.signal(signal.SIGALRM, _hang)
        tests: dict[str, list[Any]] = {}
        for item in session.items:
            tests.setdefault(component_of(item), []).append(item)
        chosen = list(cases(self.only, option("--torchstone-corpus")))[shard::shards]
        with (Path(option("--torchstone-out")) / f"audit-{shard}.jsonl").open("w") as file:
            for case in chosen:
                file.write(json.dumps(asdict(self.hunt(case, tests.get(case.component, [])))) + "\n")
                file.flush()
        session.testsfailed = 0  # that tests fail is what an audit is for
        return True

    def hunt(self, case: Case, items: list[Any]) -> Finding:
        """Play tests on a case until one fails: first those of the clauses it breaks, then its own, then the rest."""
        said = (case.id, case.component, case.kind, case.breaks, case.change)
        start, tests, programs = perf_counter(), 0, 0
        with case.backend as self.backend:
            for item in sorted(items, key=lambda item: self.rank(case, item)):
                self.records, self.problems = [], []
                signal.alarm(PATIENCE)
                try:
                    runtestprotocol(item, nextitem=None, log=True)
                finally:
                    signal.alarm(0)
                tests += 1
                programs += sum(counts["programs"] for counts in item.stash[PLAYER].ledger.counts.values())
                rules = [record.rule or record.place for record in self.records if record.outcome in results.BAD]
                rules += self.problems  # what came out was so odd that the test itself fell over it
                if rules:
                    took = perf_counter() - start
                    return Finding(*said, "killed", clause_of(item), rules[0], tests, programs, took)
        return Finding(*said, "survived", "", "", tests, programs, perf_counter() - start)

    @staticmethod
    def rank(case: Case, item: Any) -> tuple[bool, bool]:
        return clause_of(item) not in case.breaks, clause_of(item).partition(".")[0] != case.component

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """There are no results of a run to write."""


def _hang(*_: Any) -> None:
    raise Hang(f"it took longer than {PATIENCE} s")
