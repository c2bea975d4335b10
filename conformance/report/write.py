"""The report of a run: results in, an HTML page, a Markdown page, JUnit and a badge out. It needs no torch."""

import base64
import hashlib
import json
import xml.etree.ElementTree as xml
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from torchstone.conformance import failure
from torchstone.conformance.report import levels, plots, text
from torchstone.conformance.report import view as views
from torchstone.conformance.report.view import Report
from torchstone.conformance.results import BAD, Record, replace

TEMPLATES = files("torchstone.conformance.report") / "templates"
NAMES = ("report.html", "report.md", "badge.json", "junit.xml")
PRINTED = 20  # failures whose programs and scripts stand in the Markdown; a summary in CI holds 1 MiB
COLOURS = {
    "": "red",
    "core": "yellow",
    "gradients": "yellow",
    "stateful": "yellowgreen",
    "low precision": "green",
    "complete": "brightgreen",
}
UNDECIDED = ("unsupported", "inconclusive", "vacuous", "blocked")


def write(
    header: dict[str, Any], records: Sequence[Record], footer: dict[str, Any], out: Path, site: str = ""
) -> list[Path]:
    """Write report.html, report.md, badge.json and junit.xml into a folder, each whole or not at all.

    `site` is where the pages of the spec are on the web, for links from clauses to them.
    """
    report = views.view(header, records, footer)
    out.mkdir(parents=True, exist_ok=True)
    contents = (html(report, site), markdown(report), json.dumps(badge(report), indent=1) + "\n", junit(report))
    for name, content in zip(NAMES, contents, strict=True):
        replace(out / name, content)
    return [out / name for name in NAMES]


@cache
def _template(name: str) -> jinja2.Template:
    """A template; in those of HTML whatever comes from outside is escaped, and in those of Markdown by `md`."""

    def source(name: str) -> str:
        return (TEMPLATES / name).read_text("utf-8")

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(source),
        autoescape=name.endswith(".html"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=name.endswith(".html"),
        lstrip_blocks=name.endswith(".html"),
    )
    environment.globals.update(
        signs=views.SIGNS,
        meanings=views.MEANINGS,
        parts=levels.PARTS,
        dtypes=views.DTYPES,
        number=text.number,
        short=text.short,
        program=views.program,
        trajectory=plots.trajectory,
        strip=plots.strip,
        clause_html=text.clause_html,
        ticked=text.ticked,
        body=text.body,
        clause_markdown=text.clause_markdown,
        md=text.markdown,
        fenced=text.fenced,
    )
    return environment.get_template(name)


def html(report: Report, site: str = "") -> str:
    """One page that asks for nothing from elsewhere. Only its own script may run, by the hash in its policy."""
    style, script = (Markup((TEMPLATES / f"report.{kind}").read_text("utf-8")) for kind in ("css", "js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _template("report.html").render(
        report=report, style=style, script=script, script_hash=f"sha256-{digest}", site=site.rstrip("/")
    )


def markdown(report: Report) -> str:
    """The report in Markdown, short enough for the summary of a CI job."""
    return _template("report.md").render(report=report, most=PRINTED)


def badge(report: Report) -> dict[str, Any]:
    """An endpoint of shields.io. Nothing in it comes from the backend."""
    claim = report.claim
    colour = COLOURS[claim.level] if report.conforms or not claim.level else "yellow"  # a level, and failures beyond it
    return {
        "schemaVersion": 1,
        "label": f"torchstone {report.header['edition']}",
        "message": str(claim) if report.conforms or claim.level else "does not conform",
        "color": colour,
    }


def junit(report: Report) -> str:
    """JUnit: a suite for each component, a case for each clause in each dtype. A known deviation passes, saying so."""
    root = xml.Element("testsuites", name=f"torchstone: {report.label}", time=f"{report.footer['seconds']:.3f}")
    cases = [
        (row.page.stem, [record for record in report.records if record.component == row.page.stem])
        for row in report.rows
    ]
    for stem, own in cases:
        suite = xml.SubElement(root, "testsuite", name=stem)
        for record in own:
            _case(suite, record, report.label)
        _tally(suite)
    if report.footer["problems"]:
        suite = xml.SubElement(root, "testsuite", name="the suite itself")
        for problem in report.footer["problems"]:
            case = xml.SubElement(suite, "testcase", name=problem.partition("\n")[0], classname="torchstone")
            xml.SubElement(case, "error", message="the suite itself failed").text = problem
        _tally(suite)
    xml.indent(root)
    return xml.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: xml.Element, record: Record, label: str) -> None:
    name = f"{record.clause}[{record.dtype}]" if record.dtype else record.clause
    seconds = f"{sum(record.seconds.values()):.4f}"
    case = xml.SubElement(suite, "testcase", name=name, classname=f"torchstone.{record.component}", time=seconds)
    if record.outcome in BAD:
        kind = "error" if record.outcome == "error" else "failure"
        said = record.rule or f"{text.short(record.worst)} times its budget"
        xml.SubElement(case, kind, message=said, type=record.outcome).text = failure.text(record, label)
    elif record.outcome in UNDECIDED:
        xml.SubElement(case, "skipped", message=f"{record.outcome}: {record.reason}".removesuffix(": "))
    elif record.outcome == "known":
        xml.SubElement(case, "system-out").text = f"known: {record.reason}"


def _tally(suite: xml.Element) -> None:
    cases = list(suite)
    suite.set("tests", str(len(cases)))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(tag) is not None for case in cases)))
