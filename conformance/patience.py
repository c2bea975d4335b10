"""How long one program may take where a mistake was made on purpose: a loop without an end is broken off.

Signals do this, so it is for the main thread; on a system that has none nothing is broken off.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

SECONDS = 5  # of the processor for one program of one test: what takes longer hangs
WAITING = 12  # times as long by the clock, for a program that sleeps, or a machine that does other work beside it


class Hang(Exception):
    """Something took longer than anything honest does."""


@contextmanager
def patience(seconds: float = SECONDS) -> Iterator[None]:
    """Raise `Hang` within when the time is over, and again and again, for what is broken off may play on."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    alarms = {signal.SIGPROF: (signal.ITIMER_PROF, 1), signal.SIGALRM: (signal.ITIMER_REAL, WAITING)}
    for alarm, (timer, times) in alarms.items():
        if signal.getsignal(alarm) is not _hang:
            signal.signal(alarm, _hang)  # for good: a signal that is late must not end the process
        signal.setitimer(timer, seconds * times, seconds * times)
    try:
        yield
    finally:
        for timer, _ in alarms.values():
            signal.setitimer(timer, 0)


def _hang(*_: Any) -> NoReturn:
    raise Hang("it took longer than anything honest does")
