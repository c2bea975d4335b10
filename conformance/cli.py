"""The command `torchstone`. It imports torch only where a command needs it, so that `list` and `explain` are quick."""

import ast
import enum
import importlib.util
import json
import os
import signal
import subprocess
import sys
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import rich.markup
import rich.progress
import typer
from rich.console import Console
from rich.table import Table

from torchstone import __version__
from torchstone.conformance import clauses as spec
from torchstone.conformance.plugin import PROFILES

NONCONFORMING, MISTAKE, NO_BACKEND = 1, 2, 3
SHOWN = 5  # failures printed in full; the others are in the results file

app = typer.Typer(
    help="A touchstone for training code: losses, optimizers and learning-rate schedulers, clause by clause.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console(emoji=False)  # `:one:` may be in the name of a backend
errors = Console(stderr=True, emoji=False)

Profile = enum.StrEnum("Profile", {name: name for name in PROFILES})  # type: ignore[misc]
QUICK = Profile("quick")
Grid = enum.StrEnum("Grid", {name: name for name in ("quick", "standard", "thorough")})  # type: ignore[misc]
STANDARD = Grid("standard")
What = enum.StrEnum("What", {name: name for name in ("components", "clauses", "backends")})  # type: ignore[misc]
OUT = Path("torchstone-results")
BACKEND = typer.Option(
    "--backend", "-b", help="NAME, NAME:REST, torch-like:package.module[:attribute] or package.module:object."
)
SITE = typer.Option(
    "--site", envvar="TORCHSTONE_SITE", help="Where the pages of the spec are on the web: clauses link to them."
)
JSON = typer.Option("--json", help="Print JSON.")


def mistake(message: object, code: int = MISTAKE) -> typer.Exit:
    """Say what is wrong with a call, and leave with its exit code."""
    errors.print(str(message), style="red", markup=False, highlight=False, soft_wrap=True)
    return typer.Exit(code)


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if show:
        console.print(f"torchstone {__version__}", highlight=False)
        raise typer.Exit
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # who is told to end ends what it has started, too


@app.command()
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
        *_suite(backend, profile, seed, out, stems),
        *(f"--torchstone-clause={id}" for id in ids),
        *([f"--torchstone-known={known}"] if known else []),
        *([f"--torchstone-device={device}"] if device else []),
        *(["-n", str(jobs), "--dist", "worksteal"] if jobs > 1 else []),
    ]
    try:
        status = subprocess.run(command, check=False).returncode
    except KeyboardInterrupt:
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


@app.command()
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


@app.command()
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


def _suite(backend: str, profile: str, seed: int, out: Path, stems: list[str]) -> list[str]:
    """The command that plays the suite in pytest, without what only slows it."""
    return [
        *(sys.executable, "-m", "pytest", "--pyargs", "torchstone.conformance"),
        *("-c", str(files("torchstone.conformance") / "pytest.ini"), "-p", "no:cacheprovider", "-p", "no:terminal"),
        *("-p", "no:logging", "-p", "no:unraisableexception", "-p", "no:benchmark"),
        "--assert=plain",  # a failure is told from the ledger: rewriting every assertion would cost seconds
        *(f"--backend={backend}", f"--torchstone-profile={profile}", f"--hypothesis-seed={seed}"),
        *(f"--torchstone-out={out}", "--torchstone-quiet"),
        *(f"--torchstone-component={stem}" for stem in stems),
    ]


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


