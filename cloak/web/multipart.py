"""Forms with files (multipart/form-data): read within limits and in memory, and written anew.

What is read is not patched but written again under a boundary of our own, so that what reads it next sees the parts
that we saw, whatever it makes of padding, line ends or boundaries inside boundaries. What two readers could understand
in two ways is refused: a header that is there twice or holds a line end, a part inside a part, a part in base64.

Source: RFC 7578, RFC 2046 section 5.1, RFC 6266 section 4 (file names).
"""

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from cloak.errors import MissingExtraError

try:
    from python_multipart.exceptions import MultipartParseError
    from python_multipart.multipart import MultipartParser
except ModuleNotFoundError as missing:
    raise MissingExtraError("forms with files", "web") from missing

_FORM = re.compile(
    r'multipart/form-data[ \t]*;[ \t]*boundary=(?:"([^"\\]+)"|([^\s";,]+))(?:[ \t]*;[ \t]*charset=[\w"-]+)?', re.I
)
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_PARAMETER = re.compile(rb'[ \t]*;[ \t]*([^\s=;"]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^\s;"]*)[ \t]*', re.S)
_EXTENDED = re.compile(rb"[A-Za-z0-9-]+'[A-Za-z0-9-]*'(.*)", re.S)
_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_ONCE = frozenset({b"content-disposition", b"content-type", b"content-transfer-encoding"})
_PLAIN = frozenset({b"7bit", b"8bit", b"binary"})


class FormError(ValueError):
    """A body is no form, or one that could be understood in two ways."""


class TooMuchError(ValueError):
    """A body is over a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormLimits:
    """How much a form may be.

    Attributes:
        total: bytes of the whole body.
        parts: how many there may be.
        headers: for each part.
        header: bytes of one of them.
    """

    total: int = 64 * 2**20
    parts: int = 200
    headers: int = 16
    header: int = 4096


@dataclass(slots=True)
class Part:
    """One field of a form.

    Attributes:
        headers: as they came, names included.
        body: its bytes.
    """

    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray | bytes = field(default_factory=bytearray)

    def header(self, name: bytes) -> bytes | None:
        """Return the value of the header of this name in lower case, if it is there."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def name(self) -> str:
        """What the form calls it."""
        return _text(_unquoted(self._parameters()[b"name"]))

    @property
    def file_names(self) -> tuple[str, ...]:
        """What its file is called: none for a field that is no file, two if `filename*` says something too."""
        parameters = self._parameters()
        names = [_text(_unquoted(parameters[b"filename"]))] if b"filename" in parameters else []
        if b"filename*" in parameters:
            names.append(_extended(parameters[b"filename*"]))
        return tuple(names)

    def rename(self, name: str) -> None:
        """Give its file another name, of letters that need no quoting."""
        kept = b"".join(b"; %s=%s" % pair for pair in self._parameters().items() if not pair[0].startswith(b"filename"))
        self.replace(b"content-disposition", b'form-data%s; filename="%s"' % (kept, name.encode("ascii")))

    def replace(self, name: bytes, value: bytes | None) -> None:
        """Set a header, in its place or after the others, or take it away."""
        at = next((at for at, (key, _) in enumerate(self.headers) if key.lower() == name), len(self.headers))
        self.headers[at : at + 1] = (
            [] if value is None else [(self.headers[at][0] if at < len(self.headers) else name, value)]
        )

    def check(self) -> None:
        """Refuse headers that another reader could understand in another way.

        Raises:
            FormError: it has such headers.
        """
        keys = [key.lower() for key, _ in self.headers]
        twice = next((key for key in keys if key in _ONCE and keys.count(key) > 1), None)
        if twice:
            raise FormError(f"a part has the header {twice.decode()} twice: send it once")
        if any(_CONTROLS.search(value) for _, value in self.headers):
            raise FormError("a header of a part holds a control character: percent-encode file names")
        coding = self.header(b"content-transfer-encoding")
        if coding is not None and coding.strip().lower() not in _PLAIN:
            raise FormError(f"a part is coded as {_text(coding)!r}: send files as they are")
        if (self.header(b"content-type") or b"").strip().lower().startswith((b"multipart/", b"message/")):
            raise FormError("a part holds parts: send each file as a part of its own")
        if b"name" not in self._parameters():
            raise FormError("a part has no name: give each field one")
        self.file_names  # noqa: B018 -- refuses coded names that cannot be read

    def _parameters(self) -> Mapping[bytes, bytes]:
        value = (self.header(b"content-disposition") or b"").strip()
        kind, at = value[:9], 9
        parameters: dict[bytes, bytes] = {}
        while match := _PARAMETER.match(value, at):
            key, at = match[1].lower(), match.end()
            if key in parameters:
                raise FormError(f"content-disposition says {_text(key)} twice: say it once")
            parameters[key] = match[2]
        if (
            kind.lower() != b"form-data"
            or at != len(value)
            or any(b"*" in key and key != b"filename*" for key in parameters)
        ):
            raise FormError('content-disposition is not understood: write form-data; name="..."; filename="..."')
        return parameters


