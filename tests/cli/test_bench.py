"""`cloak bench` says how fast this machine is, and leaves nothing behind."""

import json
import tempfile
from pathlib import Path


def test_without_photos_of_ones_own_a_made_up_one_is_measured(cloak, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    Path(tempfile.tempdir).mkdir()
    result = cloak("bench", "--strip-only", "--photos", "3", "--device", "cpu", "-o", tmp_path / "bench.json")
    assert result.code == 0
    assert result.out.startswith("3 photos with 0 faces in ")
    assert "Bottleneck: " in result.out
    document = json.loads((tmp_path / "bench.json").read_text())
    assert document["photos"] == 3
    assert document["failed"] == 0
    assert set(document["stages"]) == {"read", "decode", "detect", "encode", "verify", "write"}
    assert document["peak_memory_mb"] > 0
    assert not list((tmp_path / "temporary").iterdir())


def test_photos_are_used_again_until_there_are_enough(cloak, paint, tmp_path):
    paint(tmp_path / "a.png", width=200, height=200)
    result = cloak("bench", tmp_path, "--photos", "4", "--device", "cpu", "--json", "--strip-only", "--jobs", "1")
    document = json.loads(result.out)
    assert (document["photos"], document["crew"]["lanes"], document["crew"]["lane_threads"]) == (4, 1, 1)
