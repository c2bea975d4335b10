"""The Sphinx extension: clauses as cards, reference code whose lines lead to clauses, plots, and ids that are links."""

import html
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from sphinx.application import Sphinx
from sphinx.domains import Domain, ObjType
from sphinx.util.nodes import make_refnode

from builder import catalogue, formulas
from builder.plots import plot
from torchstone.conformance.clauses import Clause, clauses, component, pages
from torchstone.conformance.known import Deviation
from torchstone.conformance.results import plural
from torchstone.conformance.variants import Variant

ID = re.compile(r"\b[a-z][a-z0-9_]*\.\d+\b(?!\.\d)")
FORMAT = HtmlFormatter(nowrap=True)


class markup(nodes.General, nodes.Element):
    """HTML that the search does not index."""


class clause_card(nodes.General, nodes.Element):
    """A clause: its text is inside, and what is known of it follows."""


def escape(text: Any) -> str:
    return html.escape(str(text))


def coloured(text: str, language: str = "python") -> str:
    return str(highlight(text, get_lexer_by_name(language, stripnl=False), FORMAT)).rstrip("\n")


class ClauseDirective(Directive):
    """A clause of the spec; its argument is the id, its content the text and the notes."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        card = clause_card(ids=[self.arguments[0]], names=[], clause=self.arguments[0])
        self.state.nested_parse(self.content, self.content_offset, card)
        for paragraph in card.findall(nodes.paragraph):
            if paragraph.astext().startswith(("Note.", "Why.")):
                paragraph["classes"].append("clause-note")
        return [card]


class ReferenceDirective(Directive):
    """A file of the reference."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        return [markup(reference=self.arguments[0])]


class PlotDirective(Directive):
    """The plot of a component."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        shown = plot(component(self.arguments[0]))
        caption = nodes.paragraph(classes=["plot-caption"])
        texts, _ = self.state.inline_text(shown.caption, self.lineno)
        caption += texts
        panels = "".join(f'<div class="plot">{panel}</div>' for panel in shown.panels)
        return [markup(html=f'<div class="plots">{panels}</div>'), caption]


class ExampleDirective(Directive):
    """An example block of the spec and, folded, a script that shows its last number."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        block, _, script = "\n".join(self.content).partition("\n---\n")
        shown = f'<div class="highlight"><pre>{coloured(block)}</pre></div>'
        folded = f'<div class="highlight"><pre>{coloured(script)}</pre></div>'
        return [
            markup(
                html=f'<div class="example" id="{escape(self.arguments[0])}">{shown}'
                f"<details><summary>as a script</summary>{folded}</details></div>"
            )
        ]


class ClauseDomain(Domain):
    """Clauses as objects, so that the search finds an id and other projects can link to it."""

    name = "clause"
    label = "spec"
    object_types: ClassVar[dict[str, ObjType]] = {"clause": ObjType("clause")}

    def get_objects(self) -> Iterable[tuple[str, str, str, str, str, int]]:
        for id, clause in clauses().items():
            yield id, id, "clause", clause.page.removesuffix(".md"), id, 0

    def merge_domaindata(self, docnames: Any, otherdata: Any) -> None:
        """Nothing is kept here."""

    def resolve_any_xref(self, *args: Any) -> list[Any]:
        return []


