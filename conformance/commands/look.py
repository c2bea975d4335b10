"""What there is, and what became of one program: `torchstone list`, `explain` and `replay`."""

import ast
import enum
import json
import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from torchstone.conformance import clauses as spec
from torchstone.conformance.commands import BACKEND, NONCONFORMING, console, mistake, started

What = enum.StrEnum("What", {name: name for name in ("components", "clauses", "backends")})  # type: ignore[misc]
JSON = typer.Option("--json", help="Print JSON.")


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
