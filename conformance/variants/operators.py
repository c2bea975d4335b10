"""Mutants by rule: every small mistake of some kinds that the source of the reference has room for.

A rule looks at a node of the syntax tree and says what could stand there instead. Text that is a message, an
annotation or an import is left alone.
"""

import ast
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from torchstone.conformance.clauses import Page, clauses
from torchstone.conformance.variants import Variant, original

Rule = Callable[[ast.AST, Callable[[ast.AST], str]], Iterator[str]]  # a node, how it is written, and what else could be

OTHER_COMPARISON = {"<": ("<=", ">"), "<=": ("<", ">="), ">": (">=", "<"), ">=": (">", "<="), "==": ("!=",)}
OTHER_COMPARISON["!="] = ("==",)
COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.FloorDiv: "//", ast.Mod: "%"}
OTHER_ARITHMETIC = {"+": "-", "-": "+", "*": "/", "/": "*", "**": "*", "//": "/", "%": "//"}
OTHER_CALL = {
    "maximum": "minimum", "minimum": "maximum", "max": "min", "min": "max", "amax": "amin", "amin": "amax",
    "sum": "mean", "mean": "sum", "log1p": "log", "expm1": "exp", "all": "any", "any": "all",
    "zeros_like": "ones_like", "ones_like": "zeros_like",
}  # fmt: skip
WITHOUT = ("abs", "sqrt", "sign", "exp", "log", "clamp", "square", "relu", "detach", "cumsum", "nan_to_num")


def comparison(node: ast.AST, text: Callable[[ast.AST], str]) -> Iterator[str]:
    """Equality on the wrong side, or the wrong way round."""
    if isinstance(node, ast.Compare):
        operators = [COMPARISONS.get(type(operator), "") for operator in node.ops]
        sides = [text(side) for side in (node.left, *node.comparators)]
        for place, operator in enumerate(operators):
            for other in OTHER_COMPARISON.get(operator, ()):
                changed = [*operators[:place], other, *operators[place + 1 :]]
                if all(changed):
                    yield " ".join([sides[0], *(f"{o} {side}" for o, side in zip(changed, sides[1:], strict=True))])


def arithmetic(node: ast.AST, text: Callable[[ast.AST], str]) -> Iterator[str]:
    """Another operation, or a term that was forgotten."""
    if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        left, right, operator = f"({text(node.left)})", f"({text(node.right)})", ARITHMETIC[type(node.op)]
        yield f"({left} {OTHER_ARITHMETIC[operator]} {right})"
        yield left
        if operator in "+*":
            yield right
    if isinstance(node, ast.UnaryOp):
        yield f"({text(node.operand)})"


def number(node: ast.AST, text: Callable[[ast.AST], str]) -> Iterator[str]:
    """One more, or twice as much."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield str(node.value + 1)
    if isinstance(node, ast.Constant) and type(node.value) is float:
        yield repr(2 * node.value if node.value else 1.0)
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        yield str(not node.value)


def choice(node: ast.AST, text: Callable[[ast.AST], str]) -> Iterator[str]:
    """Always one branch, or always the other."""
    if isinstance(node, ast.IfExp):
        yield from (f"({text(node.body)})", f"({text(node.orelse)})")
    if isinstance(node, ast.Call) and text(node.func) == "torch.where" and len(node.args) == 3:
        condition, yes, no = map(text, node.args)
        yield from (f"torch.where(({condition}) {always}, {yes}, {no})" for always in ("| True", "& False"))
    if isinstance(node, ast.BoolOp):
        parts, word = list(map(text, node.values)), "and" if isinstance(node.op, ast.Or) else "or"
        yield f"({f' {word} '.join(f'({part})' for part in parts)})"
        for place in range(len(parts)):
            rest = parts[:place] + parts[place + 1 :]
            yield f"({(' or ' if word == 'and' else ' and ').join(f'({part})' for part in rest)})"


def call(node: ast.AST, text: Callable[[ast.AST], str]) -> Iterator[str]:
    """A function's sibling, or the function left out."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        of, name, given = text(node.func.value), node.func.attr, text(node)[len(text(node.func)) :]
        of = of if of.isidentifier() else f"({of})"
        if name in OTHER_CALL:
            yield f"{of}.{OTHER_CALL[name]}{given}"
        if name in WITHOUT:
            yield f"({of})" if of != "torch" else f"({text(node.args[0])})"


