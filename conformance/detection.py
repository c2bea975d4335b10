"""What the audit found: how much the suite notices, where, how soon, and what it does not."""

import json
import statistics
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import rich.progress
from rich.console import Console
from rich.table import Table

from torchstone.conformance.clauses import clauses, components, pages

console = Console(emoji=False)

Finding = dict[str, Any]
Row = tuple[str, ...]

WRITTEN = ("written", "dialect")  # the kinds of findings about what says which clauses it breaks
RIGHT = ("control", "declared")  # the kinds of findings about what no test may accuse


def gather(commands: Sequence[Sequence[str]], out: Path) -> tuple[list[Finding], list[Finding]]:
    """Run the parts of an audit side by side, and read what they write: the findings, in the order of the cases'
    names, and what the tests compare where nothing is wrong.

    Raises `CalledProcessError` where a part does not come to its end.
    """
    parts = [out / f"audit-{part}.jsonl" for part in range(len(commands))]
    for part in parts:
        part.unlink(missing_ok=True)
    started = [subprocess.Popen(command) for command in commands]
    columns = (*rich.progress.Progress.get_default_columns(), rich.progress.TimeElapsedColumn())
    try:
        with rich.progress.Progress(*columns, console=console) as bar:
            task = bar.add_task("audit: tests, then variants", total=None)
            while any(process.poll() is None for process in started):
                time.sleep(1)
                texts = [part.read_text("utf-8") for part in parts if part.exists()]
                totals = [json.loads(text.partition("\n")[0])["total"] for text in texts if "\n" in text]
                done = sum(text.count("\n") - 1 for text in texts if text)
                bar.update(task, completed=done, total=sum(totals) if len(totals) == len(parts) else None)
    finally:
        for process in started:
            process.terminate()
    for process, command in zip(started, commands, strict=True):
        if process.returncode not in (0, 5):  # 5: pytest saw no test end, since the audit plays them itself
            raise subprocess.CalledProcessError(process.returncode, command)
    found = sorted(_read(parts, "finding"), key=lambda finding: (finding["component"], finding["kind"], finding["id"]))
    sights = sorted(_read(parts, "sight"), key=lambda sight: (sight["component"], sight["clause"]))
    for part in parts:
        part.unlink(missing_ok=True)
    return found, sights


def _read(parts: Sequence[Path], what: str) -> list[Finding]:
    texts = [part.read_text("utf-8") for part in parts if part.exists()]
    lines = [json.loads(line) for text in texts for line in text.splitlines(keepends=True) if line.endswith("\n")]
    return [line[what] for line in lines if what in line]


def wrong(finding: Finding) -> bool:
    """A mistake that nothing noticed, or not the test of a clause it breaks, or a correct component accused."""
    return bool((finding["outcome"] == "killed") == (finding["kind"] in RIGHT) or finding["missed"])


def blind(sights: Iterable[Finding]) -> list[Row]:
    """The tests that compared nothing at all: clause and component."""
    seen: dict[tuple[str, str], int] = defaultdict(int)
    for sight in sights:
        if sight["examples"]:  # none: the clause is not about this component
            seen[sight["clause"], sight["component"]] += sum(sight["comparisons"].values())
    return [about for about, compared in seen.items() if not compared]


def mistaken(sights: Iterable[Finding]) -> list[Row]:
    """The tests that accuse the reference itself, or fall over: what they notice says nothing."""
    return [(sight["clause"], sight["component"], sight["rule"]) for sight in sights if sight["rule"]]


def tabled(findings: Sequence[Finding], about: str, names: Iterable[str]) -> list[Row]:
    """A row for each value of one field: how many were played and wrongly judged, and what a kill costs."""
    return [_row(name, [finding for finding in findings if finding[about] == name]) for name in names]


def _row(name: str, own: Sequence[Finding]) -> Row:
    killed = [finding for finding in own if finding["outcome"] == "killed"]
    seconds = [finding["seconds"] for finding in killed] or [0.0]
    programs = statistics.median(finding["programs"] for finding in killed) if killed else 0
    numbers = (str(len(own)), str(sum(map(wrong, own))), f"{programs:g}")
    return (name, *numbers, f"{statistics.median(seconds):.2f}", f"{max(seconds):.1f}")


HEADINGS = ("played", "wrongly judged", "programs to the first kill, median", "seconds, median", "slowest")


