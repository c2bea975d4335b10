"""Formulas as MathML, which browsers draw by themselves, and the font that they are drawn with."""

import html
import logging
import re
from functools import cache
from importlib.resources import files
from pathlib import Path

from docutils import nodes
from fontTools import subset
from fontTools.ttLib import TTFont
from math_core import LatexToMathML

FONT = "STIXTwoMath.woff"
# Browsers show a letter of a formula as the italic one that has a place of its own: Latin, then Greek.
ITALIC = "".join(map(chr, (*range(0x1D434, 0x1D468), 0x210E, *range(0x1D6E2, 0x1D71C))))
ROOT_SIGN = "√"  # drawn for <msqrt>, whose text does not have it
LONG = 30  # characters of LaTeX, which may be too many for a line on a phone
CONVERTER = LatexToMathML(annotation=False)


@cache
def mathml(latex: str, display: bool) -> str:
    """A formula as a MathML element. Raises `math_core.LatexError` where it cannot be read."""
    # A formula inside a text inside a formula: the text is cut in two around it.
    flat = re.sub(r"\\text\{([^{}$]*)\$([^$]+)\$([^{}$]*)\}", r"\\text{\1}\2\\text{\3}", latex)
    return str(CONVERTER.convert_with_local_state(flat.strip(), displaystyle=display))


def visit_inline(translator: object, node: nodes.math) -> None:
    """The inline renderer for Sphinx."""
    long = " long" if len(node.astext()) > LONG else ""
    translator.body.append(f'<span class="formula{long}">{mathml(node.astext(), False)}</span>')  # type: ignore[attr-defined]
    raise nodes.SkipNode


def visit_block(translator: object, node: nodes.math_block) -> None:
    """The renderer of displayed formulas: those too wide for the page are scrolled by themselves."""
    formula = mathml(node.astext(), True)
    translator.body.append(f'<div class="formula" tabindex="0">{formula}</div>\n')  # type: ignore[attr-defined]
    raise nodes.SkipNode


def write_font(site: Path) -> None:
    """Write the part of the font STIX Two Math that the site's formulas need.

    Its licence is the SIL Open Font License.
    """
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # the style of the code, a11y-light, asks for all of INFO
    folder = site / "_static"
    pages = (file.read_text("utf-8") for file in site.rglob("*.html"))
    formulas = {formula for page in pages for formula in re.findall(r"<math.*?</math>", page, re.DOTALL)}
    with (files("ziamath.fonts") / "STIXTwoMath-Regular.ttf").open("rb") as file:
        font = TTFont(file)
        options = subset.Options(layout_features=["*"], name_IDs=["*"], flavor="woff", recalc_timestamp=False)
        subsetter = subset.Subsetter(options)
        subsetter.populate(text=ITALIC + ROOT_SIGN + html.unescape("".join(formulas)))
        subsetter.subset(font)
        subset.save_font(font, str(folder / FONT), options)
    said = [font["name"].getDebugName(number) or "" for number in (0, 13, 14)]
    (folder / "STIXTwoMath.txt").write_text("\n".join(["STIX Two Math, a part of it.", *said, ""]), "utf-8")