@app.command()
def audit(
    component: Annotated[
        list[str] | None, typer.Option(help="Only variants of this component: a stem or a torch name (repeatable).")
    ] = None,
    corpus: Annotated[
        str | None, typer.Option(help="A package with MUTANTS and CONTROLS, in place of the suite's own variants.")
    ] = None,
    profile: Annotated[Profile, typer.Option(help="How many programs each test plays.")] = QUICK,
    seed: Annotated[int, typer.Option(help="The same seed gives the same programs.")] = 0,
    sample: Annotated[int, typer.Option(min=1, help="Only every so manieth variant.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = min(os.cpu_count() or 1, 8),
    out: Annotated[Path, typer.Option(help="The folder for audit.json and audit.md.")] = OUT,
) -> None:
    """Test the suite: play it against components with known mistakes until a test notices.

    Exit codes: 0 every mistake was noticed and nothing correct accused; 1 not so; 2 the call is mistaken.
    """
    from torchstone.conformance import detection

    try:
        stems = [spec.component(name).stem for name in component or ()]
    except spec.UnknownName as unknown:
        raise mistake(unknown) from None
    if corpus and not _importable(corpus):
        raise mistake(f"corpus: there must be a package of this name, got {corpus!r}")
    out.mkdir(parents=True, exist_ok=True)
    command = [
        *_suite("reference", profile, seed, out, stems),
        *("-p", "no:xdist"),
        *([f"--torchstone-corpus={corpus}"] if corpus else []),
        f"--torchstone-sample={sample}",
    ]
    try:
        found = detection.gather([[*command, f"--torchstone-audit={part}/{jobs}"] for part in range(jobs)], out)
    except KeyboardInterrupt:
        raise mistake("interrupted: nothing was written", 130) from None
    except subprocess.CalledProcessError:
        raise mistake("a part of the audit did not come to its end; what it says stands above", NONCONFORMING) from None
    asked = [f"--component {stem}" for stem in stems] + [f"--corpus {corpus}"] * bool(corpus)
    asked += [f"--profile {profile}"] * (profile != QUICK) + [f"--seed {seed}"] * (seed != 0)
    asked += [f"--sample {sample}"] * (sample > 1)
    raise typer.Exit(detection.show(*found, out, " ".join(["torchstone audit", *asked])))


def _importable(name: str) -> bool:
    """Whether there is a module of this name, beside the working directory too."""
    sys.path.insert(0, "")
    try:
        return importlib.util.find_spec(name) is not None
    except (ModuleNotFoundError, ValueError):
        return False
    finally:
        sys.path.remove("")


@app.command("list")
def list_(
    what: Annotated[What, typer.Argument(help="components, clauses or backends")],
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """List what there is to test, to cite and to test with."""
    rows: list[dict[str, Any]]
    if what == "components":
        rows = [
            {
                "component": page.stem,
                "torch": page.torch_name,
                "kind": page.kind,
                "clauses": len(page.clauses),
                "reference lines": _code_lines(page),
            }
            for page in spec.components()
        ]
    elif what == "clauses":
        rows = [{"clause": c.id, "page": c.page, "text": " ".join(c.text.split())} for c in spec.clauses().values()]
    else:
        from torchstone.conformance.backend import names

        rows = [{"backend": name} for name in names()]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    table = Table(header_style="bold", show_footer=True)
    for place, name in enumerate(rows[0]):
        numbers = [row[name] for row in rows if isinstance(row[name], int)]
        total = str(sum(numbers)) if numbers else "" if place else f"{len(rows)} in all"
        table.add_column(name, total, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    console.print(table, highlight=False)


@app.command()
def explain(id: Annotated[str, typer.Argument(metavar="CLAUSE", help="such as adam.3")]) -> None:
    """Show a clause, the reference line that says it in code, and the tests that hold a backend to it."""
    try:
        clause = spec.clause(id)
    except spec.UnknownName as unknown:
        raise mistake(unknown) from None
    console.print(f"{clause.id} {clause.text}\n{clause.notes}".strip(), markup=False, highlight=False, soft_wrap=True)
    console.print(f"spec/{clause.page}", style="dim", highlight=False)
    for path, line in _lines("torchstone.reference"):
        if id in line.rpartition("  # ")[2].replace(",", " ").split():
            console.print(f"reference: {path}\n    {line.strip()}", highlight=False, markup=False)
    for place in spec.tests().get(id, ()):
        console.print(f"test: {place}", highlight=False, markup=False)


def _code_lines(page: spec.Page) -> int:
    """The lines of a component's reference that are code: no blank line, comment or docstring."""
    tree = ast.parse((files("torchstone.reference") / page.kind / f"{page.stem}.py").read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            node.body = node.body[1:]
    return len(ast.unparse(tree).split("\n")) - ast.unparse(tree).split("\n").count("")


def _lines(package: str) -> list[tuple[str, str]]:
    root = Path(str(files(package)))
    return [
        (f"{root.name}/{path.relative_to(root)}:{number}", line)
        for path in sorted(root.rglob("*.py"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
    ]


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(metavar="PROGRAM.json", help="A program as JSON; - for standard input.")],
    backend: Annotated[str, BACKEND] = "torch",
) -> None:
    """Play one program on a backend and say whether the reference agrees. Exit code 1 where it does not."""
    from torchstone.conformance import failure, player, program, results

    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
        read = program.from_json(json.loads(text))
        if not isinstance(read, program.Program):
            raise ValueError(f"it must be an object with a kind of program, got {type(read).__name__}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise mistake(f"replay: {file} must hold a program as JSON: {error}") from None
    verdict = player.Player(started(backend)).verdict_on(read)
    console.print(failure.compact(program.to_json(read)), markup=False, highlight=False, soft_wrap=True)
    console.print(f"{verdict.outcome}: {failure.sentence(verdict)}", highlight=False, markup=False, soft_wrap=True)
    if verdict.outcome in results.BAD:
        raise typer.Exit(NONCONFORMING)


@app.command()
def train(
    run_of: Annotated[
        str, typer.Argument(metavar="DATASET", help="mnist, fashion_mnist, or digits: a stand-in, no download.")
    ],
    backend: Annotated[str, BACKEND] = "torch",
    epochs: Annotated[int | None, typer.Option(min=1, help="By default the recipe's own number.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many runs, with the seeds 0, 1, 2 ...")] = 1,
    optimizer: Annotated[
        list[str] | None, typer.Option(help="In place of the recipe's: a stem or a torch name (repeatable).")
    ] = None,
    lr: Annotated[float | None, typer.Option(help="Its learning rate.")] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Another option of the optimizer (repeatable).")
    ] = None,
    scheduler: Annotated[
        list[str] | None, typer.Option(help="One that steps at the end of every epoch (repeatable).")
    ] = None,
    scheduler_option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="An option of the scheduler (repeatable).")
    ] = None,
    biases: Annotated[bool, typer.Option(help="Whether the layers have biases; Muon takes matrices only.")] = True,
    jobs: Annotated[int, typer.Option(min=1, help="Processes, which share the threads.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    out: Annotated[Path, typer.Option(help="The folder for training.json, training.md, learning-curves.png.")] = OUT,
    data: Annotated[Path | None, typer.Option(help="The folder that holds mnist/*.gz; else TORCHSTONE_DATA.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Train on this in place of DATASET.")] = None,
    or_digits: Annotated[bool, typer.Option("--or-digits", help="Take the digits where MNIST cannot be had.")] = False,
) -> None:
    """Train a network three ways from the same start: torch's built-ins, the reference, and the backend.

    With several optimizers or schedulers, every one with every other, each in a folder of its own.

    Exit codes: 0 the backend's run is accepted; 1 it is not; 2 the call or the data are mistaken; 3 the backend could
    not be started or cannot take part.
    """
    from torchstone.conformance import backend as backends
    from torchstone.conformance.backend import Unsupported
    from torchstone.conformance.training import data as files_
    from torchstone.conformance.training import matrix, units
    from torchstone.conformance.training import run as training

    chosen = started(backend)
    try:
        recipe = training.recipe_of(dataset or run_of, epochs)
        recipes = matrix.recipes(
            recipe,
            optimizer or [],
            {**({} if lr is None else {"lr": lr}), **matrix.options(option or [])},
            scheduler or [],
            matrix.options(scheduler_option or []),
            biases,
        )
        results = []
        with rich.progress.Progress(console=errors, disable=not errors.is_terminal, transient=True) as progress:
            for name, each in recipes.items():
                result = training.train(
                    each,
                    (lambda: chosen) if jobs == 1 else partial(backends.load, backend),
                    seeds=seeds,
                    jobs=jobs,
                    out=out / name,
                    resume=resume,
                    data_folder=data,
                    stand_in=or_digits,
                    progress=progress,
                )
                results.append(result)
                show_training(result)
    except training.Interrupted as interrupted:
        raise mistake(interrupted, 130) from None
    except Unsupported as reason:
        raise mistake(f"{backend} cannot take part: {reason}", NO_BACKEND) from None
    except units.Crashed as crash:
        raise mistake(crash, NONCONFORMING) from None
    except (files_.Missing, files_.DataError, ValueError, spec.UnknownName) as error:
        raise mistake(error) from None
    if len(results) > 1:
        matrix.write(results, out)
        table_of(matrix.COLUMNS, matrix.rows(results), "every optimizer with every scheduler")
    console.print(f"results: {out / ('matrix.md' if len(results) > 1 else 'training.md')}", highlight=False)
    if not all(result.passed for result in results):
        raise typer.Exit(NONCONFORMING)


def show_training(result: Any) -> None:
    """Print what a training run found."""
    from torchstone.conformance.training import summary, units

    table_of(summary.COLUMNS, summary.rows(result, units.STACKS), summary.title(result))
    console.print(summary.decision(result), highlight=False, markup=False)
    for note in result.notes:
        console.print(note, highlight=False, markup=False)
    verdict = "[bold green]accepted[/]" if result.passed else "[bold red]not accepted[/]"
    console.print(rich.markup.escape(f"{result.backend} on {result.dataset}: ") + verdict, highlight=False)
    console.print(f"the reference took {result.cost:.2f} times as long as torch's built-ins", highlight=False)


def table_of(columns: tuple[str, ...], rows: list[tuple[str, ...]], title: str) -> None:
    """Print a table of text that may be hostile."""
    shown = Table(*columns, title=rich.markup.escape(title), title_style="dim", header_style="bold")
    for row in rows:
        shown.add_row(*map(rich.markup.escape, row))
    console.print(shown)


@app.command()
def bench(
    backend: Annotated[list[str] | None, BACKEND] = None,
    component: Annotated[
        list[str] | None, typer.Option(help="Only this component: a stem or a torch name (repeatable).")
    ] = None,
    profile: Annotated[Grid, typer.Option(help="Which sizes are timed, and in how many rounds.")] = STANDARD,
    baseline: Annotated[str, typer.Option(help="The backend that the others are compared with.")] = "torch",
    results: Annotated[
        list[Path] | None, typer.Option(help="A results.jsonl of `torchstone run`, in place of a run (repeatable).")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="How many threads torch may use.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that test conformance.")] = min(os.cpu_count() or 1, 8),
    seed: Annotated[int, typer.Option(help="The same seed gives the same order of turns.")] = 0,
    out: Annotated[Path, typer.Option(help="The folder for benchmark.html, .md and .json.")] = OUT,
    compare: Annotated[
        tuple[Path, Path] | None, typer.Option(metavar="OLD.json NEW.json", help="Find regressions; time nothing.")
    ] = None,
) -> None:
    """Time backends against torch's for-loop, component by component, where they conform.

    Exit codes: 0 done; 1 a component that does not conform has no speed, or, with --compare, a regression; 2 the call
    is mistaken; 3 a backend could not be started.
    """
    try:
        import matplotlib  # noqa: F401
        import pytest_benchmark  # noqa: F401
        import scipy  # noqa: F401
    except ImportError as error:
        raise mistake(f"bench: it needs {error.name} (pip install 'torchstone[bench]')") from None
    from torchstone.conformance.benchmarks import command

    try:
        if compare:
            raise typer.Exit(command.compare(*compare, console))
        stems = [spec.component(name).stem for name in component or ()]
        named = {name: started(name) for name in dict.fromkeys([baseline, *(backend or ["torch"])])}
        suite = partial(_tested, "smoke" if profile == "quick" else "quick", seed, jobs)
        status = command.bench(
            named, baseline, backend or ["torch"], stems, profile, results or [], suite, threads, seed, out, console
        )
    except (spec.UnknownName, command.Mistake) as error:
        raise mistake(error) from None
    except KeyboardInterrupt:
        raise mistake("interrupted: nothing was written", 130) from None
    raise typer.Exit(status)


def _tested(profile: str, seed: int, jobs: int, backend: str, out: Path, stems: list[str]) -> list[str]:
    """The command that tests a backend's components, in several processes."""
    return [
        *_suite(backend, profile, seed, out, stems),
        *(["-n", str(jobs), "--dist", "worksteal"] if jobs > 1 else []),
    ]


def started(backend: str) -> Any:
    """The backend, or an exit with a message that says what to write, or what went wrong in it."""
    import traceback

    from torchstone.conformance import backend as backends

    try:
        return backends.load(backend)
    except backends.UnknownBackend as unknown:
        raise mistake(unknown) from None
    except Exception:
        raise mistake(f"backend: {backend} could not be started:\n{traceback.format_exc()}", NO_BACKEND) from None


def main() -> None:
    app(prog_name="torchstone")


if __name__ == "__main__":
    main()
