"""Text for a report: a clause as HTML, what a backend said as nothing but text, and numbers as a person reads them."""

import math
import re
from functools import cache
from typing import Any

from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

# Characters that show nothing, turn the direction of what follows, or may not stand in XML or UTF-8.
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff\ud800-\udfff"
    "\U000e0000-\U000e0fff]"
)
FORMULA = re.compile(r"\$\$(?P<display>.+?)\$\$|\$(?P<inline>[^$]+)\$", re.DOTALL)
LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
MARK = re.compile("\x02(\\d+)\x03")
XMLNS = ' xmlns="http://www.w3.org/1998/Math/MathML"'  # HTML knows the elements without it
NUMBERED = re.compile("&#x([0-9A-F]+);")
TICKED = re.compile("`([^`]+)`")
# An underscore inside a word and a colon before a space are nothing but themselves.
MARKDOWN = re.compile(r"[\\`*\[\]#|~$]|(?<![^\W_])_|_(?![^\W_])|:(?=\S)")
ENTITIES = str.maketrans({"<": "&lt;", ">": "&gt;", "&": "&amp;"})


def visible(value: Any) -> Any:
    """The same JSON with every character that could not be seen written as its number."""
    if isinstance(value, str):
        return UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", value)
    if isinstance(value, list):
        return [visible(item) for item in value]
    if isinstance(value, dict):
        return {visible(name): visible(item) for name, item in value.items()}
    return value


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


@cache
def clause_html(text: str) -> Markup:
    """A clause of the spec as HTML, with its formulas as MathML and its links to other pages as their words."""
    formulas: list[str] = []

    def keep(found: re.Match[str]) -> str:
        display = "block" if found["display"] else "inline"
        source = (found["display"] or found["inline"]).strip().replace("\\_", "_")  # only names in \text have one
        formula = convert(source, display=display)
        formulas.append(NUMBERED.sub(_character, formula.replace(XMLNS, "").replace(' display="inline"', "")))
        return f"\x02{len(formulas) - 1}\x03"

    plain = FORMULA.sub(keep, LINK.sub(r"\1", text))
    return Markup(MARK.sub(lambda found: formulas[int(found[1])], _markdown().render(plain)))


def clause_markdown(text: str) -> str:
    """A clause of the spec as Markdown on one line, with its links to other pages as their words."""
    return " ".join(LINK.sub(r"\1", text).split())


def _character(found: re.Match[str]) -> str:
    """A character in place of its number, unless it is one of those that are markup."""
    character = chr(int(found[1], 16))
    return found[0] if character in "<>&" else character


def ticked(value: str) -> Markup:
    """Plain text as HTML, in which only what stands between backticks is set as code."""
    return Markup(TICKED.sub(r"<code>\1</code>", str(escape(value))))


def body(value: str) -> Markup:
    """Text between tags as HTML: quotes stay what they are there, which makes a program of JSON half as long."""
    return Markup(value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def markdown(value: object) -> str:
    """Text as Markdown that shows it, on one line: nothing in it is markup, a link, a mention or HTML."""
    escaped = MARKDOWN.sub(r"\\\g<0>", " ".join(str(value).split()).translate(ENTITIES))
    return escaped.replace("@", "&#64;").replace("www.", "www&#46;")


def fenced(text: str, language: str = "") -> str:
    """A block of code in Markdown, in a fence that nothing in it can close."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def number(value: object) -> str:
    """A number of a record, which may be the word for one that JSON has not."""
    found = float(value)  # type: ignore[arg-type]
    return repr(found)


def short(value: object) -> str:
    """A number in three digits."""
    found = float(value)  # type: ignore[arg-type]
    if not math.isfinite(found):
        return "∞" if found > 0 else "−∞" if found < 0 else "NaN"
    return f"{found:.2f}" if 0.005 <= abs(found) < 10 else f"{found:.3g}"
