"""The examples of the spec as scripts that a person can run: with torch, or with the reference where torch differs."""

import contextlib
import io
import warnings
from typing import Any

import torch

from torchstone.conformance import test_examples as examples
from torchstone.conformance.backend import load
from torchstone.conformance.clauses import Example, component
from torchstone.conformance.judge import Verdict
from torchstone.conformance.oracle import play

PROGRAMS = {
    "losses": (examples.loss_program, ("value", "grad"), ("value",)),
    "optimizers": (examples.optimizer_program, ("params",), ("param 0",)),
    "schedulers": (examples.schedule_program, ("rates",), ("lr",)),
    "gradients": (examples.gradient_program, ("norm", "clipped0"), ("norm", "grad 0")),
    "averages": (examples.average_program, ("averages",), ("average 0",)),
}


def script(example: Example) -> str:
    """A script that computes an example's last number and compares it with what the page prints.

    It is run before it is shown. Raises what the script raises where neither torch nor the reference passes it.
    """
    verdict = _verdict(example)
    title = f"{example.stem}, example {example.number}"
    shown = load("torch").script(verdict, title)  # type: ignore[attr-defined]
    if not _runs(shown):
        reference = load("torch-like:torchstone.reference.torch_api")
        shown = reference.script(verdict, f"{title} (torch differs here: this is the reference)")  # type: ignore[attr-defined]
        run(shown)
    return str(shown)


def _verdict(example: Example) -> Verdict:
    """The last number of the first output that the page prints, as if it had been found wrong."""
    make, keys, names = PROGRAMS[component(example.stem).kind]
    key, name = next((key, name) for key, name in zip(keys, names, strict=False) if key in example.printed)
    program: Any = make(example)
    printed = example.printed[key][-1]
    trace = play(program)
    tensor = trace.entries[-1].tensors[name]
    element = tuple(size - 1 for size in tensor.shape)
    mantissa, _, exponent = printed.lower().partition("e")
    unit = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    return Verdict(
        "fail", program, at=(len(trace.entries) - 1, name, element), expected=float(printed), budget=0.5001 * unit
    )


def run(text: str) -> None:
    """Run a script in a namespace of its own. Raises what it raises."""
    default = torch.get_default_dtype()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            exec(compile(text, "<example>", "exec"), {})
    finally:
        torch.set_default_dtype(default)


def _runs(text: str) -> bool:
    try:
        run(text)
    except Exception:
        return False
    return True
