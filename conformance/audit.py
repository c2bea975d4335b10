"""The audit: the suite played against variants, each until the first test that notices it.

A *case* is a backend for one component: a mutant, which must be noticed, or a control, which must not.
"""

import functools
import importlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
import torch
from _pytest.runner import runtestprotocol
from hypothesis import Phase

from torchstone.conformance import backend as backends
from torchstone.conformance import known, oracle, results, variants
from torchstone.conformance.backends.torch_like import TorchLike
from torchstone.conformance.clauses import clauses, component, pages
from torchstone.conformance.detection import RIGHT, WRITTEN
from torchstone.conformance.patience import patience
from torchstone.conformance.player import Player
from torchstone.conformance.program import Program
from torchstone.conformance.session import PLAYER, Session, clause_of, component_of
from torchstone.conformance.trace import Trace
from torchstone.conformance.variants import Variant, operators

CONTROL_PROGRAMS = 2000  # that must accuse no control
ROUNDS = 4  # of a test, each with other programs, until it notices what it should and another test noticed at once
SHARED = {  # the files of the reference that belong to no component, and components that use all there is in them
    "loss": ("loss.py", ("mse", "cross_entropy", "hinge_embedding", "gaussian_nll")),
    "optimizer": ("optimizer.py", ("sgd", "adam", "asgd", "lbfgs")),
    "scheduler": (
        "scheduler.py",
        ("exponential", "cyclic", "reduce_on_plateau", "chained", "swa_lr", "cosine_annealing_warm_restarts"),
    ),
    "average": ("average.py", ("swa",)),
    "accuracy": ("precision.py", ("adafactor", "cosine_annealing")),
}
KEPT = 100_000  # traces of the reference, a few kilobytes each


@dataclass(frozen=True)
class Case:
    """A backend that the suite must accuse, or must not."""

    id: str
    component: str  # a stem, or that of a general page
    kind: str  # written, dialect, made or corpus; control, or declared: a dialect that says that it is one
    axis: str  # in what it differs
    breaks: tuple[str, ...]
    change: str
    backend: AbstractContextManager[Any]  # within which there is the backend


@dataclass(frozen=True)
class Finding:
    """What became of one case."""

    id: str
    component: str
    kind: str
    axis: str
    breaks: tuple[str, ...]
    change: str
    outcome: str  # killed or survived
    by: tuple[str, ...] = ()  # the clauses whose tests noticed: the first, and those named; of what is right, all
    late: tuple[str, ...] = ()  # of those, the clauses whose tests needed more than one round
    missed: tuple[str, ...] = ()  # the clauses that a written variant names and whose tests did not
    rule: str = ""
    tests: int = 0
    programs: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Sight:
    """How much a test compares, by dtype, where nothing is wrong."""

    clause: str
    component: str
    comparisons: dict[str, int]
    examples: int
    dropped: int  # of the examples: those that `assume` or a filter turned down
    rule: str  # what it found broken, where nothing is


def cases(stems: Iterable[str], corpus: str | None) -> Iterator[Case]:
    """The variants that are written, and those made by rule; or, with a corpus, what it brings."""
    wanted = set(stems)
    if corpus:
        module = importlib.import_module(corpus)
        for kind, found in (("corpus", module.MUTANTS), ("control", module.CONTROLS)):
            for each in found:
                stem = component(each.component).stem
                if not wanted or stem in wanted:
                    axis = getattr(each, "axis", "") or "not told"
                    yield Case(str(each.id), stem, kind, axis, (), "", nullcontext(_brought(each)))
        return
    for page in pages().values():
        equivalent = variants.equivalents(page)
        file = page.file if page.kind else SHARED[page.stem][0] if page.stem in SHARED else ""
        made = operators.mutants(page, file) if file else []
        for origin, among in (("written", variants.written(page)), ("made", made)):
            for variant in among:
                asked = not wanted or wanted.issuperset(witnesses(variant.component))
                if asked and variant.name not in equivalent:
                    kind = "dialect" if variant.shipped_by else origin
                    axis = clauses()[variant.breaks[0]].section if variant.breaks else "Parameters"
                    said = (variant.id, variant.component, kind, axis, variant.breaks, variant.change)
                    yield Case(*said, variants.backend(variant))
                    if variant.shipped_by and page.kind:
                        yield Case(f"{variant.id} (declared)", page.stem, "declared", axis, (), "", _declared(variant))


