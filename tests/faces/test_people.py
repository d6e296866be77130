"""Who is who, with the real recogniser, and the arithmetic of it on made-up embeddings."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from cloak.errors import ShapeError, UsageError
from cloak.faces.central import central
from cloak.faces.detect import Detector
from cloak.faces.embed import align, embed, embed_crops
from cloak.faces.people import GROUP_FAR, Likeness, group, judge, score
from cloak.image.codec import decode
from cloak.models import Recogniser, load_recogniser
from cloak.reference_photos import learn
from cloak.references import RECOGNISER, fingerprint


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return load_recogniser(RECOGNISER)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector.from_pretrained()


@pytest.fixture(scope="module")
def album(people: Path, recogniser, detector) -> tuple[list[str], torch.Tensor]:
    """Whose face it is, and its embedding, for every photo of the five people."""
    names, embeddings = [], []
    for path in sorted(people.glob("*/*.jpg")):
        pixels = decode(path.read_bytes()).pixels
        face = central(detector.detect([pixels])[0], pixels)
        names.append(path.parent.name)
        embeddings.append(embed(pixels, [face], recogniser))
    return names, torch.cat(embeddings)


def test_the_faces_of_an_album_are_grouped_into_its_people(album, recogniser):
    names, embeddings = album
    groups = group(embeddings, recogniser.thresholds[GROUP_FAR])
    assert groups[0] == 0
    assert len(set(groups)) == len(set(names)) == len(set(zip(groups, names, strict=True)))


def test_everybody_is_known_by_two_photos_and_nobody_is_taken_for_another(album, recogniser):
    names, embeddings = album
    for person in sorted(set(names)):
        own = [index for index, name in enumerate(names) if name == person]
        verdicts = judge(score(embeddings, embeddings[own[:2]]), recogniser.thresholds)
        assert verdicts[own[2]] is Likeness.SAME
        assert not any(verdicts[index] is Likeness.SAME for index, name in enumerate(names) if name != person)


def test_a_face_is_embedded_alike_alone_and_in_company(examples, recogniser, detector):
    pixels = decode((examples / "workers.jpg").read_bytes()).pixels
    faces = detector.detect([pixels])[0]
    together = embed_crops(align(pixels, faces, recogniser), recogniser)
    alone = torch.cat([embed(pixels, [face], recogniser) for face in faces])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)
    assert embed(pixels, [], recogniser).shape == (0, recogniser.dim)


def test_between_the_thresholds_a_face_is_uncertain():
    thresholds = {1e-2: 0.3, 1e-4: 0.5}
    assert judge(torch.tensor([0.5, 0.49, 0.3, 0.29]), thresholds) == [
        Likeness.SAME,
        Likeness.UNCERTAIN,
        Likeness.UNCERTAIN,
        Likeness.OTHER,
    ]


def test_the_three_references_most_alike_decide():
    face = torch.tensor([[1.0, 0.0]])
    references = torch.tensor([[0.9, 0.0], [0.6, 0.0], [0.3, 0.0], [-1.0, 0.0]])
    assert score(face, references).item() == pytest.approx(0.6)
    assert score(face, references[:1]).item() == pytest.approx(0.9)
    with pytest.raises(ShapeError):
        score(face, references[:0])


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_those_of_average_linkage_done_the_slow_way(seed):
    points = F.normalize(torch.randn(40, 5, generator=torch.Generator().manual_seed(seed))).double()
    assert _partition(group(points, 0.4)) == _slow(points @ points.T, 0.4)


def _slow(similar: torch.Tensor, threshold: float) -> set[frozenset[int]]:
    """Put the two most similar groups together as long as they are similar enough."""
    groups = [frozenset([index]) for index in range(len(similar))]
    while len(groups) > 1:
        mean, one, other = max(
            (float(similar[list(a)][:, list(b)].mean()), i, j)
            for i, a in enumerate(groups)
            for j, b in enumerate(groups[:i])
        )
        if mean < threshold:
            break
        merged = groups[one] | groups[other]
        groups = [each for index, each in enumerate(groups) if index not in (one, other)] + [merged]
    return set(groups)


def _partition(labels: list[int]) -> set[frozenset[int]]:
    return {frozenset(i for i, label in enumerate(labels) if label == each) for each in labels}


def test_two_faces_of_one_photo_are_two_people_and_a_chain_of_likenesses_is_not_one():
    points = F.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.05]]))
    assert group(points, 0.9) == [0, 0, 0]
    assert len(set(group(points, 0.9, photos=[1, 1, 2]))) == 2
    angles = torch.arange(8) * 0.5
    chain = torch.stack([angles.cos(), angles.sin()], 1)
    assert len(set(group(chain, 0.8))) > 2
    assert group(torch.zeros(0, 4), 0.5) == []
    with pytest.raises(ShapeError):
        group(points, 0.9, photos=[1])


def test_a_person_is_learned_from_a_folder_as_numbers_alone(people, recogniser, detector):
    learned = learn(people / "collins", detector=detector, recogniser=recogniser)
    references = learned.references
    assert learned.warnings == ()
    assert (references.embeddings.shape, references.embeddings.dtype) == ((3, recogniser.dim), np.float32)
    assert references.recogniser == fingerprint()
    references.check()


def test_photos_that_teach_little_are_named(examples, recogniser, detector, paint, tmp_path):
    folder = tmp_path / "me"
    paint(folder / "nobody.png", width=200, height=200)
    (folder / "broken.jpg").write_bytes(b"no photo")
    (folder / "party.jpg").write_bytes((examples / "workers.jpg").read_bytes())
    with Image.open(examples / "collins.png") as image:
        image.resize((image.width // 3, image.height // 3)).save(folder / "far.png")
    learned = learn(folder, detector=detector, recogniser=recogniser)
    assert len(learned.references) == 1
    told = {line.partition(": ")[0].rpartition("/")[2]: line for line in learned.warnings}
    assert "no face was found" in told["nobody.png"]
    assert "not an image" in told["broken.jpg"]
    assert "3 faces were found" in told["party.jpg"]
    assert "too small" in told["far.png"]
    assert "one reference photo alone" in learned.warnings[-1]


def test_a_folder_of_several_people_is_refused_and_the_odd_photos_named(people, recogniser, detector, tmp_path):
    folder = tmp_path / "me"
    folder.mkdir()
    for name in ("collins/00", "collins/01", "hopper/00"):
        (folder / f"{name.replace('/', '-')}.jpg").write_bytes((people / f"{name}.jpg").read_bytes())
    with pytest.raises(UsageError, match=r"2 people.*take out hopper-00\.jpg,"):
        learn(folder, detector=detector, recogniser=recogniser)


def test_a_folder_without_faces_is_refused(recogniser, detector, paint, tmp_path):
    paint(tmp_path / "me" / "nobody.png", width=200, height=200)
    with pytest.raises(UsageError, match="no face was found"):
        learn(tmp_path / "me", detector=detector, recogniser=recogniser)
    for number in range(6):
        paint(tmp_path / "me" / f"{number}.png", width=200, height=200)
    with pytest.raises(UsageError, match=r"4\.png: no face was found, so it is not used; and 2 more\): add others"):
        learn(tmp_path / "me", detector=detector, recogniser=recogniser)
