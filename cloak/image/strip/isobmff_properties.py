"""What is written in place of each property of an item: by allow-list, with nothing in it but what decoders use.

The same boxes describe the frames of an image sequence.

Source: ISO/IEC 23008-12:2022, section 6.5; ISO/IEC 14496-12:2022, section 12.1; AV1 image file format, section 2.3.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from cloak.image import blocks, profiles
from cloak.image.strip.base import Keep
from cloak.image.strip.isobmff_bits import av1_parameters, hevc_parameters
from cloak.image.strip.isobmff_boxes import Fields, Report, damaged, unsupported
from cloak.image.strip.isobmff_crop import refuse_hidden

ALPHA = frozenset({b"urn:mpeg:hevc:2015:auxid:1", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"})
"""What says that an auxiliary picture is the alpha plane of another."""

Property = tuple[bytes, bytes, bool]
"""Kind, content, and whether it must be understood."""

TURNS = (b"irot", b"imir")
PARAMETERS = "parameters that no picture uses"
REPEATED = "properties that are there twice"
_SHAPES = frozenset({*TURNS, b"clap"})
_PARAMETERS = frozenset({b"hvcC", b"av1C"})  # of which there must be one
_SIZES = {
    **dict.fromkeys((b"irot", b"imir", b"a1op"), 1),
    **{b"lsel": 2, b"clli": 4, b"pasp": 8, b"ispe": 12, b"mdcv": 24, b"clap": 32},
}
_BITS = {b"irot": 3, b"imir": 1, b"a1op": 31}  # that mean something in a box of one byte
_NAMES = {
    b"udes": blocks.TEXT,
    b"altt": blocks.TEXT,
    b"crtt": blocks.WHEN,
    b"mdft": blocks.WHEN,
    b"cmin": blocks.SETTINGS,
    b"cmex": blocks.SETTINGS,
}
"""Properties that describe, and change nothing in what is shown."""
_DERIVED_MATRICES = frozenset({12, 13})  # computed from the primaries
_MOST_PROFILES = 100
_UNSPECIFIED, _BT709, _SRGB = 2, 1, 13  # code points


@dataclass(slots=True)
class Properties:
    """Rewrites properties; each distinct one once.

    Attributes:
        keep: what may stay.
        report: gets the names of what is left out.
        reencodes: encoding the picture anew, if it was cropped, leaves nothing hidden.
    """

    keep: Keep
    report: Report
    reencodes: bool = False
    _known: dict[tuple[bytes, bytes], bytes | None] = field(default_factory=dict)
    _profiles: int = 0

    def rewrite(self, owned: Sequence[Property], size: tuple[int, int] | None = None) -> list[Property]:
        """The properties of one picture as they are written.

        Args:
            owned: those that it has.
            size: its width and height in pixels, where `ispe` does not say it.

        Raises:
            UnreadablePhotoError: one that does not add up.
            UnsupportedPhotoError: one that must be understood, and is not; a profile that cannot be rewritten; or a
                crop that hides a part of the picture.
        """
        refuse_hidden([(kind, body) for kind, body, _ in owned], size, reencodes=self.reencodes)
        owned = list(self._once(owned))
        written = []
        plain = False
        for kind, body, essential in owned:
            if kind in TURNS and not self.keep.orientation:
                continue
            content = self._rewritten(kind, body, essential)
            if content is not None:
                written.append((kind, content, essential))
            elif kind == b"colr" and self.keep.profile:
                plain = plain or _is_srgb(body)
        if plain:
            written = [(kind, _as_srgb(body) if kind == b"colr" else body, mark) for kind, body, mark in written]
        return written

    def _once(self, owned: Sequence[Property]) -> Iterator[Property]:
        """The properties without those that say again what the first of their kind said."""
        seen: set[tuple[bytes, bool]] = set()
        for kind, body, essential in owned:
            key = kind, body[:4] == b"nclx"  # code points and a profile may both be there
            if key not in seen or kind not in _WRITERS or kind in _PARAMETERS:
                yield kind, body, essential
            elif kind in _SHAPES:
                raise unsupported(f"a picture that is turned or cropped twice ({kind.decode()})")
            else:
                self.report.removed.add(REPEATED)
            seen.add(key)

    def _rewritten(self, kind: bytes, body: bytes, essential: bool) -> bytes | None:
        if kind not in _WRITERS:
            if essential and kind not in _NAMES:
                raise unsupported(f"a property {kind!r} that changes the picture in a way that we do not know")
            self.report.removed.add(_NAMES.get(kind, f"private property ({kind.decode('latin-1')})"))
            return None
        if (kind, body) not in self._known:
            self._known[kind, body] = _WRITERS[kind](self, kind, body)
        return self._known[kind, body]

    def _sized(self, kind: bytes, body: bytes) -> bytes:
        size = _SIZES[kind]
        if len(body) < size:
            raise damaged(f"a property {kind!r} of {len(body)} bytes")
        if kind in TURNS:
            self.report.kept.add("orientation")
        if kind == b"ispe":
            return bytes(4) + body[4:size]
        return bytes([body[0] & _BITS[kind]]) if kind in _BITS else body[:size]

    def _colour(self, kind: bytes, body: bytes) -> bytes | None:
        if body[:4] == b"nclx":
            if len(body) < 11:
                raise damaged(f"a property {kind!r} of {len(body)} bytes")
            return body[:10] + bytes([body[10] & 0x80])
        if body[:4] not in {b"prof", b"rICC"}:
            self.report.removed.add(profiles.BROKEN)
            return None
        if not self.keep.profile:
            self.report.removed.add(blocks.PROFILE)
            return None
        self._profiles += 1
        if self._profiles > _MOST_PROFILES:
            raise unsupported(f"more than {_MOST_PROFILES} colour profiles")
        tidied = profiles.tidy(body[4:])
        self.report.removed.update(tidied.removed)
        self.report.kept.update(tidied.kept)
        return b"prof" + tidied.profile if tidied.profile else None

    def _depths(self, kind: bytes, body: bytes) -> bytes:
        data = Fields(body, kind.decode())
        data.version()
        count = data.number(1)
        depths = data.take(count)
        if not 0 < count <= 4 or not all(0 < depth <= 16 for depth in depths):
            raise damaged(f"{count} channels of {depths[:8].hex(' ')} bits")
        return bytes(4) + bytes([count]) + depths

    def _auxiliary(self, kind: bytes, body: bytes) -> bytes | None:  # noqa: ARG002 -- one signature for all
        name = body[4:].split(b"\0")[0]
        if name not in ALPHA:
            self.report.removed.add(auxiliary(name))
            return None
        return bytes(4) + name + b"\0"

    def _layers(self, kind: bytes, body: bytes) -> bytes:
        data = Fields(body, kind.decode())
        width = 4 if data.number(1) & 1 else 2
        return b"\1" + b"".join(data.number(width).to_bytes(4, "big") for _ in range(3))

    def _hevc(self, kind: bytes, body: bytes) -> bytes:  # noqa: ARG002
        return hevc_parameters(body, self.report)

    def _av1(self, kind: bytes, body: bytes) -> bytes:  # noqa: ARG002
        return av1_parameters(body, self.report)


_WRITERS: dict[bytes, Callable[[Properties, bytes, bytes], bytes | None]] = {
    **dict.fromkeys(_SIZES, Properties._sized),
    b"colr": Properties._colour,
    b"pixi": Properties._depths,
    b"auxC": Properties._auxiliary,
    b"auxi": Properties._auxiliary,
    b"a1lx": Properties._layers,
    b"hvcC": Properties._hevc,
    b"av1C": Properties._av1,
}


def auxiliary(name: bytes) -> str:
    """What an auxiliary picture of this type is, in people's words."""
    lower = name.lower()
    if b"depth" in lower or lower.endswith(b"auxid:2") or b"disparity" in lower:
        return blocks.DEPTH
    return blocks.GAIN if b"gainmap" in lower else "auxiliary picture"


def _is_srgb(body: bytes) -> bool:
    """Whether a colour box holds a profile that was left out because it says what no profile says."""
    return body[:4] in {b"prof", b"rICC"} and profiles.tidy(body[4:]).removed == (profiles.PROFILE,)


def _as_srgb(body: bytes) -> bytes:
    """Code points that say what the profile said: it had the last word, and is no longer there."""
    if body[:4] != b"nclx":
        return body
    primaries, transfer = int.from_bytes(body[4:6], "big"), int.from_bytes(body[6:8], "big")
    if primaries in {_BT709, _UNSPECIFIED} and transfer in {_SRGB, _UNSPECIFIED}:
        return body
    if int.from_bytes(body[8:10], "big") in _DERIVED_MATRICES:
        raise unsupported("a colour profile that contradicts what the picture was coded with")
    return b"nclx" + _BT709.to_bytes(2, "big") + _SRGB.to_bytes(2, "big") + body[8:]
