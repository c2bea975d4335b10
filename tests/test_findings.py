"""docs/findings.md: what its scripts say of torch holds, and does not hold of the reference."""

import functools
import re
import warnings
from pathlib import Path

import pytest
import torch

from torchstone.conformance.backends.torch_like import PLACES
from torchstone.conformance.clauses import clauses
from torchstone.reference import torch_api

TEXT = (Path(__file__).parents[1] / "docs" / "findings.md").read_text()
FINDINGS = dict(re.findall(r"^### (.+?)\n(.+?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL))
SCRIPTS = {
    title: found[1] for title, text in FINDINGS.items() if (found := re.search(r"```python\n(.+?)```", text, re.S))
}


def run(script: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(script, "findings.md", "exec"), {})


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_torch_is_as_the_script_says(script):
    run(script)


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_the_reference_is_not(script, monkeypatch):
    """So a script can fail, and would where torch were mended."""
    for place in PLACES[1:]:
        module = functools.reduce(getattr, place.split("."), torch)
        for name in torch_api.__all__:
            if hasattr(module, name):
                monkeypatch.setattr(module, name, getattr(torch_api, name))
    with pytest.raises((AssertionError, ValueError)):
        run(script)


@pytest.mark.parametrize("text", FINDINGS.values(), ids=FINDINGS)
def test_a_finding_names_clauses_that_there_are(text):
    cited = set(re.findall(r"\b[a-z_]+\.\d+(?=[,.])", re.search(r"Clauses?: (.+?)(?=\s[A-Z(]|$)", text, re.M)[0]))
    assert cited
    assert cited <= set(clauses())
