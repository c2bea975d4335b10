"""Fetching one file: from the first mirror that has it, resumed where it broke off, in place only when it is right."""

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.progress import Progress

TIMEOUT = 15.0
CHUNK = 1 << 16


class Unreachable(Exception):
    """No mirror gave the file; the message says what each of them answered."""


def fetch(urls: Sequence[str], target: Path, sha256: str, size: int, progress: Progress | None = None) -> None:
    """Download to `target`. Until it is complete it is called `target.part`, where the next call goes on.

    Raises `Unreachable` when no URL gives a file with this checksum.
    """
    part = target.with_name(f"{target.name}.part")
    answers = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unreachable(f"{target.parent} cannot be made: {error}") from None
    task = progress.add_task(f"download {target.name}", total=size) if progress else None
    for url in urls:

        def shown(done: int) -> None:
            if progress and task is not None:
                progress.update(task, completed=done)

        try:
            _resume(url, part, size, shown)
        except (OSError, http.client.HTTPException) as error:
            answers.append(f"{url}: {getattr(error, 'reason', None) or error}")
            continue
        if hashlib.sha256(part.read_bytes()).hexdigest() == sha256:
            os.replace(part, target)
            return
        part.unlink()
        answers.append(f"{url}: the file there has another checksum")
    raise Unreachable("; ".join(answers))


def _resume(url: str, part: Path, size: int, shown: Callable[[int], None]) -> None:
    """Fetch what is missing of `size` bytes. What came before a connection broke stays in `part`."""
    have = part.stat().st_size if part.exists() else 0
    if have == size:
        return
    if have > size:
        have = 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        resumed = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        done = have if resumed else 0
        with part.open("ab" if resumed else "wb") as file:
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                done += len(chunk)
                shown(done)
    if done < size:
        raise urllib.error.URLError(f"the connection broke after {done:,} of {size:,} bytes")