def show(findings: Sequence[Finding], sights: Sequence[Finding], out: Path, command: str) -> int:
    """Write the findings, print what they come to, and give the exit code."""
    (out / "audit.json").write_text(json.dumps({"findings": findings, "sights": sights}, indent=1) + "\n", "utf-8")
    (out / "audit.md").write_text(page(findings, sights, command), "utf-8")
    for finding in filter(wrong, findings):
        by = f" by {', '.join(dict.fromkeys(finding['by']))}" if finding["by"] else ""
        missed = f", and not noticed by {', '.join(finding['missed'])}" if finding["missed"] else ""
        console.print(f"[bold red]{finding['outcome']}[/] {finding['id']}{by}{missed}", highlight=False)
        console.print("    " + (finding["change"] or finding["rule"]).replace("\n", "\n    "), markup=False)
    for clause, stem in blind(sights):
        console.print(f"[bold red]vacuous[/] the tests of {clause} compare nothing for {stem}", highlight=False)
    for row in mistaken(sights):
        console.print(f"[bold red]mistaken[/] {' '.join(row[:2])}", highlight=False)
        console.print(f"    {row[2]}", markup=False)
    table = Table(header_style="bold", show_footer=True, box=None)
    for title, footer in zip(("component", *HEADINGS), _row("all", findings), strict=True):
        table.add_column(title, footer, justify="left" if title == "component" else "right")
    for row in tabled(findings, "component", dict.fromkeys(finding["component"] for finding in findings)):
        table.add_row(*row)
    console.print(table)
    mistakes = sum(map(wrong, findings))
    share = 1 - mistakes / len(findings) if findings else 0.0
    said = f"{len(findings)} played, {mistakes} wrongly judged ({share:.1%} right)"
    console.print(f"{said}, {len(blind(sights))} tests vacuous: {out / 'audit.json'}", highlight=False)
    return 1 if mistakes or blind(sights) or mistaken(sights) or not findings else 0


def page(findings: Sequence[Finding], sights: Sequence[Finding], command: str) -> str:
    """The findings as a page of the docs, with the matrix of clauses and written variants."""
    from torchstone.conformance import variants

    stems = [each.stem for each in components() if any(finding["component"] == each.stem for finding in findings)]
    kinds = sorted({finding["kind"] for finding in findings})
    axes = sorted({finding["axis"] for finding in findings})
    dropped = sorted(
        ((sight["dropped"] / sight["examples"], sight) for sight in sights if 2 * sight["dropped"] > sight["examples"]),
        key=lambda pair: -pair[0],
    )
    same = [(each.stem, *pair) for each in pages().values() for pair in variants.equivalents(each).items()]
    sections = [
        f"# What the suite notices\n\n`{command}` wrote this page: the suite played against faulty copies of the "
        "reference, and\nagainst correct components that compute by another route. *Written* variants are mistakes "
        "that people make and\n*dialects* what somebody ships; *made* ones come from the source of the reference by "
        "rules. *Controls* are correct, and so are\n*declared* dialects, which say that they are one. A written "
        "variant is wrongly judged where the tests of a clause that\nit breaks do not notice it.",
        _section("By origin", ("origin", *HEADINGS), tabled(findings, "kind", kinds)),
        _section("By what is wrong", ("axis", *HEADINGS), tabled(findings, "axis", axes)),
        _section("By component", ("component", *HEADINGS), tabled(findings, "component", stems)),
        _section(
            "Wrongly judged", ("variant", "breaks", "not noticed by", "accused by"), _each(findings, wrong, _miss)
        ),
        _section(
            "Noticed by the test of a clause with more programs only",
            ("variant", "breaks"),
            [(f"`{finding['id']}`", ", ".join(finding["late"])) for finding in findings if finding["late"]],
        ),
        _section("Tests that accuse the reference itself", ("clause", "component", "where"), mistaken(sights)),
        _section("Tests that compare nothing", ("clause", "component"), blind(sights)),
        _section(
            "Tests that turn down more than half of what they draw",
            ("clause", "component", "turned down"),
            [(sight["clause"], sight["component"], f"{share:.0%}") for share, sight in dropped],
        ),
        _section("Made mutants that compute the same", ("component", "line", "why"), [_code(row) for row in same]),
        _section("Clauses and the written variants that their tests notice", ("clause", "variants"), matrix(findings)),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def matrix(findings: Iterable[Finding]) -> list[Row]:
    """Each clause that a written variant breaks, with the variants that its tests noticed."""
    noticed: dict[str, list[str]] = defaultdict(list)
    for finding in findings:
        for clause in finding["by"] if finding["kind"] in WRITTEN else ():
            noticed[clause].append(f"`{finding['id']}`")
    return [(clause, ", ".join(dict.fromkeys(noticed[clause]))) for clause in clauses() if clause in noticed]


def _each(findings: Iterable[Finding], those: Callable[[Finding], bool], row: Callable[[Finding], Row]) -> list[Row]:
    return [row(finding) for finding in findings if those(finding)]


def _miss(finding: Finding) -> Row:
    accused = ", ".join(dict.fromkeys(finding["by"])) if finding["kind"] in RIGHT else ""
    missed = ", ".join(finding["missed"]) or ("" if accused else "any test")
    return f"`{finding['id']}`", ", ".join(finding["breaks"]), missed, accused


def _code(row: Row) -> Row:
    return row[0], f"`{row[1]}`", row[2]


def _section(title: str, headings: Row, rows: Sequence[Row]) -> str:
    """A table under a heading; nothing where it has no rows."""
    if not rows:
        return ""
    lines = [headings, tuple("---" for _ in headings), *rows]
    cells = ("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return f"## {title}\n\n" + "\n".join(cells)
