"""What content credentials (C2PA) say: who and what made and changed a picture, when, and out of which others.

They are JUMBF: boxes in boxes, with JSON and CBOR inside. Whether a signature is right is not looked at.

Source: ISO/IEC 19566-5 (JUMBF); C2PA specification 2.1, sections 8 to 14; RFC 9052 and 9360 (COSE), 3161 (time).
"""

import json
import re
from collections.abc import Iterator

from cloak.image.bmff import Box, boxes
from cloak.image.structure import StructureError
from cloak.inspect import cbor, certificates
from cloak.inspect.finding import Harm, Notes

_SOURCE = "content credentials"
_DEEPEST, _MOST = 12, 2_000
_DATES = frozenset({"dateTime", "when", "created", "DateTimeOriginal", "signature_date", "datePublished", "CreateDate"})
_SOFTWARE = frozenset({"claim_generator", "softwareAgent"})
_PEOPLE = frozenset({"author", "creator", "producer", "publisher", "copyrightHolder", "Artist"})
_IDS = frozenset({"documentID", "instanceID", "DocumentID", "InstanceID"})
_ISO = re.compile(r"\d{4}-\d\d")
_SIGNATURE_PARTS = 4  # of a COSE signature: what it protects, what it does not, the content, the signature
_CHAINS = ("33", "x5chain")
_STAMPS = ("sigTst", "sigTst2")
_TIME = re.compile(rb"\x18[\x0f-\x15]((?:19|20)\d\d)([01]\d)([0-3]\d)([0-2]\d)([0-5]\d)([0-6]\d)(?:\.\d+)?Z")


def read(block: memoryview, notes: Notes) -> None:
    """Say what a JUMBF box says."""
    notes.say(Harm.TRAVELS, "content credentials (C2PA)", f"{len(block):,} bytes", source=_SOURCE)
    seen = [0]
    for box in _flat(block, 0, seen):
        if box.kind == b"json":
            _walk(json.loads(bytes(box.body).rstrip(b"\0")), "", notes)
        elif box.kind == b"cbor":
            try:
                value = cbor.read(box.body)
                if isinstance(value, list) and len(value) == _SIGNATURE_PARTS and isinstance(value[0], bytes):
                    _signature(value, notes)
                else:
                    _walk(value, "", notes)
            except StructureError as error:
                notes.damaged(f"the content credentials are damaged ({error})")
        elif box.kind == b"bidb" and bytes(box.body[:3]) in {b"\xff\xd8\xff", b"\x89PN"}:
            notes.picture(box.body, "thumbnail", source=_SOURCE)


def _signature(parts: list[object], notes: Notes) -> None:
    """Who signed, by the first certificate, and when, by the time stamp of an authority."""
    protected, open_, *_ = parts
    headers = [cbor.read(memoryview(protected)) if isinstance(protected, bytes) and protected else {}, open_]
    for header in (each for each in headers if isinstance(each, dict)):
        for name in _CHAINS:
            chain = header.get(name)
            first = chain[0] if isinstance(chain, list) and chain else chain
            if isinstance(first, bytes):
                notes.say(Harm.WHO, "signed by", certificates.subject(first), source=_SOURCE)
        for name in _STAMPS:
            # A token is a signed message around another; the time is the one of this form that comes first.
            for time in _TIME.findall(b"".join(_byte_strings(header.get(name))))[:1]:
                year, month, day, hour, minute, second = (part.decode() for part in time)
                notes.say(Harm.WHEN, "signed", f"{year}-{month}-{day} {hour}:{minute}:{second} UTC", source=_SOURCE)


def _byte_strings(value: object) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _byte_strings(item)


def _flat(data: memoryview, depth: int, seen: list[int]) -> Iterator[Box]:
    """All boxes that hold content, whatever boxes they are in."""
    for box in boxes(data):
        seen[0] += 1
        if depth > _DEEPEST or seen[0] > _MOST:
            raise StructureError("boxes in boxes without end")
        if box.kind == b"jumb":
            yield from _flat(box.body, depth + 1, seen)
        else:
            yield box


def _walk(value: object, key: str, notes: Notes, depth: int = 0) -> None:
    """Look for what has a meaning, at any depth: each maker of credentials has statements of its own."""
    if depth > 40:
        return
    if isinstance(value, dict):
        if key in _PEOPLE and isinstance(value.get("name"), str):
            notes.say(Harm.WHO, "artist", value["name"], source=_SOURCE)
        if key.casefold() in {"claim_generator_info", "softwareagent"} and isinstance(value.get("name"), str):
            name = f"{value['name']} {value.get('version', '')}".strip()
            notes.say(Harm.DEVICE, "software", name, source=_SOURCE)
        for inner, item in value.items():
            _walk(item, str(inner), notes, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _walk(item, key, notes, depth + 1)
    elif isinstance(value, str):
        _word(key.rpartition(":")[2] or key, value, notes)


def _word(key: str, value: str, notes: Notes) -> None:
    if key in _DATES and _ISO.match(value):
        notes.say(Harm.WHEN, "created or changed", value.replace("T", " ", 1), source=_SOURCE)
    elif key in _SOFTWARE:
        notes.say(Harm.DEVICE, "software", value, source=_SOURCE)
    elif key in _PEOPLE:
        notes.say(Harm.WHO, "artist", value, source=_SOURCE)
    elif key in _IDS:
        notes.say(Harm.TRAVELS, "ID of the document", value, source=_SOURCE)
    elif key in {"title", "name_of_file"}:
        notes.say(Harm.NAME, "name of the original file", value, source=_SOURCE)
    elif key == "action":
        notes.say(Harm.TRAVELS, "step of editing", value, source=_SOURCE)
    elif key.startswith("GPS"):
        notes.say(Harm.WHERE, f"GPS detail ({key})", value, source=_SOURCE)
