"""Keep the results of a run for the site.

    python docs/keep_results.py torchstone-results/results.jsonl docs/results/torch.jsonl

What the site does not show and the same run makes again is left out: times, programs, their courses and scripts. The
outcomes and numbers stay as they are, and `torchstone report` and `torchstone diff` read what is kept.
"""

import argparse
import json
from pathlib import Path

from torchstone.conformance import results

LEFT_OUT = ("seconds", "program", "course", "script")


def kept(text: str) -> str:
    """The lines of a results file without what is left out of its records."""
    first, *records, last = map(json.loads, text.splitlines())
    records = [{name: value for name, value in record.items() if name not in LEFT_OUT} for record in records]
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in (first, *records, last))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("results", type=Path, help="what `torchstone run` wrote")
    arguments.add_argument("to", type=Path, help="where the site looks for it, in docs/results")
    given = arguments.parse_args()
    results.read(given.results)  # it must be whole
    results.replace(given.to, kept(given.results.read_text("utf-8")))
    print(f"docs: {given.to}: {given.to.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