@contextmanager
def _declared(variant: Variant) -> Iterator[Any]:
    """A backend that computes a dialect, and says so."""
    with variants.backend(variant) as backend:
        backend.dialects = {variant.component: variant.name}
        yield backend


def _brought(each: Any) -> Any:
    """The backend of an object of a corpus: one that goes by a name, or a namespace with torch's names."""
    if isinstance(each.backend, str):
        spec = each.backend
        return backends.load(spec if spec.partition(":")[0] in backends.names() else f"torch-like:{spec}")
    return TorchLike(each.backend, str(each.id), str(each.id))


def witnesses(component: str) -> tuple[str, ...]:
    """The components whose tests should notice a change: its own, or those that use a shared file."""
    return SHARED[component][1] if component in SHARED else (component,)


class Remembering:
    """The reference, which keeps what it has played: every variant of a component is asked the same programs."""

    def __init__(self) -> None:
        self.traces: dict[tuple[Any, ...], Trace] = {}
        self._last: tuple[Program | None, str] = None, ""

    def play(self, program: Program, *dtype: torch.dtype | None) -> Trace:
        return self._kept(oracle.play, program, *dtype)

    def play_rounded(self, program: Program, run: int) -> Trace:
        return self._kept(oracle.play_rounded, program, run)

    def _kept(self, function: Callable[..., Trace], program: Program, *more: Any) -> Trace:
        if program is not self._last[0]:
            self._last = program, repr(program)
        key = function, self._last[1], *more
        if key not in self.traces:
            if len(self.traces) >= KEPT:
                self.traces.clear()
            self.traces[key] = function(program, *more)
        return self.traces[key]


