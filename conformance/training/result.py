"""What a training run found: every number, the checks made on them, and the files they are written to."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

import torchstone
from torchstone.conformance import results
from torchstone.conformance.program import from_json
from torchstone.conformance.training import acceptance, plot, summary
from torchstone.conformance.training.acceptance import Check
from torchstone.conformance.training.lockstep import Agreement
from torchstone.conformance.training.loop import Curve
from torchstone.conformance.training.recipe import Recipe
from torchstone.conformance.training.units import BUILTIN, REFERENCE

GOOD = ("pass", "known", "unsupported")


@dataclass
class Result:
    """What a training run found: `passed` is the verdict, `checks` what was asked, `to_json` every number."""

    recipe: Recipe
    dataset: str
    source: str
    images: int  # to test with
    stand_in: bool
    backend: str
    version: str
    seeds: tuple[int, ...]
    curves: dict[str, list[Curve]] = field(default_factory=dict)  # by stack, one a seed; one that broke has none
    agreements: list[Agreement] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)  # by stack, what went wrong in a run of it
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """No check failed, and each said something. A dtype that the backend does not offer is no failure, and a
        declared deviation is none."""
        return all(check.outcome in GOOD for check in self.checks)

    @property
    def cost(self) -> float:
        """How many times as long the reference stack trained as the built-in one."""
        return self.seconds(REFERENCE) / self.seconds(BUILTIN)

    def seconds(self, stack: str) -> float:
        """The seconds that a stack trained, tests of the network not counted."""
        return sum(curve.seconds for curve in self.curves.get(stack, []))

    def final(self, stack: str, what: str) -> list[float]:
        """The last `accuracy` or `test_loss` of each seed."""
        return [getattr(curve, what)[-1] for curve in self.curves.get(stack, [])]

    def flips(self, stack: str) -> tuple[int, int]:
        """On how many test images the stack is wrong where the reference is right, and the reverse; over all seeds."""
        lost, won = zip(*flips(self.curves[stack], self.curves[REFERENCE]), strict=True)
        return sum(lost), sum(won)

    @cached_property
    def checks(self) -> list[Check]:
        """Every clause of the page asked of every stack that it is about."""
        found = [_lockstep(each) for each in self.agreements]
        seen = {check.stack for check in found if check.outcome == "error"}
        found += [Check("training.5", stack, "error", what) for stack, what in self.broken.items() if stack not in seen]
        for stack in self.curves:
            if stack != REFERENCE:
                lost, won = self.flips(stack)
                outcome, chance = acceptance.division(flips(self.curves[stack], self.curves[REFERENCE]))
                said = f"{lost} images lost, {won} won against the reference: chance {chance:.2g}"
                if outcome == "inconclusive":
                    said += ", or rounding errors that have grown: it takes more seeds to tell"
                found.append(Check("training.14", stack, outcome, said))
                if len(self.seeds) >= acceptance.SEEDS:
                    found += [self._equivalent(stack, what) for what in ("accuracy", "test_loss")]
            if self.recipe.goal is not None:
                mean = sum(self.final(stack, "accuracy")) / len(self.seeds)
                said = f"mean accuracy {mean:.2%}, goal {self.recipe.goal:.0%}"
                outcome = "pass" if mean >= self.recipe.goal else "fail"  # training.16
                found.append(Check("training.16", stack, outcome, said))
        if self.recipe.published and len(self.seeds) >= acceptance.SEEDS:
            outside = [name for name, low, value, high in self.published if not low <= value <= high]
            said = f"outside the reference's interval: {', '.join(outside)}" if outside else "all within"
            found.append(Check("training.23", REFERENCE, "fail" if outside else "pass", said))
        return found

    def _equivalent(self, stack: str, what: str) -> Check:
        grain = 1 / self.images if what == "accuracy" else 0.0
        found = acceptance.equivalence(self.final(stack, what), self.final(REFERENCE, what), grain)
        unit, scale = (" points", 100) if what == "accuracy" else ("", 1)
        said = (
            f"{what.replace('_', ' ')} off by {scale * found.difference:+.3g} +- {scale * found.half:.2g}{unit}, "
            f"margin {scale * found.margin:.2g}, chance {found.chance:.2g}"
        )
        if found.outcome == "inconclusive":
            said += f": it takes about {found.needed} seeds to tell"
        return Check("training.15", stack, found.outcome, said)

    @property
    def published(self) -> list[tuple[str, float, float, float]]:
        """Each number of the published row: its name, and itself between the ends of the reference's interval."""
        row = self.recipe.published
        if row is None:
            return []
        curves = self.curves[REFERENCE]
        asked: list[tuple[str, str, list[float]]] = [("first loss", row.first_loss, [c.first_loss for c in curves])]
        for what in ("accuracy", "batch_loss"):
            asked += [
                (f"{what.replace('batch_', 'test ')} {epoch + 1}", text, [getattr(c, what)[epoch] for c in curves])
                for epoch, text in enumerate(getattr(row, what)[: self.recipe.epochs])
            ]
        rows = []
        for name, text, values in asked:
            low, high = acceptance.interval(values, len(asked))
            half = 0.5 * 10.0 ** -len(text.partition(".")[2])  # of the last digit that is printed
            rows.append((name, low - half, float(text), high + half))
        return rows

    @property
    def about(self) -> dict[str, Any]:
        """What was run, as plain data."""
        told: dict[str, Any] = results.plain(
            {
                "kind": "training",
                "torchstone": torchstone.__version__,
                "torch": torch.__version__,
                "backend": {"name": self.backend, "version": self.version},
                "dataset": self.dataset,
                "source": self.source,
                "stand_in": self.stand_in,
                "recipe": dataclasses.asdict(self.recipe),
                "seeds": self.seeds,
            }
        )
        return told

    def to_json(self) -> dict[str, Any]:
        """Everything as plain data. The same seeds give the same, but for the values under `seconds` and `cost`."""
        told: dict[str, Any] = results.plain(
            {
                **self.about,
                "passed": self.passed,
                "decision": summary.decision(self),
                "checks": [dataclasses.asdict(check) for check in self.checks],
                "steps": [dataclasses.asdict(each) for each in self.agreements],
                "stacks": {stack: [dataclasses.asdict(c) for c in curves] for stack, curves in self.curves.items()},
                "published": self.published if len(self.seeds) >= acceptance.SEEDS else [],
                "cost": self.cost,
                "notes": self.notes,
            }
        )
        return told

    def read(self, out: Path) -> bool:
        """Take what was found from the files of a folder, where they are of the same run and nothing broke in it."""
        file = out / "training.json"
        told = json.loads(file.read_text("utf-8")) if file.is_file() else {}
        about = json.loads(json.dumps(self.about))
        if about != {name: told.get(name) for name in about} or any(c["outcome"] == "error" for c in told["checks"]):
            return False
        stacks, steps = from_json([told["stacks"], told["steps"]])
        self.curves = {stack: [Curve(**curve) for curve in curves] for stack, curves in stacks.items()}
        self.agreements, self.notes = [Agreement(**each) for each in steps], told["notes"]
        return True

    def write(self, out: Path) -> list[Path]:
        """`training.json`, `training.md` and, with matplotlib, `learning-curves.png`: each whole or not at all."""
        out.mkdir(parents=True, exist_ok=True)
        written = []
        if plot.available():
            written.append(results.replace(out / "learning-curves.png", plot.png(self)))
        else:
            self.notes.append("no learning-curves.png: it needs matplotlib (pip install 'torchstone[plots]')")
        text = json.dumps(self.to_json(), indent=1, allow_nan=False) + "\n"
        written.append(results.replace(out / "training.md", summary.page(self, bool(written))))
        return [results.replace(out / "training.json", text), *written]


def flips(stack: Sequence[Curve], reference: Sequence[Curve]) -> list[tuple[int, int]]:
    """On how many test images each run of a stack is wrong where the reference's is right, and the reverse."""
    pairs = [(set(ours.wrong), set(theirs.wrong)) for ours, theirs in zip(stack, reference, strict=True)]
    return [(len(ours - theirs), len(theirs - ours)) for ours, theirs in pairs]


def _lockstep(each: Agreement) -> Check:
    clause = "training.13" if each.part == "first steps" else "training.20"
    found = each.reason or f"{each.dtype}: error {each.worst:.2g} of the budget at step {each.at} of {each.steps}"
    return Check(clause, each.stack, each.outcome, found)
