"""Formulas as MathML, which browsers draw by themselves, and the font that they are drawn with."""

import re
from functools import cache
from importlib.resources import files
from pathlib import Path

from docutils import nodes
from fontTools import subset
from fontTools.ttLib import TTFont
from math_core import LatexToMathML

FONT = "STIXTwoMath.woff"
# What LaTeX's words stand for: Greek, arrows, operators, and letters in italics, script, monospace and so on, which
# have places of their own.
RANGES = ((0x20, 0x7F), (0xA0, 0x100), (0x391, 0x3F7), (0x2000, 0x2070), (0x2100, 0x23FF), (0x27E0, 0x27F0))
SYMBOLS = "".join(chr(code) for first, last in (*RANGES, (0x1D400, 0x1D800)) for code in range(first, last))
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


def write_font(folder: Path) -> None:
    """Write the part of the font STIX Two Math that formulas need; its licence is the SIL Open Font License."""
    folder.mkdir(parents=True, exist_ok=True)
    with (files("ziamath.fonts") / "STIXTwoMath-Regular.ttf").open("rb") as file:
        font = TTFont(file)
        options = subset.Options(layout_features=["*"], name_IDs=["*"], flavor="woff", recalc_timestamp=False)
        subsetter = subset.Subsetter(options)
        subsetter.populate(text=SYMBOLS)
        subsetter.subset(font)
        subset.save_font(font, str(folder / FONT), options)
    said = [font["name"].getDebugName(number) or "" for number in (0, 13, 14)]
    (folder / "STIXTwoMath.txt").write_text("\n".join(["STIX Two Math, a part of it.", *said, ""]), "utf-8")