def state(node: ast.AST, text: Callable[[ast.AST], str]) -> Iterator[str]:
    """What was computed and is not kept, or kept and not used."""
    if isinstance(node, ast.Call) and text(node.func) == "State":
        for place, argument in enumerate(node.args):
            old = [text(other) for other in node.args]
            old[place] = f"state[{place}]"
            if old[place] != text(argument):
                yield f"State({', '.join(old)})"


def refusal(node: ast.AST, text: Callable[[ast.AST], str]) -> Iterator[str]:
    """What is not checked."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and text(node.value.func).startswith("require"):
        yield f"False and {text(node)}"


RULES: tuple[Rule, ...] = (comparison, arithmetic, number, choice, call, state, refusal)


class Source:
    """The text of a module, by the places of its syntax tree, which count in bytes."""

    def __init__(self, text: str) -> None:
        self.raw = text.encode()
        self.lines = list(itertools.accumulate(map(len, self.raw.splitlines(keepends=True)), initial=0))

    def text(self, node: Any) -> str:
        """How a node is written."""
        start, end = self._place(node)
        return self.raw[start:end].decode()

    def replaced(self, node: Any, other: str) -> str:
        """The whole of it with one node written otherwise."""
        start, end = self._place(node)
        return (self.raw[:start] + other.encode() + self.raw[end:]).decode()

    def _place(self, node: Any) -> tuple[int, int]:
        return self.lines[node.lineno - 1] + node.col_offset, self.lines[node.end_lineno - 1] + node.end_col_offset


def mutants(page: Page, file: str) -> list[Variant]:
    """Every mutant of a file of the reference that the rules make, for the tests of one component."""
    source = Source(original(file))
    lines = original(file).splitlines()
    found: dict[str, Variant] = {}  # by their source: two rules may make the same of it
    for node in _computing(ast.parse(original(file))):
        for rule in RULES:
            for other in rule(node, source.text):
                changed = source.replaced(node, other)
                first, last = node.lineno - 1, (node.end_lineno or node.lineno) - len(lines)
                words = re.findall(r"[a-z0-9_]+\.\d+", lines[last - 1].partition("#")[2])
                ids = [word for word in words if word in clauses()]
                name = " ".join(
                    line.partition("  #")[0].strip() for line in (changed.splitlines()[first : last or None])
                )
                found.setdefault(changed, Variant(name, page.stem, tuple(ids), file, changed))
    return _distinct(found.values())


def _distinct(variants: Iterable[Variant]) -> list[Variant]:
    """Variants with names of their own: where the same line is made twice, the second says so."""
    seen: Counter[str] = Counter()
    found = []
    for variant in variants:
        seen[variant.name] += 1
        more = f"  ({seen[variant.name]})" if seen[variant.name] > 1 else ""
        found.append(replace(variant, name=variant.name + more))
    return found


def _computing(tree: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """The expressions and statements of a module that compute something."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.Import | ast.ImportFrom | ast.JoinedStr | ast.arg | ast.AnnAssign):
            continue
        if isinstance(child, ast.keyword) and child.arg == "strict":
            continue  # of zip: it computes nothing
        if isinstance(child, ast.expr | ast.stmt):
            yield child
        if isinstance(child, ast.Call) and ast.unparse(child.func).startswith("require"):
            yield from (child.args[0], *_computing(child.args[0]))  # the others are for the message
        elif isinstance(child, ast.FunctionDef):
            yield from _computing(child.args)
            yield from _computing(ast.Module(child.body, []))  # without the annotation of what it returns
        else:
            yield from _computing(child)
