"""The one place an argument is rejected, and the one form its message has."""


def require(ok: object, rule: str, got: object) -> None:
    """Raise `ValueError("<rule>, got <got>")` unless `ok` is true.

    `rule` names the component and says what must hold (`"huber: delta must be > 0"`). Write it positively, so that a
    NaN, which is neither greater nor smaller than anything, is refused too.
    """
    if not ok:
        raise ValueError(f"{rule}, got {got!r}")
