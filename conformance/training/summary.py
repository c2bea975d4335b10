"""A training run in words: a table, a paragraph that says what was decided and why, and both as Markdown."""

from collections.abc import Sequence
from statistics import mean
from typing import TYPE_CHECKING

from torchstone.conformance.report.text import markdown
from torchstone.conformance.results import plural
from torchstone.conformance.training.acceptance import SEEDS

if TYPE_CHECKING:
    from torchstone.conformance.training.result import Result

COLUMNS = ("stack", "test accuracy", "test loss", "steps, error / budget", "lost / won", "seconds", "outcome")
ASKED = {  # what a clause asks, for those that are no readers of the page
    "training.13": "the first steps stay within the budget of rounding",
    "training.20": "so do those of a rehearsal with every epoch in it",
    "training.14": "images are lost as often as won",
    "training.15": "final accuracy and loss differ by less than another seed makes them differ",
    "training.16": "the goal is reached",
    "training.23": "the published row is one of the reference's",
}


def title(result: "Result") -> str:
    parts = [result.recipe.optimizer, *([result.recipe.scheduler] if result.recipe.scheduler else [])]
    epochs, seeds = plural(result.recipe.epochs, "epoch"), plural(len(result.seeds), "seed")
    names = " and ".join(part.component for part in parts)
    return f"{result.dataset}, {names}, {epochs}, {seeds}, backend {result.backend}"


def rows(result: "Result", stacks: Sequence[str]) -> list[tuple[str, ...]]:
    """One row a stack, as text."""
    return [_row(result, stack) for stack in stacks]


def _row(result: "Result", stack: str) -> tuple[str, ...]:
    name = f"backend {result.backend}" if stack == "backend" else stack
    outcomes = {check.outcome for check in result.checks if check.stack == stack}
    bad = sorted(outcomes - {"pass", "unsupported"})
    if stack not in result.curves:
        return (name, "-", "-", _steps(result, stack), "-", "-", ", ".join(bad))
    accuracies = result.final(stack, "accuracy")
    spread = f" ({min(accuracies):.2%} to {max(accuracies):.2%})" if len(accuracies) > 1 else ""
    flips = "-" if stack == "reference" else "{} / {}".format(*result.flips(stack))
    return (
        name,
        f"{mean(accuracies):.2%}{spread}",
        f"{mean(result.final(stack, 'test_loss')):.4f}",
        _steps(result, stack),
        flips,
        f"{result.seconds(stack):.1f}",
        ", ".join(bad) or "pass",
    )


def _steps(result: "Result", stack: str) -> str:
    """The worst of each dtype, or what became of it."""
    told = [each for each in result.agreements if each.stack == stack]
    lines = []
    for dtype in dict.fromkeys(each.dtype for each in told):
        own = [each for each in told if each.dtype == dtype]
        odd = next((each.outcome for each in own if not each.steps), "")
        lines.append(f"{dtype} {odd or f'{max(each.worst for each in own):.2g}'}")
    return "\n".join(lines) or "-"


def decision(result: "Result") -> str:
    """What was decided about the backend, and why, in a few sentences."""
    own = [check for check in result.checks if check.stack == "backend" or check.clause == "training.23"]
    bad = [check for check in own if check.outcome in ("fail", "error")]
    open_ = [check for check in own if check.outcome == "inconclusive"]
    declared = [check for check in own if check.outcome == "known"]
    others = [check for check in result.checks if check.stack != "backend" and check.outcome != "pass"]
    said = [f"{result.backend} on {result.dataset} is {'accepted' if result.passed else 'not accepted'}."]
    passed = list(dict.fromkeys(check.clause for check in own if check.outcome == "pass"))
    held = [f"{ASKED[clause]} ({clause})" for clause in passed if clause not in {c.clause for c in bad + open_}]
    if held:
        said.append(f"What holds: {'; '.join(held)}.")
    told = {
        "What does not hold": bad,
        "What cannot be told": open_,
        "What is declared": declared,
        "Of the other stacks": others,
    }
    for text, checks in told.items():
        if checks:
            named = [f"{check.clause} on the {check.stack} stack: {check.found}" for check in checks]
            said.append(f"{text}: {'; '.join(named)}.")
    if len(result.seeds) < SEEDS:
        seeds = plural(len(result.seeds), "seed")
        said.append(f"With {seeds} the distributions are not compared; that takes at least {SEEDS}.")
    return " ".join(said)


def page(result: "Result", pictured: bool) -> str:
    """The page of a run: decision, table, published row and picture."""
    parts = [f"# {markdown(title(result))}", markdown(decision(result))]
    if pictured:
        parts.append("![learning curves](learning-curves.png)")
    parts.append(table(COLUMNS, rows(result, ("built-in", "reference", "backend"))))
    if result.published and len(result.seeds) >= SEEDS:
        own = [(name, f"{low:.4f}", f"{value:.7g}", f"{high:.4f}") for name, low, value, high in result.published]
        parts += ["## The published row in the reference's interval", table(("number", "from", "published", "to"), own)]
    parts += [markdown(note) for note in result.notes]
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(markdown(text) for text in line)} |" for line in lines)
