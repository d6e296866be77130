"""The verdict, with the real detector and recognisers, on real photos."""

from dataclasses import replace

import pytest
import torch

from cloak.cloaker import Cloaker
from cloak.config import ProtectConfig
from cloak.image.codec import decode, encode
from cloak.image.strip.bare import strip
from cloak.photo import Face, Photo
from cloak.verify import FaceVerdict, Score, embed, verify


@pytest.fixture(scope="module")
def networks():
    return Cloaker(ProtectConfig(device="cpu")).networks


@pytest.fixture
def photo(examples) -> Photo:
    return decode((examples / "workers.jpg").read_bytes())


@pytest.fixture
def faces(photo, networks) -> list[Face]:
    return networks.detector.detect([photo.pixels])[0]


def test_a_photo_that_was_only_written_again_is_matched(photo, faces, networks):
    verdict = verify(encode(strip(photo)), photo, faces, networks)
    assert len(verdict.faces) == len(faces) == 3
    for face in verdict.faces:
        assert face.detected
        assert face.witness.witness
        assert all(score.matched and score.similarity > 0.9 for score in face.scores)
        assert face.dssim < 0.01


def test_the_witness_is_no_surrogate(photo, faces, networks):
    scores = verify(encode(strip(photo)), photo, faces, networks).faces[0].scores
    assert [score.witness for score in scores] == [False] * (len(scores) - 1) + [True]
    assert scores[-1].recogniser not in {score.recogniser for score in scores[:-1]}


def test_somebody_elses_face_in_its_place_is_not_matched(photo, faces, networks):
    one, other = sorted(faces, key=lambda face: face.size)[-2:]
    pixels = photo.pixels.clone()
    patch = _cut(photo.pixels, other)
    left, top, right, bottom = (round(side) for side in one.box)
    pixels[:, top:bottom, left:right] = torch.nn.functional.interpolate(
        patch[None], (bottom - top, right - left), mode="bilinear", antialias=True
    )[0]
    verdict = verify(encode(strip(replace(photo, pixels=pixels))), photo, [one], networks)
    assert not verdict.faces[0].witness.matched
    assert verdict.faces[0].dssim > 0.1


def test_a_face_that_is_gone_is_said_to_be_gone_and_scored_where_it_was(photo, faces, networks):
    pixels = photo.pixels.clone()
    left, top, right, bottom = (round(side) for side in faces[0].box)
    pixels[:, top:bottom, left:right] = 128
    face = verify(encode(strip(replace(photo, pixels=pixels))), photo, faces[:1], networks).faces[0]
    assert not face.detected
    assert not face.witness.matched


def test_no_faces_need_no_networks(photo):
    assert verify(b"", photo, [], Cloaker(ProtectConfig(device="cpu")).networks).faces == ()


def test_embeddings_do_not_depend_on_where_in_a_photo_the_face_is(photo, faces, networks):
    moved = torch.zeros(3, photo.height + 40, photo.width + 60, dtype=torch.uint8)
    moved[:, 40:, 60:] = photo.pixels
    there = [replace(face, landmarks=face.landmarks + torch.tensor([60, 40])) for face in faces]
    here = embed(photo.pixels, faces, networks.witness)
    torch.testing.assert_close(embed(moved, there, networks.witness), here, atol=2e-3, rtol=0)
    torch.testing.assert_close(here.norm(dim=1), torch.ones(len(faces)))


def _cut(pixels: torch.Tensor, face: Face) -> torch.Tensor:
    left, top, right, bottom = (round(side) for side in face.box)
    return pixels[:, top:bottom, left:right]


def test_the_less_a_face_is_like_the_original_the_more_other_photos_are_missed():
    shares = [
        FaceVerdict(
            box=(0, 0, 1, 1),
            detected=True,
            scores=(Score(recogniser="witness", witness=True, similarity=similarity, threshold=0.26),),
            dssim=0,
            colour=0,
            luma=0,
        ).unmatched_elsewhere
        for similarity in (1.0, 0.6, 0.4, 0.2, -1.0)
    ]
    assert shares == sorted(shares)
    assert shares[0] < 0.02
    assert shares[-1] > 0.98
