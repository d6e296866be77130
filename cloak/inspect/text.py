"""Bytes of unknown origin as one printable line."""

from cloak.names import shown

LONGEST = 600
"""Characters of a value that are kept."""

_MARKS = (
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
    (b"\xef\xbb\xbf", "utf-8"),
)


def clean(value: str, longest: int = LONGEST) -> str:
    r"""Return a value as one printable line: white space collapsed, control characters escaped, cut where it is long.

    Escape sequences that would change a terminal, and characters that turn the direction of writing, come out as
    escapes of their own.

    >>> clean("two\nlines \x1b[31m")
    'two lines \\x1b[31m'
    """
    line = " ".join(value[: 4 * longest].split())
    if len(line) > longest:
        line = f"{line[:longest]}… ({len(value):,} characters)"
    return shown(line)


def decoded(data: bytes | memoryview) -> str:
    """Text up to a zero byte, in UTF-8 where it is that, else Latin-1."""
    raw = bytes(data[: 1 << 16])
    for mark, name in _MARKS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(name, "replace").partition("\0")[0].strip()
    raw = raw.split(b"\0", 1)[0]
    try:
        return raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        return raw.decode("latin-1").strip()


def whole(data: bytes | memoryview) -> str:
    """Text of any Unicode encoding, told by its mark or its zero bytes."""
    raw = bytes(data)
    for mark, name in _MARKS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(name, "replace")
    if raw[:1] == b"\0" and raw[1:2] not in {b"", b"\0"}:
        return raw.decode("utf-16-be", "replace")
    if raw[1:2] == b"\0" and raw[:1] != b"\0":
        return raw.decode("utf-16-le", "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
