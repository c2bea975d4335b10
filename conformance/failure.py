"""How a failure is shown: clause, backend, shrunk program, expected and actual, and a script that reproduces it
alone."""

import json
import textwrap
from typing import TYPE_CHECKING, Any

from torchstone.conformance.clauses import clauses

if TYPE_CHECKING:  # torch is imported only where a run needs it
    from torchstone.conformance.backend import Backend
    from torchstone.conformance.judge import Verdict

REPLAY = '''"""{title}"""

import json

from torchstone.conformance.backend import load
from torchstone.conformance.judge import Judge
from torchstone.conformance.program import from_json

program = from_json(json.loads("""
{program}
"""))
verdict = Judge().conforms(program, load({backend!r}).play(program))
assert verdict, f"{{verdict.place}} {{verdict.rule}}: expected {{verdict.expected}}, got {{verdict.actual}}"
'''


def text(record: Any, backend: str) -> str:
    """What a person reads about one failing record of a backend, given its name and version."""
    clause = clauses()[record.clause]
    lines = [
        f"{record.clause}  {record.component}, {record.dtype}, on {backend}",
        textwrap.indent(textwrap.fill(" ".join(clause.text.split()), 110), "    "),
        "",
    ]
    if record.outcome == "fixed":
        lines += [f"fixed: the declared deviation no longer holds: {record.reason}", "Remove it from the known file."]
    else:
        lines += [f"{record.outcome}: {record.rule}"] if record.rule else []
        if record.place:
            lines += [
                f"at        {record.place}",
                f"expected  {record.expected!r}",
                f"actual    {record.actual!r}",
                f"error     {float(record.worst):.3g} times its budget of {float(record.budget):.3g}",
            ]
        if record.diagnosis:
            lines += ["", "diagnosis", textwrap.indent(textwrap.fill(record.diagnosis, 110), "    ")]
        lines += ["", "shrunk program", textwrap.indent(compact(record.program), "    ")]
        lines += ["", "script that reproduces it", textwrap.indent(record.script, "    ")]
    return "\n".join(lines)


def sentence(verdict: "Verdict") -> str:
    """A verdict in one line."""
    if verdict.rule:
        return verdict.rule
    if verdict.at is None:
        return f"{verdict.comparisons} comparisons, worst error / budget {verdict.worst:.3g}"
    return (
        f"at {verdict.place} expected {verdict.expected!r}, got {verdict.actual!r}: "
        f"{verdict.worst:.3g} times the budget of {verdict.budget!r}"
    )


def compact(program: Any) -> str:
    """A program's JSON on as few lines as a person can read."""
    if not isinstance(program, dict):
        return json.dumps(program)
    items = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in program.items()]
    return "{\n" + "".join(f"  {item},\n" for item in items[:-1]) + f"  {items[-1]}\n" + "}"


def script(backend: "Backend", verdict: "Verdict", clause: str = "") -> str:
    """A script that fails where the backend does: the backend's own, if it has one, or a replay of the program."""
    from torchstone.conformance.backend import name_of
    from torchstone.conformance.program import to_json

    title = f"{clause}: {verdict.rule or 'the result is not within its budget'}".lstrip(": ")
    own = getattr(backend, "script", None)
    if own:
        return str(own(verdict, title))
    return REPLAY.format(title=title, program=compact(to_json(verdict.program)), backend=name_of(backend))
