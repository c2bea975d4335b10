"""Backends: what can play a program, and how one is found.

A backend is an object with `name`, `version` and `play(program) -> Trace`. It raises `Unsupported` for what it does not
offer. Any other exception that leaves `play` is an `error` of the backend; refused arguments are part of the trace.
One that can choose where it computes has `to(device)` too, and one that can say what a step costs by itself has
`prepare(program) -> Work`.
"""

import difflib
import importlib
import importlib.metadata
import importlib.util
import inspect
import pkgutil
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from torchstone.conformance.program import Program
from torchstone.conformance.trace import Trace


@runtime_checkable
class Backend(Protocol):
    """Anything that plays programs."""

    name: str
    version: str

    def play(self, program: Program) -> Trace: ...


class Work(Protocol):
    """A program that is built and ready to be timed. Each call does its work once more, on the state that is there.

    A call may return only when the numbers are there: what is lazy is evaluated, and a device is waited for. `seen`
    is not timed: the tensors that there are now, by the names of a trace.
    """

    def __call__(self) -> object: ...

    def seen(self) -> dict[str, Tensor]: ...


class Unsupported(Exception):
    """The backend does not offer what the program asks for; the reason is shown in the report."""


class Broken(Exception):
    """The backend broke a rule of the interface; the message names the rule and what was found."""


class UnknownBackend(Exception):
    """No backend goes by this name; the message says what to write."""


def names() -> list[str]:
    """The backends that come with the suite and those that installed packages offer."""
    package = importlib.import_module("torchstone.conformance.backends")
    shipped = [module.name for module in pkgutil.iter_modules(package.__path__)]
    offered = [entry.name for entry in importlib.metadata.entry_points(group="torchstone.backends")]
    return sorted({name.replace("_", "-") for name in shipped} | set(offered))


def load(spec: str) -> Backend:
    """The backend that `NAME`, `NAME:REST` or `package.module:object` names.

    Raises `UnknownBackend` where nothing has the name; an error inside the module that has it is left as it is.
    """
    name, _, rest = spec.partition(":")
    if name in names():
        for entry in importlib.metadata.entry_points(group="torchstone.backends", name=name):
            return _made(entry.load(), rest, spec)
        return _made(importlib.import_module(f"torchstone.conformance.backends.{name.replace('-', '_')}"), rest, spec)
    module = _import(name, spec)
    return _made(_attribute(module, rest, spec) if rest else module, "", spec)


def move(backend: Backend, device: str) -> None:
    """Let a backend play on a device, by its method `to`. Raises `UnknownBackend` where it has none."""
    to = getattr(backend, "to", None)
    if to is None:
        raise UnknownBackend(
            f"backend: {name_of(backend)} has no method to(device), got --device {device}; leave it out"
        )
    to(device)


def _import(name: str, spec: str) -> Any:
    try:
        found = importlib.util.find_spec(name)
    except (ModuleNotFoundError, ValueError):
        found = None
    if found is None:
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"write one of {', '.join(names())}, or package.module:object"
        raise UnknownBackend(f"backend: there is no backend or module {name!r}, got {spec!r}; {hint}")
    return importlib.import_module(name)


def _attribute(module: Any, path: str, spec: str) -> Any:
    found = module
    for part in path.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, dir(found), n=1)
            hint = f"did you mean '{near[0]}'?" if near else "write package.module:object"
            raise UnknownBackend(f"backend: {module.__name__} has no {path!r}, got {spec!r}; {hint}")
        found = getattr(found, part)
    return found


def _made(found: Any, rest: str, spec: str) -> Backend:
    """A backend from a module with `make`, a class, a function, or the object itself."""
    if inspect.ismodule(found) and not hasattr(found, "play"):
        found = getattr(found, "make", None) or getattr(found, "backend", None)
    if inspect.isclass(found) or inspect.isfunction(found):
        build: Any = found
        found = build(rest) if rest or inspect.signature(build).parameters else build()
    if not callable(getattr(found, "play", None)):
        raise UnknownBackend(f"backend: {spec!r} has no method play(program), got {type(found).__name__}")
    return found  # type: ignore[no-any-return]


def name_of(backend: Backend) -> str:
    return getattr(backend, "name", type(backend).__name__)


def version_of(backend: Backend) -> str:
    return str(getattr(backend, "version", "unknown"))


def known_file(backend: Backend) -> Path | None:
    """Where a backend's declared deviations are: its attribute `known`, or NAME.known.toml beside its module."""
    declared = getattr(backend, "known", None)
    if declared:
        return Path(declared)
    module = inspect.getmodule(type(backend))
    beside = Path(module.__file__).with_suffix(".known.toml") if module and module.__file__ else None
    return beside if beside and beside.is_file() else None