class Audit(Session):
    """A run of the suite in which every case takes its turn as the backend."""

    phases = (Phase.explicit, Phase.generate)  # the first failing program will do
    explains = False

    def __init__(self, config: pytest.Config) -> None:
        super().__init__(config)
        self.plain = self.backend  # the reference, which takes its turn too
        self.remembering = Remembering()
        self.kills: Counter[tuple[str, str]] = Counter()  # of each test: component and clause

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        option = self.config.getoption
        part, parts = map(int, option("--torchstone-audit").split("/"))
        importlib.import_module("torch._dynamo")  # torch does so in a first step, and to break off there leaves half
        tests: dict[str, list[Any]] = {}
        for item in session.items:
            tests.setdefault(component_of(item), []).append(item)
        chosen = list(cases(self.only, option("--torchstone-corpus")))[:: option("--torchstone-sample")]
        own, seen = chosen[part::parts], [] if option("--torchstone-corpus") else session.items[part::parts]
        with (Path(option("--torchstone-out")) / f"audit-{part}.jsonl").open("w") as file:

            def tell(what: str, told: Any) -> None:
                file.write(json.dumps({what: told}) + "\n")
                file.flush()

            tell("total", len(seen) + len(own))
            # What is shared comes last, when it is known which tests notice most.
            for stem in dict.fromkeys([*tests, *SHARED, *(case.component for case in own)]):
                self.remembering = Remembering()
                for item in seen:
                    if component_of(item) == stem:
                        tell("sight", asdict(self.sight(item)))
                for case in own:
                    if case.component == stem:
                        items = [item for witness in witnesses(stem) for item in tests.get(witness, [])]
                        tell("finding", asdict(self.hunt(case, items)))
        session.testsfailed = 0  # that tests fail is what an audit is for
        return True

    def sight(self, item: Any) -> Sight:
        """Play one test on the reference itself, and count what it compared."""
        self.backend, self.dialects, self.reference, self.known = self.plain, {}, self.remembering, []
        rules, _ = self.put(item)
        ledger = item.stash[PLAYER].ledger
        compared = {dtype: counts["comparisons"] for dtype, counts in sorted(ledger.counts.items())}
        rule = rules[0] if rules else ""
        return Sight(clause_of(item), component_of(item), compared, ledger.examples, ledger.dropped, rule)

    def hunt(self, case: Case, items: list[Any]) -> Finding:
        """Play tests on a case until one fails: first those of the clauses it breaks, then its own, then the rest.

        What is written says which clauses it breaks, so a test of each of them has to fail, if need be with other
        seeds. What is right has to pass all of them, and a control is played again until it was asked enough.
        """
        owed = list(case.breaks) if case.kind in WRITTEN else []
        by: list[str] = []
        late: list[str] = []
        rule, tests, programs, again = "", 0, 0, 0
        start, spent = perf_counter(), (0, 0, 0.0)
        with case.backend as self.backend, ExitStack() as self.copy:
            self.dialects, self.reference = self.declared()
            if not self.dialects:
                self.reference = self.remembering
            self.known = known.declared(self.backend) if case.kind == "control" else []
            while (
                not again
                or (by and owed and again < ROUNDS)
                or (not by and case.kind == "control" and 0 < programs < CONTROL_PROGRAMS)
            ):
                for item in sorted(items, key=lambda item: self.rank(case, item)):
                    clause = clause_of(item)
                    if by and clause not in owed and case.kind not in RIGHT:
                        continue
                    rules, played = self.put(item, again)
                    tests, programs = tests + 1, programs + played
                    if rules:
                        rule, spent = rule or rules[0], spent if by else (tests, programs, perf_counter() - start)
                        by.append(clause)
                        late.extend([clause] * (case.kind in WRITTEN and again > 0))
                        self.kills[component_of(item), clause] += 1
                        owed = [each for each in owed if each != clause]
                again += 1
        told = (case.id, case.component, case.kind, case.axis, case.breaks, case.change)
        if not by:
            return Finding(*told, "survived", (), (), tuple(owed), "", tests, programs, perf_counter() - start)
        return Finding(*told, "killed", tuple(by), tuple(late), tuple(owed), rule, *spent)

    def put(self, item: Any, again: int = 0) -> tuple[list[str], int]:
        """Play one test on the backend: what it found broken, and how many programs that took."""
        self.records, self.problems, self.again = [], [], again
        runtestprotocol(item, nextitem=None, log=True)
        rules = [record.rule or record.place for record in self.records if record.outcome in results.BAD]
        played = sum(counts["programs"] for counts in item.stash[PLAYER].ledger.counts.values())
        return rules + self.problems, played  # a problem: what came out was so odd that the test itself fell over it

    def seed_of(self, item: Any) -> str:
        """The seed of a test: in the first round that of a run, and then another one in each."""
        return super().seed_of(item) + f" {self.again}" * bool(self.again)

    def _judged(self, inner: Any, player: Player) -> Any:
        """The body of a test, which has to come to its end with each program, and fails once: hypothesis would play
        the failing program again to show it."""
        failed: list[BaseException] = []

        judged = super()._judged(patience()(inner), player)

        @functools.wraps(inner)
        def once(*args: Any, **kwargs: Any) -> None:
            if failed:
                raise failed[0]
            try:
                judged(*args, **kwargs)
            except Exception as error:
                failed.extend([error] * bool(player.ledger.failures))
                raise

        return once

    def rank(self, case: Case, item: Any) -> tuple[bool, int, bool]:
        """Tests that should notice come first, and among the others those that noticed most so far."""
        clause = clause_of(item)
        noticed = self.kills[component_of(item), clause]
        return clause not in case.breaks, -noticed, clause.partition(".")[0] != case.component

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """There are no results of a run to write."""
