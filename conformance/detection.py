"""What the audit found: how much the suite notices, where, how soon, and what it does not."""

import json
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import rich.progress
from rich.console import Console
from rich.table import Table

console = Console()

Finding = dict[str, Any]


def gather(commands: Sequence[Sequence[str]], out: Path) -> list[Finding]:
    """Run the parts of an audit side by side, and read what they write, in the order of the cases' names.

    Raises `CalledProcessError` where a part does not come to its end.
    """
    parts = [out / f"audit-{part}.jsonl" for part in range(len(commands))]
    for part in parts:
        part.unlink(missing_ok=True)
    started = [subprocess.Popen(command) for command in commands]
    columns = (*rich.progress.Progress.get_default_columns()[:1], rich.progress.TimeElapsedColumn())
    try:
        with rich.progress.Progress(*columns, console=console) as bar:
            task = bar.add_task("audit", total=None)
            while any(process.poll() is None for process in started):
                time.sleep(0.2)
                found = _read(parts)
                missed = sum(finding["outcome"] == "survived" for finding in found)
                bar.update(task, description=f"audit: {len(found)} variants played, {missed} not noticed")
    finally:
        for process in started:
            process.terminate()
    for process, command in zip(started, commands, strict=True):
        if process.returncode not in (0, 5):  # 5: pytest saw no test end, since the audit plays them itself
            raise subprocess.CalledProcessError(process.returncode, command)
    found = sorted(_read(parts), key=lambda finding: (finding["component"], finding["kind"], finding["id"]))
    for part in parts:
        part.unlink(missing_ok=True)
    return found


def _read(parts: Sequence[Path]) -> list[Finding]:
    texts = [part.read_text("utf-8") for part in parts if part.exists()]
    return [json.loads(line) for text in texts for line in text.splitlines(keepends=True) if line.endswith("\n")]


def wrong(finding: Finding) -> bool:
    """A mistake that nothing noticed, or not the test of a clause it breaks, or a correct component accused."""
    return bool((finding["outcome"] == "killed") == (finding["kind"] == "control") or finding["missed"])


def show(findings: Sequence[Finding], file: Path) -> int:
    """Write the findings, print what they come to, and give the exit code."""
    file.write_text(json.dumps(list(findings), indent=1) + "\n", "utf-8")
    table = Table(header_style="bold", show_footer=True, box=None)
    total: Counter[str] = Counter()
    rows = []
    for component in dict.fromkeys(finding["component"] for finding in findings):
        own = [finding for finding in findings if finding["component"] == component]
        rows.append((component, own))
        total.update(wrong=sum(map(wrong, own)), played=len(own))
    for title, footer in (("component", "all"), ("variants", str(total["played"])), ("missed", str(total["wrong"]))):
        table.add_column(title, footer, justify="left" if title == "component" else "right")
    for title in ("programs to the first kill", "seconds", "slowest"):
        table.add_column(title, justify="right")
    for component, own in rows:
        killed = [finding for finding in own if finding["outcome"] == "killed"]
        programs = statistics.median(finding["programs"] for finding in killed) if killed else 0
        seconds = [finding["seconds"] for finding in killed] or [0.0]
        table.add_row(
            component,
            str(len(own)),
            str(sum(map(wrong, own))),
            f"{programs:g}",
            f"{statistics.median(seconds):.2f}",
            f"{max(seconds):.1f}",
        )
    for finding in filter(wrong, findings):
        missed = f", and not noticed by {', '.join(finding['missed'])}" if finding["missed"] else ""
        console.print(f"[bold red]{finding['outcome']}[/] {finding['id']}{missed}", highlight=False)
        console.print("    " + (finding["change"] or finding["rule"]).replace("\n", "\n    "), markup=False)
    console.print(table)
    share = 1 - total["wrong"] / total["played"] if findings else 0.0
    console.print(
        f"{total['played']} played, {total['wrong']} wrongly judged ({share:.1%} right): {file}", highlight=False
    )
    return 1 if total["wrong"] or not findings else 0
