"""Which channels a JPEG 2000 file has: lists of them that are longer than the channels could hold anything.

Source: ITU-T T.800, I.5.3.5 (mapping of components) and I.5.3.6 (definition of channels).
"""

import struct
from collections.abc import Mapping

_TYPES = frozenset({0, 1, 2, 0xFFFF})
_WHOLE = frozenset({0, 0xFFFF})  # the picture as a whole, or nothing


def wrong_channels(inner: Mapping[bytes, bytes], components: int) -> str:
    """What is wrong with the lists of channels, "" if nothing is.

    Args:
        inner: what is in the boxes of the header.
        components: how many components the picture has.
    """
    channels = components
    if b"pclr" in inner:
        mapping, columns = list(struct.iter_unpack(">HBB", inner.get(b"cmap", b""))), inner[b"pclr"][2]
        channels = len(mapping)
        if channels > columns + components or len(set(mapping)) < channels:
            return "a mapping of more colours than there are"
        if any(part >= components or use > 1 or (use == 0 and column) for part, use, column in mapping):
            return "a mapping of no known kind"
        if {column for _, use, column in mapping if use} != set(range(columns)):
            return "a mapping of colours that are not in its palette"
    listed = list(struct.iter_unpack(">HHH", inner.get(b"cdef", b"")[2:]))
    if len({entry[0] for entry in listed}) < len(listed) or any(entry[0] >= channels for entry in listed):
        return "a list of more channels than there are"
    if any(kind not in _TYPES or (use > channels and use not in _WHOLE) for _, kind, use in listed):
        return "a list of channels of no known kind"
    return ""


__all__ = ["wrong_channels"]
