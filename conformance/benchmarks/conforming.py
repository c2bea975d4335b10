"""Which components of a backend may be shown with a speed: those that conform, declared deviations allowed."""

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from torchstone.conformance import results
from torchstone.conformance.backend import Backend, name_of, version_of

Suite = Callable[[str, Path, list[str]], list[str]]  # the command that tests a backend's components into a folder


DIFFERS = "does not conform"


class Unusable(Exception):
    """There are no results to go by; the message says why."""


def reasons(records: Sequence[results.Record], stems: Sequence[str]) -> dict[str, str]:
    """Why a component may not be shown, for each of these that may not."""
    found = {}
    for stem in stems:
        own = [record for record in records if record.component == stem]
        bad = sorted((record for record in own if record.outcome in results.BAD), key=lambda record: record.order)
        if bad:
            more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
            found[stem] = f"{DIFFERS}: {bad[0].clause} in {bad[0].dtype} is a {bad[0].outcome}{more}"
        elif not any(record.outcome in ("pass", "known") for record in own):
            said = next((record.reason for record in own if record.reason), "nothing was compared")
            found[stem] = f"not offered: {said}"
    return found


def from_file(file: Path, backend: Backend, stems: Sequence[str]) -> dict[str, str] | None:
    """The reasons that a results file gives; None where it is about another backend. Raises `Unusable`."""
    try:
        header, records, footer = results.read(file)
        about, settings = header["backend"], header["settings"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, results.CutOff) as error:
        raise Unusable(f"results: {file} must be what `torchstone run` wrote: {error}") from None
    if about["name"] != name_of(backend):
        return None
    version = version_of(backend)
    if about["version"] != version:
        raise Unusable(f"results: {file} must be of {about['name']} {version}, got {about['version']}; run it again")
    if settings["clauses"] or footer["problems"]:
        raise Unusable(f"results: {file} must be of a whole run, with all clauses and no problems; run it again")
    missing = [stem for stem in stems if settings["components"] and stem not in settings["components"]]
    if missing:
        raise Unusable(f"results: {file} must have every component that is timed, and has no {missing[0]}")
    return reasons(records, stems)


def from_suite(suite: Suite, spec: str, stems: list[str]) -> dict[str, str]:
    """The reasons that the suite gives, which is played now. Raises `Unusable` where it does not come to its end."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(suite(spec, Path(folder), stems), check=False, capture_output=True, text=True)
        file = Path(folder) / "results.jsonl"
        if not file.exists():
            raise Unusable(f"bench: the suite must come to its end on {spec}, and did not:\n{done.stdout}{done.stderr}")
        _, records, footer = results.read(file)
    if footer["problems"]:
        raise Unusable(f"bench: the suite itself failed on {spec}:\n{footer['problems'][0]}")
    return reasons(records, stems)
