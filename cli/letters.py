"""Ranges of first letters, as people write them."""

from cloak.errors import UsageError


def letter_range(text: str | None) -> tuple[str, str] | None:
    """Read "N-Z" or "N".

    Raises:
        UsageError: it is neither.
    """
    if not text:
        return None
    first, _, last = text.partition("-")
    if len(first) != 1 or len(last or first) != 1:
        raise UsageError(f"--names is one letter or two, such as N-Z, got {text!r}")
    return first, last or first
