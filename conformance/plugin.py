"""The pytest plugin. It loads in every pytest run of an environment, so it imports nothing until a backend is named."""

from typing import TYPE_CHECKING

from pluggy import HookimplMarker

if TYPE_CHECKING:
    import pytest

PROFILES = {"smoke": 4, "quick": 12, "standard": 75, "thorough": 1000}  # programs a test


def pytest_addoption(parser: "pytest.Parser") -> None:
    group = parser.getgroup("torchstone", "torchstone: conformance of training code")
    group.addoption("--backend", help="the backend under test: NAME, NAME:REST or package.module:object")
    group.addoption("--torchstone-profile", choices=PROFILES, default="quick", help="how many programs a test plays")
    group.addoption("--torchstone-component", action="append", default=[], help="only this component (repeatable)")
    group.addoption("--torchstone-clause", action="append", default=[], help="only this clause (repeatable)")
    group.addoption("--torchstone-device", help="where the backend is to compute, if it can choose")
    group.addoption("--torchstone-known", help="a file of declared deviations, in place of the backend's own")
    group.addoption("--torchstone-out", help="a folder for results.jsonl")
    group.addoption("--torchstone-audit", metavar="I/N", help="play the I-th of N parts of the variants as backends")
    group.addoption("--torchstone-sample", type=int, default=1, help="of an audit's cases, only every so manieth")
    group.addoption("--torchstone-corpus", help="a package with MUTANTS and CONTROLS to play in their place")
    group.addoption(
        "--torchstone-quiet", action="store_true", help="a progress bar and a table in place of pytest's report"
    )


@HookimplMarker("pytest")(tryfirst=True)  # before hypothesis's plugin, which reads the seed
def pytest_configure(config: "pytest.Config") -> None:
    config.addinivalue_line("markers", "torchstone: a property of the conformance suite")
    if config.getoption("--backend"):
        config.pluginmanager.register(_session(config), "torchstone-session")
    else:
        config.pluginmanager.register(NoBackend(), "torchstone-no-backend")


def _session(config: "pytest.Config") -> object:
    """The suite's own plugin. Leaves with 2 where the call is mistaken, with 3 where the backend cannot be started."""
    import traceback

    import pytest

    from torchstone.conformance.backend import UnknownBackend
    from torchstone.conformance.clauses import UnknownName
    from torchstone.conformance.known import BadDeviation
    from torchstone.conformance.session import Session

    if config.getoption("--torchstone-audit"):
        from torchstone.conformance.audit import Audit as Session
    try:
        return Session(config)
    except pytest.UsageError:
        raise  # the suite itself is not in order
    except (UnknownBackend, UnknownName, BadDeviation) as mistake:
        pytest.exit(str(mistake), returncode=2)
    except Exception:
        pytest.exit(
            f"backend: {config.getoption('--backend')} could not be started:\n{traceback.format_exc()}", returncode=3
        )


class NoBackend:
    """Says what to do when the suite's tests are run without a backend."""

    def pytest_generate_tests(self, metafunc: "pytest.Metafunc") -> None:
        if metafunc.module.__name__.startswith("torchstone.conformance.") and "play" in metafunc.fixturenames:
            import pytest

            raise pytest.UsageError("torchstone: the suite tests a backend, got none; add --backend torch, for example")
