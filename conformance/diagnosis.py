"""What a failing backend does instead: its failing programs replayed on every variant of the component.

Records that fail only because another component does are set apart as `blocked`, so that a mistake is blamed once.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from torch import Tensor

from torchstone.conformance import oracle, variants
from torchstone.conformance.backend import Backend
from torchstone.conformance.clauses import GENERAL, Page, component, pages
from torchstone.conformance.judge import Judge, identical
from torchstone.conformance.patience import patience
from torchstone.conformance.program import Program, from_json, stems
from torchstone.conformance.results import BAD, Record
from torchstone.conformance.strategies import programs_of
from torchstone.conformance.trace import Trace
from torchstone.conformance.variants import Variant, operators

WITNESSES = 4  # failing programs of a component that a variant has to reproduce
MORE = 20  # programs besides, on which it has to agree too
LOOKED_AT = 3  # components that are diagnosed in one run; where more fail, something else is wrong

Played = list[tuple[Program, Trace]]


def blame(records: Iterable[Record]) -> None:
    """Call what fails only where a component that fails by itself takes part `blocked`, and say by what."""
    bad = [record for record in records if record.outcome in BAD]
    alone = {record.component for record in bad if not record.others}
    for record in bad:
        culprits = [stem for stem in record.others if stem in alone]
        if culprits and record.component not in alone:
            record.outcome, record.reason = "blocked", f"{', '.join(culprits)} fails by itself, and takes part in this"


def diagnose(backend: Backend, records: Iterable[Record]) -> None:
    """Write into the failing records of each component what the backend does there instead."""
    failing: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.outcome in ("fail", "error"):
            failing[record.component].append(record)
    for stem, own in list(failing.items())[:LOOKED_AT]:
        said = _diagnosis(backend, component(stem), own)
        for record in own:
            record.diagnosis = said


def _diagnosis(backend: Backend, page: Page, records: Sequence[Record]) -> str:
    judge = Judge()
    by_size = sorted({str(r.program): r.program for r in records if r.program}.values(), key=lambda p: len(str(p)))
    programs = [program for program in map(from_json, by_size) if page.stem in stems(program)]
    failed = _played(backend, programs)
    witnesses = [(program, trace) for program, trace in failed if not judge.conforms(program, trace)][:WITNESSES]
    if not witnesses:
        return "Every single program conforms: what is broken is a relation between several."
    drawn = _played(backend, _drawn(page.stem))
    first_failing, _ = witnesses[0]
    usual = oracle.play(first_failing, None)
    for variant in _known(page):
        with variants.backend(variant) as other:
            if _same(other, first_failing, usual):
                continue  # what does as the reference there cannot be why the backend does not
            if _agree(judge, witnesses, other) and _agree(judge, drawn, other):
                return f"{_said(variant)} ({len(witnesses)} failing programs and {len(drawn)} others agree with it)"
    first = min(records, key=lambda record: record.order)
    return f"Nothing known does the same. In the order of the spec, what it departs from first is {first.clause}."


def _said(variant: Variant) -> str:
    breaks = f": breaks {', '.join(variant.breaks)}" if variant.breaks else ""
    if variant.shipped_by:
        return f"It behaves exactly as the dialect `{variant.name}`, shipped by {variant.shipped_by}{breaks}"
    return f"It behaves exactly as `{variant.name}` in the reference{breaks}"


def _known(page: Page) -> Iterator[Variant]:
    """Every variant that may be what a component is: dialects first, then what is written, then what is made."""
    general = [pages()[stem] for stem in (GENERAL.get(page.kind), "training") if stem]
    written = [*variants.written(page), *(variant for other in general for variant in variants.written(other))]
    yield from sorted(written, key=lambda variant: not variant.shipped_by)
    yield from operators.mutants(page, page.file)


def _played(backend: Backend, programs: Iterable[Program]) -> Played:
    """The programs that the backend plays, with its traces."""
    found = []
    for program in programs:
        try:
            trace = backend.play(program)
        except Exception:  # it says nothing on which a variant could agree with it
            continue
        if isinstance(trace, Trace) and all(
            isinstance(tensor, Tensor) for entry in trace.entries for tensor in entry.tensors.values()
        ):
            found.append((program, trace))
    return found


def _agree(judge: Judge, played: Played, other: Any) -> bool:
    """Whether a variant gives the same traces, as far as rounding lets one say so, and it does let one say something.

    The budget is that of the variant where it is another reference: rounding may decide elsewhere whether there is a
    number at all.
    """
    oracle = getattr(other, "oracle", None)
    own = Judge(oracle) if oracle else judge
    outcomes = set()
    for program, trace in played:
        try:
            with patience():
                verdict = own.conforms(program, trace) if oracle else judge.alike(program, trace, other.play(program))
        except Exception:  # it crashes where the backend did not, or does not come to an end
            return False
        outcomes.add(verdict.outcome)
        if verdict.outcome in BAD:
            return False
    return "pass" in outcomes


def _same(other: Any, program: Program, usual: Trace) -> bool:
    """Whether a variant gives the very numbers of the reference."""
    try:
        with patience():
            return identical(other.play(program), usual)
    except Exception:
        return False


def _drawn(stem: str) -> list[Program]:
    """Programs of a component, the same whenever they are drawn."""
    found: list[Program] = []

    @hypothesis.seed(0)
    @hypothesis.settings(
        max_examples=MORE,
        database=None,
        deadline=None,
        derandomize=False,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(programs_of(stem))
    def draw(program: Program) -> None:
        found.append(program)

    draw()
    return found
