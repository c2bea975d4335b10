"""One run of the suite inside pytest: which tests there are, how each is played, and what is recorded of it."""

import functools
import gc
import importlib
import os
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Any

import hypothesis
import pytest
import torch
from hypothesis import Phase, core
from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase
from hypothesis.errors import Unsatisfiable, UnsatisfiedAssumption
from hypothesis.internal.conjecture import engine, providers

from torchstone.conformance import backend as backends
from torchstone.conformance import diagnosis, failure, known, oracle, results, variants
from torchstone.conformance.clauses import GENERAL, KINDS, clause_of_test, component, components, pages, unmatched
from torchstone.conformance.player import Player, Replay
from torchstone.conformance.plugin import PROFILES

ABOUT = {stem: kind for kind, stem in GENERAL.items()} | {
    "training": "schedulers"
}  # of a general page: what it is about
PACKAGE = "torchstone.conformance"
EXAMPLES = "accuracy.7"  # the numbers of a page are not those of its dialects


def kept_examples() -> ExampleDatabase | None:
    """Where programs that failed are kept, to be played first the next time: only where hypothesis's own variable says
    so, since without it the same seed gives the same report."""
    folder = os.environ.get("HYPOTHESIS_STORAGE_DIRECTORY")
    return DirectoryBasedExampleDatabase(folder) if folder else None


