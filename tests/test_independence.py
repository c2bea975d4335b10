"""The reference is an oracle only as long as it imports nothing of what it judges."""

import ast
import inspect
from pathlib import Path

import pytest

import torchstone.reference
from torchstone.conformance.clauses import components, pages
from torchstone.conformance.oracle import rule
from torchstone.reference.optimizer import defaults

ROOT = Path(inspect.getfile(torchstone.reference)).parent
CLOTHES = ROOT / "torch_api.py"  # torch's classes around the reference: no component may use it
FILES = sorted(set(ROOT.rglob("*.py")) - {CLOTHES})
# The spec itself defines what these compute, so the reference must not call them.
DEFINED = {
    "softmax",
    "log_softmax",
    "cross_entropy",
    "nll_loss",
    "mse_loss",
    "l1_loss",
    "binary_cross_entropy",
    "logsumexp",
}


UNWANTED = {"torch.nn", "torch.optim", "torchstone.conformance"}


def offences(source: str) -> list[str]:
    """What a file of the reference may not do: import the suite, or use torch's losses, optimizers and schedulers."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.startswith(("torch.", "torchstone.conformance"))]
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names]
            if module.startswith(("torch.", "torchstone.conformance")):
                found.append(module)
            found += [name for name in names if name in UNWANTED or name.startswith("torchstone.reference.torch_api")]
        if isinstance(node, ast.Attribute):
            path = ast.unparse(node)
            if path.startswith(("torch.nn", "torch.optim", "torch._C", "torch.ops", "torch.special")):
                found.append(path)
            if node.attr in DEFINED and path != f"torchstone.{node.attr}":
                found.append(path)
            if node.attr.endswith("_") and not node.attr.startswith("_") and node.attr != "requires_grad_":
                found.append(f"{path} changes a tensor in place")
    return found


def test_torchs_clothes_know_nothing_of_the_suite():
    assert "torchstone.conformance" not in CLOTHES.read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_reference_uses_plain_torch_operations_only(path):
    assert offences(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "import torch.nn.functional as F",
        "from torch.nn import functional",
        "from torch import nn",
        "import torch\ntorch.nn.functional.mse_loss",
        "import torch\ntorch.optim.Adam",
        "from torchstone.conformance import judge",
        "from torchstone.reference import torch_api",
        "def f(x): return x.log_softmax(1)",
        "def f(x): return x.add_(1)",
    ],
)
def test_the_scan_notices(source):
    assert offences(source)


@pytest.mark.parametrize("page", components(), ids=lambda page: page.stem)
def test_the_parameter_table_is_the_reference_signature(page):
    module = rule(page.kind, page.stem)
    if page.kind == "losses":
        signature = inspect.signature(getattr(module, page.stem)).parameters.values()
        options = {p.name: p.default for p in signature if p.kind is p.KEYWORD_ONLY}
    else:
        options = defaults(module)
    table = {parameter.name: parameter.default for parameter in page.parameters}
    assert list(table) == list(options)
    for name, default in options.items():
        stated = table[name]
        assert (default is inspect.Parameter.empty) if stated == "required" else ast.literal_eval(stated) == default


def test_every_clause_id_in_the_reference_is_a_clause():
    known = {clause.id for page in pages().values() for clause in page.clauses}
    stems = "|".join(page for page in pages())
    import re

    for path in FILES:
        for comment in re.findall(r"#(.*)$", path.read_text(), re.MULTILINE):
            cited = re.findall(rf"\b(?:{stems})\.\d+", comment)
            assert set(cited) <= known, path
