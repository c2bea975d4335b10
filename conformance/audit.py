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
from torchstone.conformance.clauses import component, pages
from torchstone.conformance.session import PLAYER, Session, clause_of, component_of
from torchstone.conformance.variants import operators

WRITTEN = ("written", "dialect")
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
    by: tuple[str, ...] = ()  # the clauses whose tests noticed: the first, and those that a written variant names
    missed: tuple[str, ...] = ()  # the clauses that a written variant names and whose tests did not
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
    for page in pages().values():
        made = operators.mutants(page, f"{page.kind}/{page.stem}.py") if page.kind else []
        for origin, found in (("written", variants.written(page)), ("made", made)):
            for variant in found:
                if not wanted or variant.component in wanted:
                    kind = "dialect" if variant.shipped_by else origin
                    said = (variant.id, variant.component, kind, variant.breaks, variant.change)
                    yield Case(*said, variants.backend(variant))


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
        """Play tests on a case until one fails: first those of the clauses it breaks, then its own, then the rest.

        What is written says which clauses it breaks, so a test of each of them has to fail.
        """
        owed = list(case.breaks) if case.kind in WRITTEN else []
        by: list[str] = []
        rule, tests, programs = "", 0, 0
        start, spent = perf_counter(), (0, 0, 0.0)
        with case.backend as self.backend:
            for item in sorted(items, key=lambda item: self.rank(case, item)):
                clause = clause_of(item)
                if by and clause not in owed:
                    continue
                rules, played = self.put(item)
                tests, programs = tests + 1, programs + played
                if rules:
                    rule, spent = rule or rules[0], spent if by else (tests, programs, perf_counter() - start)
                    by.append(clause)
                    owed = [each for each in owed if each != clause]
        told = (case.id, case.component, case.kind, case.breaks, case.change)
        if not by:
            return Finding(*told, "survived", (), tuple(owed), "", tests, programs, perf_counter() - start)
        return Finding(*told, "killed", tuple(by), tuple(owed), rule, *spent)

    def put(self, item: Any) -> tuple[list[str], int]:
        """Play one test on the backend: what it found broken, and how many programs that took."""
        self.records, self.problems = [], []
        signal.alarm(PATIENCE)
        try:
            runtestprotocol(item, nextitem=None, log=True)
        finally:
            signal.alarm(0)
        rules = [record.rule or record.place for record in self.records if record.outcome in results.BAD]
        played = sum(counts["programs"] for counts in item.stash[PLAYER].ledger.counts.values())
        return rules + self.problems, played  # a problem: what came out was so odd that the test itself fell over it

    @staticmethod
    def rank(case: Case, item: Any) -> tuple[bool, bool]:
        return clause_of(item) not in case.breaks, clause_of(item).partition(".")[0] != case.component

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """There are no results of a run to write."""


def _hang(*_: Any) -> None:
    raise Hang(f"it took longer than {PATIENCE} s")
