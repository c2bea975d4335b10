"""Sphinx's configuration; `docs/build.py` writes the sources and calls Sphinx."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from torchstone.conformance.results import EDITION

project = "Torchstone"
author = "The Torchstone authors"
version = release = EDITION
copyright = f"The Torchstone authors. Edition {EDITION}, Apache-2.0"
language = "en"

extensions = ["myst_parser", "builder.directives"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
myst_dmath_double_inline = True
source_suffix = {".md": "markdown"}
exclude_patterns = ["files"]
nitpicky = True
# A console block shows what a command printed, which is no language; examples of the spec are shown by a directive.
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_title = f"Torchstone {EDITION}"
html_math_renderer = "mathml"
html_static_path = [str(Path(__file__).parent / "static")]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": True,
    "light_css_variables": {"color-brand-primary": "#7a4b12", "color-brand-content": "#1f5fa8"},
    "dark_css_variables": {"color-brand-primary": "#e0b26a", "color-brand-content": "#7db4f0"},
}
pygments_style = "a11y-light"
pygments_dark_style = "github-dark"
