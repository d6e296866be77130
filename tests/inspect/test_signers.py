"""Content credentials: who signed them, by the certificate in the signature, and when, by its time stamp."""

import random
import struct

import pytest

from cloak.image.structure import StructureError
from cloak.inspect.certificates import subject

from .photos import inserted, jpeg, look, told

NAME, ORGANISATION, COUNTRY = b"\x55\x04\x03", b"\x55\x04\x0a", b"\x55\x04\x06"
MAIL = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"


def der(tag, *parts):
    """An element of DER."""
    content = b"".join(parts)
    size = bytes([len(content)]) if len(content) < 128 else b"\x82" + len(content).to_bytes(2, "big")
    return bytes([tag]) + size + content


def named(*pairs, form=0x0C):
    """A name: one set for each (kind, text)."""
    return der(0x30, *(der(0x31, der(0x30, der(0x06, kind), der(form, text))) for kind, text in pairs))


def certificate(holder, *, version=True):
    """As much of a certificate as says whose it is; its issuer is somebody else."""
    head = [der(0xA0, der(2, b"\2"))] if version else []
    rest = der(2, b"\x11"), der(0x30), named((NAME, b"Some Authority")), der(0x30), holder, bytes(2)
    return der(0x30, der(0x30, *head, *rest), der(0x30), der(3, bytes(70)))


def packed(value):
    """CBOR."""
    if value is None:
        return b"\xf6"
    if isinstance(value, int):
        return bytes([0x18, value])
    if isinstance(value, (list, dict)):
        items = value if isinstance(value, list) else [each for pair in value.items() for each in pair]
        return bytes([(0x80 if isinstance(value, list) else 0xA0) + len(value)]) + b"".join(map(packed, items))
    text = isinstance(value, str)
    data = value.encode() if text else value
    return bytes([0x79 if text else 0x59]) + len(data).to_bytes(2, "big") + data


def box(kind, content):
    return struct.pack(">I4s", 8 + len(content), kind) + content


def credentials(protected, open_):
    """A JPEG whose content credentials hold a signature."""
    signature = b"\xd2" + packed([packed(protected), open_, None, bytes(64)])
    whole = box(b"jumb", box(b"jumd", bytes(17) + b"c2pa.signature\0") + box(b"cbor", signature))
    return inserted(jpeg(), (0xEB, b"JP\0\1" + struct.pack(">I", 1) + whole))


ADA = certificate(named((COUNTRY, b"AT"), (ORGANISATION, b"Ada & Co"), (NAME, b"Ada L."), (MAIL, b"ada@example.org")))
AUTHORITY = certificate(named((NAME, b"Some Authority")))
TOKEN = {"tstTokens": [{"val": b"\x30\x40\x18\x0f20260501100000Z" + b"\x18\x1320270101000000.123Z"}]}


@pytest.mark.parametrize(
    ("protected", "open_"),
    [
        ({1: 7, 33: [ADA, AUTHORITY]}, {"sigTst": TOKEN}),
        ({1: 7, 33: ADA}, {"sigTst2": TOKEN, "pad": bytes(20)}),
        ({1: 7}, {"x5chain": [ADA, AUTHORITY], "sigTst": TOKEN}),
    ],
)
def test_who_signed_and_when_is_told(tmp_path, protected, open_):
    inspection = look(tmp_path, credentials(protected, open_))
    found = told(inspection)
    assert inspection.problem == ""
    assert found["who", "signed by"] == "Ada & Co, Ada L., ada@example.org"
    assert found["when", "signed"] == "2026-05-01 10:00:00 UTC"


def test_a_signature_without_certificate_or_time_says_neither(tmp_path):
    token = {"tstTokens": [{"val": b"\x18\x0f99999999999999Z"}]}
    for headers in (({1: 7}, {}), ({1: 7, 33: []}, {"sigTst": token})):
        found = told(look(tmp_path, credentials(*headers)))
        assert set(found) == {("travels", "content credentials (C2PA)")}


def test_names_of_every_form_are_read():
    assert subject(certificate(named((NAME, b"Ada")), version=False)) == "Ada"
    assert subject(certificate(named((NAME, "Adä".encode("utf-16-be")), form=0x1E))) == "Adä"
    assert subject(certificate(named((NAME, b"Ada"), (ORGANISATION, b"Ada")))) == "Ada"


def test_damaged_certificates_end_with_a_reason(tmp_path):
    draw = random.Random(3)  # noqa: S311 -- not for secrets
    for number in range(300):
        data = bytearray(ADA[: draw.randrange(1, len(ADA))] if number % 2 else ADA)
        data[draw.randrange(len(data))] = draw.randrange(256)
        try:
            assert isinstance(subject(bytes(data)), str)
        except StructureError:
            inspection = look(tmp_path, credentials({1: 7, 33: bytes(data)}, {}))
            assert ("travels", "content credentials (C2PA)") in told(inspection)
            assert "content credentials" in inspection.problem
