"""`cloak upload --protect me`: one of several people is cloaked, the others are blurred, before the photo leaves."""

import json

import pytest

from cloak import vault
from cloak.faces.detect import Detector
from cloak.image.codec import decode
from cloak.models import load_detector
from cloak.upload import places


@pytest.mark.slow
@pytest.mark.usefixtures("home")
def test_what_is_uploaded_has_my_face_cloaked_and_the_others_blurred(cloak, ring, examples, people, tmp_path):
    photo, there = examples / "workers.jpg", tmp_path / "there"
    options = ("--to", there, "--protect", "me", "--bystanders", "blur", "--strength", "subtle")
    done = cloak("upload", photo, *options, "--me", people / "worker-b", "--json")
    assert done.code == 0, done.err
    assert "Learned from 3 reference photos; next time, --protect me needs no --me" in done.err
    (told,) = json.loads(done.out)["photos"]
    assert told["done"] == "2 faces cloaked, 1 blurred"  # one of the two may be me
    (file,) = there.iterdir()
    before, after = (decode(path.read_bytes()).pixels for path in (photo, file))
    changes = sorted(_changes(before, after))
    assert len(changes) == 3
    assert 0 < changes[0] <= changes[1] < 6 < changes[2], changes
    assert len(ring.kept) == 1
    assert vault.path().exists()
    kept = places.ledger().read_bytes()
    assert not [word for word in (b"worker", str(people).encode()) if word in kept]
    again = cloak("upload", photo, *options, "--dry-run", "--json")
    (would,) = json.loads(again.out)["photos"]
    assert (again.code, would["done"]) == (0, told["done"])


@pytest.mark.usefixtures("home", "ring")
def test_without_reference_photos_nothing_is_uploaded(cloak, examples, tmp_path):
    done = cloak("upload", examples / "workers.jpg", "--to", tmp_path / "there", "--protect", "me")
    assert (done.code, done.out) == (2, "")
    assert "no reference photos are kept: name a folder" in done.err
    assert not list(tmp_path.glob("there/*"))
    assert "Nothing is up" in cloak("uploads", "list").out


def _changes(before, after):
    """Yield by how many grey levels each face of a photo changed, on average."""
    (faces,) = Detector(load_detector()).detect([before])
    for face in faces:
        left, top, right, bottom = (max(0, round(float(edge))) for edge in face.box)
        here = (slice(None), slice(top, bottom), slice(left, right))
        yield float((before[here].float() - after[here].float()).abs().mean())
