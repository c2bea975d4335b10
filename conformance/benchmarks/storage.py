"""The JSON of a benchmark: pytest-benchmark's own, with what it has no place for under `extra_info`."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from pytest_benchmark.plugin import pytest_benchmark_generate_json, pytest_benchmark_generate_machine_info
from pytest_benchmark.stats import Metadata
from pytest_benchmark.utils import get_commit_info

from torchstone import __version__
from torchstone.conformance.backend import name_of, version_of
from torchstone.conformance.benchmarks.comparison import Comparison
from torchstone.conformance.benchmarks.run import Result, Timing


class Unreadable(Exception):
    """A file is not a whole benchmark of this command; the message says what is wrong."""


def to_json(result: Result) -> dict[str, Any]:
    """Everything as plain data. `pytest-benchmark compare` reads it; `torchstone` beside it is what is not a time."""
    found: dict[str, Any] = pytest_benchmark_generate_json(
        None, [_metadata(timing) for timing in result.timings], True, _machine(), get_commit_info()
    )
    found["torchstone"] = {
        "version": __version__,
        "torch": torch.__version__,
        "baseline": result.baseline,
        "control": result.control,
        "backends": [
            {
                "name": name,
                "spec": each.spec,
                "version": f"{name_of(each.backend)} {version_of(each.backend)}",
                "timed by": each.how,
            }
            for name, each in zip(result.names, result.contestants, strict=True)
        ],
        "settings": result.settings,
        "load": {"least": min(result.load, default=0.0), "most": max(result.load, default=0.0)},
        "bandwidth": {"bytes": result.roof.bytes, "seconds": result.roof.seconds},
        "untimed": [{**asdict(each.case), "backend": each.backend, "reason": each.reason} for each in result.untimed],
    }
    return found


def _machine() -> dict[str, Any]:
    """pytest-benchmark's account of the machine, without its name in the network."""
    found: dict[str, Any] = pytest_benchmark_generate_machine_info()
    return {**found, "node": ""}


def _metadata(timing: Timing) -> Metadata:
    """A timing as pytest-benchmark's own record, which makes the statistics and the JSON."""
    name = f"{timing.case.name} [{timing.backend}]"
    extra = {"bytes": timing.moved, "limit": timing.limit, "share": timing.share}
    if timing.comparison:
        extra["comparison"] = {**asdict(timing.comparison), "verdict": timing.comparison.verdict}  # type: ignore[assignment]
    fixture = SimpleNamespace(
        name=name,
        fullname=f"torchstone bench::{name}",
        group=timing.case.name,
        param=timing.backend,
        params={"backend": timing.backend, **asdict(timing.case)},
        extra_info=extra,
        cprofile_stats=None,
        has_error=False,
    )
    record = Metadata(fixture, timing.iterations, {"disable_gc": True, "timer": "perf_counter", "warmup": True})
    record.stats.data = list(timing.seconds)  # of one call, as it divides them itself
    return record


@dataclass(frozen=True)
class Stored:
    """What a file says: the comparison of each case and backend, and why others have none."""

    about: dict[str, Any]
    comparisons: dict[tuple[str, str], Comparison]
    untimed: dict[tuple[str, str], str]


def read(file: Path) -> Stored:
    """A benchmark that was written. Raises `Unreadable`."""
    from torchstone.conformance.benchmarks.cases import Case

    try:
        text = json.loads(file.read_text("utf-8"))
        about = text["torchstone"]
        found = {}
        for each in text["benchmarks"]:
            told = each["extra_info"].get("comparison")
            if told and each["param"] != about["control"]:
                numbers = (float(told[name]) for name in ("ratio", "low", "high", "least"))
                found[each["group"], each["param"]] = Comparison(*numbers)
        untimed = {}
        for each in about["untimed"]:
            backend, reason = each.pop("backend"), each.pop("reason")
            untimed[Case(**each).name, backend] = reason
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        said = f"{type(error).__name__}: {error}"
        raise Unreadable(f"bench: {file} must be what `torchstone bench` wrote: {said}") from None
    return Stored(about, found, untimed)
