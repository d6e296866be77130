"""Thermal cameras: serial numbers, time and place that FLIR's records hold, in either byte order."""

import struct

import pytest

from .photos import inserted, jpeg, look, scene, told

CAMERA, POSITION, TEMPERATURES, PICTURE = 0x20, 0x2B, 0x01, 0x0E


def camera(order):
    """The record of the camera: 2026-05-01 10:00:00.250 UTC, two hours ahead of it."""
    record = bytearray(0x470)
    struct.pack_into(f"{order}H", record, 0, 2)
    for offset, text in ((0xD4, b"FLIR E60"), (0x104, b"49001234"), (0x170, b"FOL18"), (0x1A0, b"L-77")):
        record[offset : offset + len(text)] = text
    struct.pack_into(f"{order}IIh", record, 0x384, 1777629600, 250, -120)
    return bytes(record)


def position(order, latitude=51.4778, longitude=-0.0015, valid=1):
    return struct.pack(f"{order}I4s2s2sIddf", valid, b"\2\2\0\0", b"N\0", b"W\0", 0, latitude, longitude, 47.0) + bytes(
        60
    )


def records(*parts, order=">", version=101):
    """A file of records, each (kind, content)."""
    head = b"FFF\0" + b"TEST".ljust(16, b"\0") + struct.pack(f"{order}III", version, 64, len(parts))
    head = head.ljust(64, b"\0")
    place, table, body = 64 + 32 * len(parts), b"", b""
    for kind, content in parts:
        table += struct.pack(f"{order}HHIIII", kind, 1, 100, 1, place + len(body), len(content)) + bytes(12)
        body += content
    return head + table + body


def thermal(data, size=300):
    """A JPEG with records in several segments, the last of them first."""
    parts = [data[start : start + size] for start in range(0, len(data), size)]
    segments = [(0xE1, b"FLIR\0\1" + bytes([number, len(parts) - 1]) + part) for number, part in enumerate(parts)]
    return inserted(jpeg(), *reversed(segments))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("inner", "<>")
def test_camera_lens_time_and_place_are_told(tmp_path, order, inner):
    data = records((CAMERA, camera(inner)), (POSITION, position(inner)), (TEMPERATURES, bytes(500)), order=order)
    found = told(look(tmp_path, thermal(data)))
    assert found["device", "camera or phone"] == "FLIR E60"
    assert found["device", "serial number of the camera"] == "49001234"
    assert found["device", "serial number of the lens"] == "L-77"
    assert found["when", "taken"] == "2026-05-01 12:00:00.250 +0200"
    assert found["where", "position"].startswith("51.4778")
    assert found["where", "altitude"] == "47 m above sea level"
    assert found["cropped", "thermal picture"] == "500 bytes"


def test_the_photo_in_visible_light_is_compared_with_the_picture(tmp_path):
    data = records((PICTURE, bytes(32) + jpeg(scene(seed=9))), (PICTURE, bytes(32) + b"pixels"))
    found = told(look(tmp_path, thermal(data, 4000)))
    assert "LOOKS DIFFERENT" in found["cropped", "picture in visible light"]


def test_a_position_that_is_not_valid_is_not_told(tmp_path):
    for record in (position(">", valid=0), position(">", latitude=1e9), position(">", latitude=float("nan"))):
        found = told(look(tmp_path, thermal(records((CAMERA, camera(">")), (POSITION, record)))))
        assert not any(harm == "where" for harm, _ in found)


def test_damaged_records_end_and_are_still_named(tmp_path):
    whole = records((CAMERA, camera(">")), (POSITION, position(">")))
    for data in (
        whole[:10],
        whole[:70],
        whole[:400],
        whole[:-70],
        records(order=">", version=7),
        b"FFF\0" + b"\xff" * 80,
    ):
        inspection = look(tmp_path, thermal(data))
        assert ("travels", "data of a thermal camera") in told(inspection)