class Session:
    """The plugin that is registered when a backend is named."""

    phases: tuple[hypothesis.Phase, ...] = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
    explains = True  # a failure gets a script and the course of its numbers, for which it is played again

    def __init__(self, config: pytest.Config) -> None:
        self.start = perf_counter()
        torch.set_num_threads(1)
        self.config = config
        self.quiet = config.getoption("--torchstone-quiet")
        if self.quiet:
            config.option.tbstyle = "native"  # hypothesis formats each failure, and pytest's styles read the source
        self.backend = backends.load(config.getoption("--backend"))
        device = config.getoption("--torchstone-device")
        if device:
            backends.move(self.backend, device)
        self.only = {component(name).stem for name in config.getoption("--torchstone-component")}
        self.clauses = set(config.getoption("--torchstone-clause"))
        mismatch = unmatched()
        if mismatch and not (self.only or self.clauses):
            raise pytest.UsageError(f"torchstone: {mismatch}")
        file = config.getoption("--torchstone-known")
        self.known = known.declared(self.backend, Path(file) if file else None)
        name = backends.name_of(self.backend)
        self.label = f"{name} {getattr(self.backend, 'version', '')}" + (f" on {device}" if device else "")
        self.copy = ExitStack()  # within it there is what the backend is compared with
        self.dialects, self.reference = self.declared()
        self.replays: dict[int, Replay] = {}
        self.hopeless: set[str] = set()
        self.records: list[results.Record] = []
        self.problems: list[str] = []
        self.progress: Any = None
        if config.option.hypothesis_seed is None:
            config.option.hypothesis_seed = "0"  # as it comes from a command: hypothesis takes the number for no seed
        hypothesis.settings.register_profile(
            "torchstone",
            max_examples=PROFILES[config.getoption("--torchstone-profile")],
            deadline=None,
            database=kept_examples(),
            derandomize=False,  # as hypothesis does where it takes itself to be in CI: the seed would be ignored
            report_multiple_bugs=False,
            suppress_health_check=list(hypothesis.HealthCheck),
            phases=self.phases,
        )
        hypothesis.settings.load_profile("torchstone")
        # hypothesis mixes in numbers that it reads in modules that are not installed. The same seed would give other
        # programs where the suite is installed for editing, and other programs for every backend that is a file.
        providers._get_local_constants = lambda: providers._local_constants
        # It also plays up to five variations of each program, with parts of it repeated. As many other programs find
        # more: of 75 of mse a third had options, dtype and shapes of their own, and without variations four fifths.
        engine.ConjectureRunner.generate_mutations_from = lambda *_: None  # type: ignore[method-assign]

    def declared(self) -> tuple[dict[str, variants.Variant], Any]:
        """The dialects that the backend says it is, by component, and the reference with all of them in it."""
        said = getattr(self.backend, "dialects", {})
        chosen = {component(stem).stem: variants.dialect_of(stem, name) for stem, name in said.items()}
        if not chosen:
            return {}, oracle
        name = self.copy.enter_context(variants.copied(*chosen.values()))
        return chosen, importlib.import_module(f"{name}.oracle")

    # Which tests there are.

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Leave out the files of components that were not asked for."""
        own = collection_path.parent.name in KINDS and collection_path.name.startswith("test_")
        return True if self.only and own and collection_path.stem.removeprefix("test_") not in self.only else None

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if not metafunc.module.__name__.startswith(PACKAGE):
            return
        if "component" in metafunc.fixturenames:
            stem = (clause_of_test(metafunc.function.__name__) or "").split(".")[0]
            stems = [page.stem for page in components(ABOUT[stem])]
            metafunc.parametrize("component", [stem for stem in stems if not self.only or stem in self.only])
        if "example" in metafunc.fixturenames:
            examples = [example for page in pages().values() for example in page.examples]
            metafunc.parametrize("example", examples, ids=[example.id for example in examples])

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        def wanted(item: Any) -> bool:
            about = not self.only or component_of(item) in self.only
            return not _ours(item) or (about and (not self.clauses or clause_of(item) in self.clauses))

        kept: list[pytest.Item] = []
        dropped: list[pytest.Item] = []
        for item in items:
            (kept if wanted(item) else dropped).append(item)
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept

    def pytest_collection_finish(self) -> None:
        gc.freeze()  # what was imported stays until the end: going through it again and again would cost seconds
        gc.set_threshold(100_000, 50, 100)  # a program makes thousands of objects, and hardly one that is in a cycle

    # How a test is played.

    @pytest.fixture
    def play(self, request: pytest.FixtureRequest) -> Player:
        """Plays programs on the backend under test and judges them."""
        return player_of(request.node)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        if not _ours(item):
            return (yield)
        player = player_of(item)
        if player.dialect:
            pytest.skip(f"declared as the dialect {player.dialect.name}")
        core.global_force_seed = self.seed_of(item)  # type: ignore[assignment]  # hypothesis takes what Random takes
        start = perf_counter()
        test = item.obj  # type: ignore[attr-defined]
        handle = getattr(test, "hypothesis", None)
        inner = handle.inner_test if handle else test
        judged = self._judged(inner, player)
        if handle:
            handle.inner_test = judged
        else:
            item.obj = judged  # type: ignore[attr-defined]
        try:
            return (yield)
        finally:
            if handle:
                handle.inner_test = inner
            else:
                item.obj = inner  # type: ignore[attr-defined]
            item.stash[SECONDS] = perf_counter() - start

    def seed_of(self, item: pytest.Item) -> str:
        """The seed of a test: with that of the run alone, tests that draw alike would all play the same programs."""
        return f"{self.config.option.hypothesis_seed} {item.name}"

    def _judged(self, inner: Any, player: Player) -> Any:
        """The body of a test, with its outcome on each program put into the ledger."""

        @functools.wraps(inner)
        def judged(*args: Any, **kwargs: Any) -> None:
            player.begin()
            try:
                inner(*args, **kwargs)
            except UnsatisfiedAssumption:
                player.ledger.dropped += 1
                raise
            except pytest.skip.Exception:
                player.ledger.examples -= 1  # the clause is not about this program
                raise
            except Exception as error:
                if player.program is None or player.failed(error):
                    raise
            else:
                if player.program is not None and player.verdict is None:  # an exact statement held
                    player.ledger.counts[player.program.dtype].update(comparisons=1, judged=1)

        return judged

    @pytest.fixture(autouse=True)
    def _torchstone_player(self, request: pytest.FixtureRequest) -> None:
        node = request.node
        if _ours(node):
            about = (clause_of(node), component_of(node))
            known = [each for each in self.known if (each.clause, each.component) == about]
            dialect = self.dialects.get(about[1])
            dialect = dialect if dialect and about[0] in (*dialect.breaks, EXAMPLES) else None
            node.stash[PLAYER] = Player(self.backend, known, self.replays, self.reference, dialect, self.hopeless)

    # What is recorded.

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        report = yield
        if call.when != "call" or PLAYER not in item.stash:
            return report
        player = item.stash[PLAYER]
        about = (clause_of(item), component_of(item))
        records = results.records(*about, player, item.stash.get(SECONDS, 0.0), self.explains)
        error = call.excinfo.value if call.excinfo else None
        bad = [record for record in records if record.outcome in results.BAD]
        skipped = isinstance(error, pytest.skip.Exception) and not (player.ledger.reasons or player.dialect)
        if skipped or (error and not bad and not isinstance(error, Unsatisfiable | pytest.skip.Exception)):
            return report  # the clause is not about this component; or a mistake in the suite, which pytest shows best
        report.torchstone = [record.to_json() for record in records]
        report.outcome = (
            "failed" if bad else "skipped" if all(r.outcome == "unsupported" for r in records) else "passed"
        )
        report.longrepr = None
        if bad:
            report.longrepr = "\n\n".join(failure.text(record, self.label) for record in bad)
        elif report.outcome == "skipped":
            report.longrepr = (str(item.path), 0, f"unsupported: {records[0].reason}")
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for record in getattr(report, "torchstone", ()):
            self.records.append(results.Record.from_json(record))
        if report.failed and not hasattr(report, "torchstone"):
            self.problems.append(f"{report.nodeid} ({report.when})\n{report.longreprtext}")
        if self.progress and report.when == "teardown":
            bad = sum(record.outcome in results.BAD for record in self.records)
            self.progress.advance(f"{bad} failing" if bad else "")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.problems.append(f"{report.nodeid} (collection)\n{report.longreprtext}")

    def pytest_internalerror(self, excrepr: Any) -> None:
        self.problems.append(f"pytest\n{excrepr}")

    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        if self.quiet and not hasattr(self.config, "workerinput"):
            self.progress = results.Progress(f"{backends.name_of(self.backend)}", len(session.items))
        return None

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        if self.progress:
            self.progress.total(len(ids))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(self.config, "workerinput"):
            return
        if self.progress:
            self.progress.close()
        if session.exitstatus == pytest.ExitCode.INTERRUPTED and not self.problems:
            return  # a part of a run is not a run
        diagnosis.blame(self.records)
        out = self.config.getoption("--torchstone-out")
        try:
            diagnosis.diagnose(self.backend, sorted(self.records, key=lambda record: record.order))
        except KeyboardInterrupt:  # a person who does not wait for the diagnosis has the results all the same
            session.exitstatus = pytest.ExitCode.INTERRUPTED
        finally:
            if out:
                seconds = perf_counter() - self.start
                results.write(Path(out) / "results.jsonl", self.header(), self.records, self.problems, seconds)

    def pytest_unconfigure(self) -> None:
        self.copy.close()

    def header(self) -> dict[str, Any]:
        """What the run was: versions and settings."""
        option = self.config.getoption
        return results.header(
            self.backend,
            profile=option("--torchstone-profile"),
            seed=self.config.option.hypothesis_seed,
            components=sorted(self.only),
            clauses=sorted(self.clauses),
            device=option("--torchstone-device") or "",
            dialects={stem: variant.name for stem, variant in self.dialects.items()},
        )


PLAYER = pytest.StashKey[Player]()
SECONDS = pytest.StashKey[float]()


def _ours(item: Any) -> bool:
    """Whether a test is one of the suite's, and not of the package that it is run with."""
    name: str = item.module.__name__
    return name.startswith(PACKAGE)


def player_of(item: Any) -> Player:
    player: Player = item.stash[PLAYER]
    return player


def clause_of(item: Any) -> str:
    """The clause that a test is about: it is in its name."""
    return clause_of_test(item.originalname or item.name) or item.name


def component_of(item: Any) -> str:
    """The component that a test is about: its parameter, that of its example, or the stem of its file."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    if "example" in parameters:
        return str(parameters["example"].stem)
    return str(parameters.get("component") or item.module.__name__.rpartition(".test_")[2])