def link_ids(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Turn every id of a clause in the text into a link that shows the clause's text."""
    for text in list(doctree.findall(nodes.Text)):
        parent = text.parent
        if isinstance(parent, nodes.literal) and ID.fullmatch(str(text)) is None:
            continue
        if any(isinstance(each, STAY) for each in _ancestors(text)) or not ID.search(text):
            continue
        parts: list[nodes.Node] = []
        end = 0
        for found in ID.finditer(text):
            if found[0] not in clauses():
                continue
            parts.append(nodes.Text(text[end : found.start()]))
            page = clauses()[found[0]].page.removesuffix(".md")
            link = make_refnode(app.builder, docname, page, found[0], nodes.Text(found[0]))
            link["reftitle"] = " ".join(clauses()[found[0]].text.split())
            parts.append(link)
            end = found.end()
        if parts:
            parent.replace(text, [*parts, nodes.Text(text[end:])])


STAY = (nodes.reference, nodes.literal_block, nodes.title, nodes.math, nodes.math_block, nodes.raw, markup)


def _ancestors(node: nodes.Node) -> Iterable[nodes.Node]:
    while node.parent is not None:
        node = node.parent
        yield node


def anchor_options(app: Sphinx, doctree: nodes.document) -> None:
    """Give every row of a parameter table an anchor: `optimizers/adam.html#option-lr`."""
    stem = app.env.docname.rpartition("/")[2]
    names = {row.name for row in pages()[stem].parameters} if stem in pages() else set()
    for row in doctree.findall(nodes.row):
        first = row[0].astext() if len(row) else ""
        if first in names and isinstance(row[0][0][0], nodes.literal):
            row["ids"].append(f"option-{first}")
            names.discard(first)


def visit_markup(translator: Any, node: markup) -> None:
    if "reference" in node:
        translator.body.append(_listing(translator, node["reference"]))
    else:
        translator.body.append(node["html"])
    raise nodes.SkipNode


def _listing(translator: Any, file: str) -> str:
    """A file of the reference, each line with an anchor, the clauses that it computes and links to them."""
    texts = catalogue.source(file).splitlines()
    shown = []
    for number, (line, text) in enumerate(zip(coloured(catalogue.source(file)).split("\n"), texts, strict=True), 1):
        ids = list(dict.fromkeys(catalogue.ids_of(text)))
        for id in ids:
            link = f'<a href="{_href(translator, id)}" title="{escape(clauses()[id].text)}">{id}</a>'
            line = re.sub(rf"(?<![\w.>]){re.escape(id)}(?![\w.])", link.replace("\\", r"\\"), line)
        computes = f' data-clauses="{" ".join(ids)}"' if ids else ""
        indent = f' style="--indent: {len(text) - len(text.lstrip())}ch"'
        shown.append(f'<span class="line" id="{anchor(file, number)}"{indent}{computes}>{line}\n</span>')
    first = next((n for n, text in enumerate(texts) if text.startswith(("def ", "class ", "@"))), 0)
    last = len("\n".join(texts[:first]).rstrip().splitlines())
    head, body = "".join(shown[:last]), "".join(shown[first:])
    return (
        f'<div class="listing"><details><summary>reference/{escape(file)}</summary>'
        f'<div class="highlight"><pre>{head}</pre></div></details><div class="highlight"><pre>{body}</pre></div></div>'
    )


def anchor(file: str, number: int) -> str:
    """The id of a line of the reference."""
    return f"{Path(file).name}-{number}"


def page_of(file: str) -> str:
    """The page that shows a file of the reference; none where no page does."""
    return next((page.path.removesuffix(".md") for page in pages().values() if page.file == file), "")


def _href(translator: Any, id: str) -> str:
    page = clauses()[id].page.removesuffix(".md")
    own = translator.builder.current_docname
    return f"#{id}" if page == own else f"{translator.builder.get_relative_uri(own, page)}#{id}"


def visit_clause(translator: Any, node: clause_card) -> None:
    id = escape(node["clause"])
    translator.body.append(
        f'<div class="clause" id="{id}"><a class="clause-id" href="#{id}" title="Permanent link to {id}">{id}</a>'
    )


def depart_clause(translator: Any, node: clause_card) -> None:
    clause, own = clauses()[node["clause"]], translator.builder.current_docname
    lines, places = [], []
    for line in catalogue.code().get(clause.id, ()):
        code = coloured(line.text.rpartition("  # ")[0])
        page = page_of(line.file)
        place = f"reference/{line.file}:{line.number}"
        uri = "" if page == own else translator.builder.get_relative_uri(own, page) if page else None
        shown = f'<code class="highlight">{code}</code>'
        href = "" if uri is None else f' href="{uri}#{anchor(line.file, line.number)}"'
        lines.append(f'<a class="clause-code"{href} title="{escape(place)}">{shown}</a>')
        places.append(f"<p><a{href}>{escape(place)}</a></p>")
    translator.body.append("".join(lines) + more(clause, places or _as_a_whole(clause)) + "</div>\n")


def _as_a_whole(clause: Clause) -> list[str]:
    """Where the code is of a clause that no line of it says alone, as of one on saving and loading."""
    file = pages()[clause.page.rpartition("/")[2].removesuffix(".md")].file
    if not (clause.testable and catalogue.has_code(file)):
        return []
    return [f'<p>No line says it alone: it follows from the whole of <a href="#in-code">reference/{file}</a>.</p>']


def more(clause: Clause, code: list[str]) -> str:
    """The folded part of a card: where the code is, tests, variants, who conforms, how to cite."""
    id = clause.id
    tests, broken = catalogue.held().get(id, ()), catalogue.broken_by().get(id, ())
    parts = [plural(len(tests), "test"), plural(len(broken), "variant")]
    said = [(run.label, *run.said_of(id)) for run in catalogue.runs()]
    said = [(label, verdict, where) for label, verdict, where in said if verdict]
    chips = "".join(
        f'<span class="chip" data-verdict="{verdict.partition(",")[0]}">{escape(label)} {verdict}</span>'
        for label, verdict, _ in said
    )
    inside = [
        _block("In code", code),
        _block("Tests", [_folded(test.name, test.place, test.source) for test in tests]),
        _block("Broken by", [_folded(each.id, _origin(each), each.change, "diff") for each in broken]),
        _block(
            "Who conforms",
            [f"<p>{escape(label)}: {escape(verdict)} ({escape(where)})</p>" for label, verdict, where in said],
        ),
        _block("Declared deviations", [_deviation(*each) for each in catalogue.deviations().get(id, ())]),
        _block(
            "Cite this clause",
            [
                f"<p>{escape(catalogue.citation(clause))}. Since edition {catalogue.since()[id]}.</p>",
                f'<div class="highlight"><pre>{escape(catalogue.bibtex(clause))}</pre></div>',
            ],
        ),
    ]
    summary = f"<summary><span>{' · '.join(parts)} · cite</span>{chips}</summary>"
    return f'<details class="more">{summary}{"".join(inside)}</details>'


def _block(title: str, items: list[str]) -> str:
    return f"<section><h4>{title}</h4>{''.join(items)}</section>" if items else ""


def _folded(name: str, about: str, code: str, language: str = "python") -> str:
    """A line that unfolds to a piece of code."""
    summary = f"<summary><code>{escape(name)}</code> <small>{escape(about)}</small></summary>"
    return f'<details>{summary}<div class="highlight"><pre>{coloured(code, language)}</pre></div></details>'


def _origin(variant: Variant) -> str:
    return f"dialect: {variant.shipped_by}" if variant.shipped_by else "mistake"


def _deviation(name: str, deviation: Deviation) -> str:
    link = f' <a href="{escape(deviation.link)}">upstream</a>' if deviation.link else ""
    which = catalogue.holder(name, deviation)
    reason = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(deviation.reason))
    return f"<p>{escape(which)}, {escape(deviation.component)}: {reason}{link}</p>"


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_node(markup, html=(visit_markup, None))
    app.add_node(clause_card, html=(visit_clause, depart_clause))
    for name, directive in (
        ("clause", ClauseDirective),
        ("reference", ReferenceDirective),
        ("plot", PlotDirective),
        ("example", ExampleDirective),
    ):
        app.add_directive(name, directive)
    app.add_domain(ClauseDomain)
    app.add_html_math_renderer("mathml", (formulas.visit_inline, None), (formulas.visit_block, None))
    app.connect("doctree-read", anchor_options)
    app.connect("doctree-resolved", link_ids)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
