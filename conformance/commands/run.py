"""`torchstone run`, and what is made of its results: `report` and `diff`."""

import json
import os
import subprocess
from pathlib import Path
from typing import Annotated, Any

import typer

from torchstone.conformance import clauses as spec
from torchstone.conformance.commands import (
    BACKEND,
    MISTAKE,
    NO_BACKEND,
    NONCONFORMING,
    OUT,
    QUICK,
    Profile,
    console,
    mistake,
    suite,
)

GRACE = 10  # seconds for a run that is interrupted to write what it has
SHOWN = 5  # failures printed in full; the others are in the results file
SITE = typer.Option(
    "--site", envvar="TORCHSTONE_SITE", help="Where the pages of the spec are on the web: clauses link to them."
)


def run(
    backend: Annotated[str, BACKEND] = "torch",
    component: Annotated[
        list[str] | None, typer.Option(help="Only this component: a stem or a torch name (repeatable).")
    ] = None,
    clause: Annotated[list[str] | None, typer.Option(help="Only this clause, such as adam.3 (repeatable).")] = None,
    profile: Annotated[Profile, typer.Option(help="How many programs each test plays.")] = QUICK,
    seed: Annotated[int, typer.Option(help="The same seed gives the same programs.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = min(os.cpu_count() or 1, 8),
    known: Annotated[Path | None, typer.Option(help="Declared deviations, in place of the backend's own file.")] = None,
    device: Annotated[str, typer.Option(help="Where the backend is to compute, such as cuda:0.")] = "",
    out: Annotated[Path, typer.Option(help="The folder for results.jsonl and the report.")] = OUT,
    site: Annotated[str, SITE] = "",
) -> None:
    """Test a backend against the spec.

    Exit codes: 0 it conforms, declared deviations allowed; 1 it does not; 2 the call is mistaken; 3 the backend could
    not be started.
    """
    from torchstone.conformance import results
    from torchstone.conformance.report import write

    try:
        stems = [spec.component(name).stem for name in component or ()]
        ids = [spec.clause(id).id for id in clause or ()]
    except spec.UnknownName as unknown:
        raise mistake(unknown) from None
    if known and not known.is_file():
        raise mistake(f"known: there must be a file of declared deviations, got {known}")
    file = out / "results.jsonl"
    for name in (file.name, *write.NAMES):  # those of another run would be taken for those of this one
        (out / name).unlink(missing_ok=True)
    command = [
        *suite(backend, out, stems, profile=profile, seed=seed, jobs=jobs),
        *(f"--torchstone-clause={id}" for id in ids),
        *([f"--torchstone-known={known}"] if known else []),
        *([f"--torchstone-device={device}"] if device else []),
    ]
    with subprocess.Popen(command) as playing:
        try:
            status = playing.wait()
        except KeyboardInterrupt:
            _end(playing)
            if file.exists():
                there = f"{file} has the results, and `torchstone report {file}` makes their report"
                raise mistake(f"interrupted in the diagnosis of what failed: {there}", 130) from None
            raise mistake("interrupted: no results were written", 130) from None
    if status in (MISTAKE, NO_BACKEND) and not file.exists():
        raise typer.Exit(status)
    if not file.exists():
        raise mistake("the suite did not come to an end; what pytest says about it stands above", NONCONFORMING)
    header, records, footer = results.read(file)
    if not records and not footer["problems"]:
        raise mistake("nothing was tested: no clause of these components is among the clauses asked for")
    code = show(header, records, footer, file)
    write.write(header, records, footer, out, site)
    console.print(f"report: {out / 'report.html'}", highlight=False)
    raise typer.Exit(code)


def _end(playing: "subprocess.Popen[bytes]") -> None:
    """Let a process that was interrupted too write what it has, and end it if it does not by itself."""
    try:
        playing.wait(GRACE)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        playing.kill()


def report(
    file: Annotated[Path, typer.Argument(metavar="RESULTS.jsonl", help="What `torchstone run` wrote.")],
    out: Annotated[Path, typer.Option(help="The folder for report.html, report.md, junit.xml and badge.json.")] = OUT,
    site: Annotated[str, SITE] = "",
) -> None:
    """Make the report of a run anew from its results: a page, Markdown, JUnit and a badge.

    Exit codes: 0 the report was written; 2 there are no whole results of this edition in the file.
    """
    from torchstone.conformance.report import write

    found = _results(file)
    try:
        made = write.write(*found, out, site)
    except OSError as wrong:
        raise mistake(f"out: there must be a folder to write into, got {out}: {wrong}") from None
    for path in made:
        console.print(str(path), highlight=False, markup=False, soft_wrap=True)


def diff(
    found: Annotated[
        list[Path], typer.Argument(metavar="OLD.jsonl NEW.jsonl", help="Results in order; more than two are a history.")
    ],
) -> None:
    """Say what got better and what got worse, by clause, component and dtype, from each of some runs to the next.

    Exit codes: 0 nothing got worse in the last step; 1 something did; 2 the call is mistaken.
    """
    from torchstone.conformance.report import diff as differences

    if len(found) < 2:
        raise mistake(f"diff: there must be at least two results files, got {found[0]}")
    raise typer.Exit(differences.show([differences.Run(str(file), *_results(file)) for file in found], console))


def _results(file: Path) -> tuple[dict[str, Any], list[Any], dict[str, Any]]:
    """The results in a file, or an exit with a message that says what is wrong with it."""
    from torchstone.conformance import results

    try:
        return results.read(file)
    except OSError as wrong:
        raise mistake(f"results: there must be a file of results, got {file}: {wrong.strerror}") from None
    except results.CutOff as wrong:
        raise mistake(wrong) from None


def show(header: dict[str, Any], records: list[Any], footer: dict[str, Any], file: Path) -> int:
    """Print what a run found; the exit code."""
    from torchstone.conformance import failure, results

    bad, problems = [record for record in records if record.outcome in results.BAD], footer["problems"]
    device = header["settings"]["device"]
    label = f"{header['backend']['name']} {header['backend']['version']}" + (f" on {device}" if device else "")
    smallest: dict[tuple[str, str], Any] = {}  # of each clause and component, the dtype with the smallest program
    for record in sorted(bad, key=lambda record: len(json.dumps(record.program))):
        smallest.setdefault((record.clause, record.component), record)
    shown = sorted(smallest.values(), key=lambda record: record.order)
    for record in shown[:SHOWN]:
        console.rule(f"[bold red]{record.outcome}", style="red")
        console.print(failure.text(record, label), markup=False, highlight=False, soft_wrap=True)
    for problem in problems:
        console.rule("[bold red]the suite itself failed", style="red")
        console.print(problem, markup=False, highlight=False, soft_wrap=True)
    if len(shown) > SHOWN:
        rest = ", ".join(f"{record.component} {record.clause}" for record in shown[SHOWN:])
        console.print(f"and {len(shown) - SHOWN} more: {rest}", highlight=False)
    console.print(results.table(records))
    console.print(results.speed(records, footer["seconds"]), highlight=False)
    counts = results.count(records)
    said = ", ".join(f"{number} {outcome}" for outcome, number in counts.items())
    failed = bool(bad or problems)
    verdict = "[bold red]does not conform[/]" if failed else "[bold green]conforms[/]"
    console.print(f"{label} {verdict}: {said}", highlight=False)
    console.print(f"results: {file}", highlight=False)
    return NONCONFORMING if failed else 0
