"""Whom an X.509 certificate names, as far as content credentials need it.

Source: RFC 5280, section 4.1; ITU-T X.690 (DER).
"""

from collections.abc import Iterator
from itertools import islice

from cloak.image.structure import Cursor, StructureError
from cloak.inspect.text import decoded

_SEQUENCE, _SET, _VERSION, _OBJECT, _WIDE = 0x30, 0x31, 0xA0, 0x06, 0x1E
_NAMES = {b"\x55\x04\x03": "common name", b"\x55\x04\x0a": "organisation", b"\x55\x04\x0b": "unit"}
_MAIL = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"
_SUBJECT = 4  # parts of a certificate before its subject: serial number, signature, issuer, validity


def subject(certificate: bytes) -> str:
    """The name of a certificate's holder: common name, organisation, unit and e-mail address, each once.

    Raises:
        StructureError: it is none.
    """
    (whole,) = _first(memoryview(certificate), 1)
    (signed,) = _first(whole[1], 1)
    parts = list(_elements(signed[1]))
    parts = parts[1:] if parts and parts[0][0] == _VERSION else parts  # which older ones leave out
    if len(parts) <= _SUBJECT or parts[_SUBJECT][0] != _SEQUENCE:
        raise StructureError("a certificate without a subject")
    found: dict[str, str] = {}
    for kind, names in _elements(parts[_SUBJECT][1]):
        for _, pair in _elements(names) if kind == _SET else ():
            (tag, name), (form, value) = _first(pair, 2)
            if tag == _OBJECT and (bytes(name) in _NAMES or bytes(name) == _MAIL):
                text = bytes(value).decode("utf-16-be", "replace") if form == _WIDE else decoded(value)
                found.setdefault(text, "")
    return ", ".join(found)


def _first(data: memoryview, count: int) -> list[tuple[int, memoryview]]:
    found = list(islice(_elements(data), count))
    if len(found) < count:
        raise StructureError("a certificate that lacks a part")
    return found


def _elements(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Tag and content of each element in a row."""
    cursor = Cursor(data)
    while cursor.left:
        tag, size = cursor.uint(1), cursor.uint(1)
        if size > 0x84:
            raise StructureError("a certificate with an element that is too long")
        yield tag, cursor.take(cursor.uint(size & 0x7F) if size & 0x80 else size)


__all__ = ["subject"]
