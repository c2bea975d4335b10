"""The bibliography: what the pages cite, and which pages cite it."""

import re
from functools import cache

from builder import ROOT
from torchstone.conformance.clauses import pages

ENTRY = re.compile(r"^@(?P<kind>\w+)\{(?P<key>\w+),\n(?P<body>.*?)^\}", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"^\s*(\w+) = \{+(.*?)\}+,?$", re.MULTILINE)
AUTHOR = r"([A-Z]\w+)(?:,? (?:and )?[A-Z]\w+| et al\.)*"


@cache
def entries() -> dict[str, dict[str, str]]:
    """The fields of every work by its key."""
    text = (ROOT / "spec" / "references.bib").read_text("utf-8")
    return {found["key"]: dict(FIELD.findall(found["body"])) for found in ENTRY.finditer(text)}


def cited_by() -> dict[str, list[str]]:
    """The pages that cite each work in the line of their sources, by its key."""
    found: dict[str, list[str]] = {key: [] for key in entries()}
    for page in pages().values():
        line = re.search(r"source: (.+?)(?: · |$)", page.text, re.MULTILINE)
        for name, year in re.findall(AUTHOR + r" \((\d{4})\)", line[1] if line else ""):
            found[name.lower() + year].append(page.stem)
    return found


def markdown() -> str:
    """One line a work, in alphabetical order, with the pages that cite it."""
    cited = cited_by()
    return "\n".join(f"- {_said(fields)}{_pages(cited[key])}" for key, fields in sorted(entries().items()))


def _said(fields: dict[str, str]) -> str:
    authors = [" ".join(reversed(name.split(", "))) for name in fields["author"].split(" and ")]
    where = [fields.get(name, "") for name in ("journal", "booktitle", "publisher", "institution", "school")]
    volume = f"{fields.get('volume', '')}" + (f"({fields['number']})" if "number" in fields else "")
    place = ", ".join(filter(None, [*where, volume, fields.get("pages", "").replace("--", "–"), fields["year"]]))
    arxiv = f" [arXiv:{fields['eprint']}](https://arxiv.org/abs/{fields['eprint']})." if "eprint" in fields else ""
    link = f" <{fields['url']}>" if "url" in fields else ""
    return f"{', '.join(authors)}. *{fields['title']}*. {place}.{arxiv}{link}"


def _pages(stems: list[str]) -> str:
    links = [f"[{stem}]({pages()[stem].path})" for stem in stems]
    return f" Cited by {', '.join(links)}." if links else ""
