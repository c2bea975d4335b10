"""What stands beside the HTML: the pages as Markdown, `llms.txt`, `clauses.json`, the schemas and the font."""

import shutil
from importlib.resources import files
from pathlib import Path

from builder import ROOT, catalogue
from builder.sources import TITLES, Source
from torchstone.conformance.clauses import KINDS, clauses, components, pages
from torchstone.conformance.results import EDITION

SCHEMAS = ("program.schema.json", "trace.schema.json", "results.schema.json")


def publish(site: Path, written: list[Source]) -> None:
    """Write what machines read into the site."""
    for page in written:
        file = site / f"{page.name}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(page.plain, "utf-8")
    (site / "clauses.json").write_text(catalogue.as_json(), "utf-8")
    (site / "llms.txt").write_text(llms(written), "utf-8")
    (site / "schemas").mkdir(exist_ok=True)
    for name in SCHEMAS:
        (site / "schemas" / name).write_text((files("torchstone.conformance") / name).read_text("utf-8"), "utf-8")
    for name in ("references.bib",):
        shutil.copyfile(ROOT / "spec" / name, site / name)
    shutil.copyfile(ROOT / "CITATION.cff", site / "CITATION.cff")


def llms(written: list[Source]) -> str:
    """The list of pages for language models, by the convention of llmstxt.org."""
    stems = {page.path.removesuffix(".md") for page in pages().values()}
    lines = [
        "# Torchstone",
        "",
        f"> Losses, optimizers and learning-rate schedulers with PyTorch 2.13's semantics, edition {EDITION}: "
        f"{len(components())} components, {len(clauses())} numbered clauses, reference code and a conformance suite.",
        "",
        "Every page is Markdown. A clause such as adam.3 is one requirement with a permanent id, under it the line of "
        "reference code that computes it, the tests that hold a backend to it and how to cite it. "
        "[clauses.json](clauses.json) has them all.",
        "",
        "## Guides",
        "",
        *(
            f"- [{page.title}]({page.name}.md)"
            for page in written
            if page.name not in stems and page.name not in GENERATED
        ),
        "",
        "## General pages",
        "",
        *(f"- [{page.title}]({page.path})" for page in pages().values() if not page.kind),
    ]
    for kind in KINDS:
        lines += ["", f"## {TITLES[kind]}", ""]
        lines += [f"- [{page.title}]({page.path}): {page.text.split(chr(10) * 2)[1]}" for page in components(kind)]
    return "\n".join([*lines, ""])


GENERATED = {f"{kind}/index" for kind in KINDS}
