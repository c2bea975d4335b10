"""The catalogue against torch: what it exports and what its constructors take is in the spec, or listed here."""

import importlib
import inspect
import json
import re
from pathlib import Path

import pytest
from torch import optim
from torch.nn.modules import loss
from torch.nn.utils import clip_grad
from torch.optim import lr_scheduler, swa_utils

from tests.test_command import torchstone
from torchstone.conformance.clauses import clauses, components

# Names of torch's lists that are no components.
NO_COMPONENTS = {"Optimizer", "LRScheduler", "lr_scheduler", "swa_utils", "swap_in_optimizer_params_and_state"}
EXPORTED = {
    "losses": {*loss.__all__, "AdaptiveLogSoftmaxWithLoss", "Softmax", "LogSoftmax", "Softmin"} - {"NLLLoss2d"},
    "optimizers": set(optim.__all__),
    "schedulers": {*lr_scheduler.__all__, "SWALR"},
    "gradients": {*clip_grad.__all__} - {"clip_grad_norm"},
    "averages": {name for name in swa_utils.__all__ if name.endswith("_avg_fn") and "_multi_" not in name},
}
GIVEN = {"self", "params", "parameters", "optimizer"}  # what a component works on, and no option of it
GENERAL = {"last_epoch"}  # spec/scheduler.md has it for all schedulers


@pytest.mark.parametrize("kind", EXPORTED)
def test_what_torch_exports_has_a_page(kind):
    pages = {page.torch_name for page in components(kind)}
    assert EXPORTED[kind] - NO_COMPONENTS == pages


@pytest.mark.parametrize("page", components(), ids=lambda page: page.stem)
def test_every_parameter_of_torchs_constructor_is_on_the_page(page):
    module, _, name = page.torch_path.rpartition(".")
    found = getattr(importlib.import_module(module), name)
    taken = set(inspect.signature(found.__init__ if inspect.isclass(found) else found).parameters)
    # Below the table a sentence names the options that choose an implementation, and those that are deprecated.
    beside = [line for line in page.text.splitlines() if line.startswith("Not specified") or "deprecated" in line]
    said = {parameter.name for parameter in page.parameters} | set(re.findall(r"`(\w+)`", "\n".join(beside)))
    assert taken - GIVEN - GENERAL - said == set()


def test_the_changelog_names_every_clause():
    text = (Path(__file__).parents[1] / "CHANGELOG.md").read_text("utf-8")
    named = re.findall(r"`(\w+)\.(\d+)`–`(\d+)`", text)
    assert {f"{stem}.{i}" for stem, first, last in named for i in range(int(first), int(last) + 1)} == set(clauses())


def test_the_readme_says_how_small_the_reference_is():
    rows = json.loads(torchstone("list", "components", "--json").stdout)
    clause_count, lines = (sum(row[column] for row in rows) for column in ("clauses", "reference lines"))
    text = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    said = f"{len(rows)} components, {clause_count:,} clauses on their pages, {lines:,} lines of reference code"
    assert said in text
    assert lines < 25 * len(rows)
