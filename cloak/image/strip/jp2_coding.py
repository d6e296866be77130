"""What the headers of a JPEG 2000 codestream may say of its coding: all else in them could be anything.

Of several segments that say the same thing decoders heed the last, and of one that is too long its start.

Source: ITU-T T.800, annex A.5 and A.6; T.814, annex A.3 (capabilities).
"""

from dataclasses import dataclass, field

SIZ, CAP, COD, COC, QCD, QCC, RGN, POC = 0xFF51, 0xFF50, 0xFF52, 0xFF53, 0xFF5C, 0xFF5D, 0xFF5E, 0xFF5F
CODING = frozenset({COD, COC, QCD, QCC, RGN, POC})
CHECKED = CODING | {SIZ, CAP}
_OF_COMPONENT = frozenset({COC, QCC, RGN})
_MOST_LEVELS = 32
_VALUES = {0: 1, 1: 0, 2: 2}
"""Bytes for each part of the picture, by the style of quantisation; where these follow from the first, there is one."""


@dataclass(slots=True)
class Coding:
    """What earlier headers say.

    Attributes:
        components: how many the picture has.
        levels: how often it may be halved, by the main header.
    """

    components: int = 0
    levels: set[int] = field(default_factory=set)

    def odd(self, segments: list[tuple[int, bytes]]) -> int | None:
        """The marker of the first segment of a header that is there twice or not of its exact size, if there is one.

        Args:
            segments: marker and payload of all those in the header that are in `CHECKED`.
        """
        for marker, payload in segments:
            if marker == SIZ and len(payload) >= 36 and not self.components:
                self.components = int.from_bytes(payload[34:36], "big")
        levels = self.levels | {count for marker, payload in segments for count in self._levels(marker, payload)}
        seen: set[tuple[int, int]] = set()
        for marker, payload in segments:
            component = self._component(payload) if marker in _OF_COMPONENT else 0
            if (marker, component) in seen or len(payload) not in self._sizes(marker, payload, levels):
                return marker
            if marker in _OF_COMPONENT and component >= self.components:
                return marker
            seen.add((marker, component))
        self.levels = self.levels or levels
        return None

    @property
    def _wide(self) -> int:
        """How many bytes the number of a component has."""
        return 1 if self.components < 257 else 2

    def _component(self, payload: bytes) -> int:
        return int.from_bytes(payload[: self._wide], "big")

    def _levels(self, marker: int, payload: bytes) -> set[int]:
        place = {COD: 5, COC: self._wide + 1}.get(marker, len(payload))
        return {count for count in payload[place : place + 1] if count <= _MOST_LEVELS}

    def _sizes(self, marker: int, payload: bytes, levels: set[int]) -> set[int]:
        """The sizes that a segment may have."""
        wide, style = self._wide, payload[:1] if marker in {COD, QCD} else payload[self._wide : self._wide + 1]
        if marker in {COD, COC}:
            fixed = 10 if marker == COD else wide + 6
            return {fixed + (count + 1) * (style[0] & 1) for count in self._levels(marker, payload) if style}
        if marker in {QCD, QCC}:
            start = 1 if marker == QCD else wide + 1
            value = _VALUES.get(style[0] & 31) if style else None
            parts = {3 * count + 1 for count in levels}
            return {start + 2} if value == 0 else {start + value * count for count in parts if value}
        entry = 5 + 2 * wide
        return {
            SIZ: {36 + 3 * self.components},
            CAP: {4 + 2 * int.from_bytes(payload[:4], "big").bit_count()},
            RGN: {wide + 2},
            POC: {max(1, len(payload) // entry) * entry},
        }[marker]


__all__ = ["CAP", "CHECKED", "CODING", "SIZ", "Coding"]
