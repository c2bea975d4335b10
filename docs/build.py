"""Builds the site into docs/_site: `python docs/build.py`, or `tox run -e docs`.

It needs no network. Warnings are errors, and the finished site is checked; what is wrong is printed, and the exit code
is 1. With `--check` a site that was built before is checked again.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import torch
from sphinx.cmd.build import main as sphinx

from builder import ROOT, check, formulas, publish, sources

SITE = ROOT / "docs" / "_site"


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="only check the site that is there")
    arguments.add_argument("--out", type=Path, default=SITE, help="the folder of the site")
    given = arguments.parse_args()
    torch.set_num_threads(1)
    started = time.monotonic()
    try:
        if not given.check:
            build(given.out)
        problems = check.problems(given.out)
    except sources.Broken as broken:
        problems = [str(broken)]
    for problem in problems:
        print(f"docs: {problem}", file=sys.stderr)
    print(f"docs: {len(problems)} problems, {given.out}, {time.monotonic() - started:.0f} s")
    return 1 if problems else 0


def build(out: Path) -> None:
    """Build the site into a folder beside `out` and put it there when it is complete."""
    written = sources.all_sources()
    beside = out.with_name(out.name + ".partial")
    shutil.rmtree(beside, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        for page in written:
            file = source / f"{page.name}.md"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(page.text, "utf-8")
        for path in sources.linked_files([page.text for page in written]):
            file = source / "files" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, file)
        options = ["--fail-on-warning", "--keep-going", "--quiet", "--jobs", "2", "--fresh-env"]
        command = [*options, "-b", "html", "-c", str(ROOT / "docs"), "-d", f"{folder}.doctrees", folder, str(beside)]
        status = sphinx(command)
        shutil.rmtree(f"{folder}.doctrees", ignore_errors=True)
    if status:
        raise sources.Broken(f"sphinx: it must end without a warning, got status {status}; what it says stands above")
    formulas.write_font(beside)
    publish.publish(beside, written)
    shutil.rmtree(out, ignore_errors=True)
    beside.rename(out)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("docs: interrupted, the site was not changed", file=sys.stderr)
        sys.exit(130)