def boundary_of(content_type: str) -> bytes | None:
    """Return the boundary of a form with files, or None where the type is another.

    Raises:
        FormError: it speaks of parts, but not in the one way that all readers agree on.
    """
    if "multipart" not in content_type.lower():
        return None
    match = _FORM.fullmatch(content_type.strip())
    boundary = (match[1] or match[2]) if match else ""
    if not _BOUNDARY.fullmatch(boundary):
        raise FormError("the content type is not understood: write multipart/form-data; boundary=...")
    return boundary.encode("ascii")


class FormReader:
    """Reads a form as it comes.

    Args:
        boundary: what lies between its parts.
        limits: how much it may be.
    """

    def __init__(self, boundary: bytes, limits: FormLimits) -> None:
        self._limits = limits
        self._parts: list[Part] = []
        self._key, self._value = bytearray(), bytearray()
        self._size, self._ended = 0, False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._key.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._header,
                "on_headers_finished": self._headed,
                "on_part_data": lambda data, start, end: self._body.extend(data[start:end]),
                "on_end": self._end,
            },
            max_header_count=limits.headers,
            max_header_size=limits.header,
        )

    def feed(self, data: bytes) -> None:
        """Read on.

        Raises:
            FormError: this is no form, or one that could be understood in two ways.
            TooMuchError: it is over a limit.
        """
        self._size += len(data)
        if self._size > self._limits.total:
            raise TooMuchError(f"the body has more than {self._limits.total} bytes: send fewer photos at a time")
        try:
            self._parser.write(data)
        except MultipartParseError as error:
            raise FormError(f"the body is not the form it is said to be: {error}") from None

    def close(self) -> list[Part]:
        """Return the parts, in order.

        Raises:
            FormError: the end is missing.
        """
        if not self._ended:
            raise FormError("the form has no end: send it again")
        return self._parts

    def _begin(self) -> None:
        if len(self._parts) == self._limits.parts:
            raise TooMuchError(f"the form has more than {self._limits.parts} parts: send fewer at a time")
        self._body = bytearray()
        self._parts.append(Part(body=self._body))

    def _header(self) -> None:
        self._parts[-1].headers.append((bytes(self._key), bytes(self._value)))
        self._key.clear()
        self._value.clear()

    def _headed(self) -> None:
        self._parts[-1].check()

    def _end(self) -> None:
        self._ended = True


def new_boundary() -> bytes:
    """Return a boundary that nobody can have put into a part."""
    return b"cloak-" + secrets.token_hex(24).encode("ascii")


def written(parts: list[Part], boundary: bytes) -> Iterator[bytes]:
    """Yield the pieces of a form."""
    for part in parts:
        lines = (b"%s: %s\r\n" % header for header in part.headers)
        yield b"--%s\r\n%s\r\n" % (boundary, b"".join(lines))
        yield bytes(part.body)
        yield b"\r\n"
    yield b"--%s--\r\n" % boundary


def _unquoted(value: bytes) -> bytes:
    return re.sub(rb"\\(.)", rb"\1", value[1:-1], flags=re.S) if value.startswith(b'"') else value


def _extended(value: bytes) -> str:
    match = _EXTENDED.fullmatch(_unquoted(value))
    if not match:
        raise FormError("filename* is not understood: write filename*=UTF-8''name")
    return _text(unquote_to_bytes(match[1]))


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
