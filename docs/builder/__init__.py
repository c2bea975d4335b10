"""Builds the site from the spec, the reference, the suite and the guides. `docs/build.py` runs it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EDITION_YEAR = "2026"
