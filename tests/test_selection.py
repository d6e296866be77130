"""Which faces are cloaked, blurred and left: the policy on made-up likenesses, and contradictions."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from cloak.cloaker import Cloaker
from cloak.config import AttackConfig, BystanderPolicy, FacePolicy, ProtectConfig, ProtectPolicy
from cloak.errors import FaceChoiceError, ReferencesError, ShapeError, UsageError
from cloak.faces.detect import Detector
from cloak.faces.embed import embed
from cloak.faces.people import Likeness
from cloak.image.codec import decode
from cloak.models import load_recogniser
from cloak.outcome import Status
from cloak.photo import Face
from cloak.pipeline import protect
from cloak.references import RECOGNISER, References, fingerprint
from cloak.report import Report
from cloak.selection import Chosen, overrule, select
from cloak.summary import Summary
from cloak.targets import Job, Treatment

ME, EXCEPT = ProtectPolicy.ME, ProtectPolicy.EXCEPT
LIKENESS = [Likeness.SAME, Likeness.UNCERTAIN, Likeness.OTHER]


@pytest.fixture
def faces() -> list[Face]:
    """Three faces that are large enough, and one that is not, between them."""
    sizes = (90.0, 70.0, 10.0, 50.0)
    return [Face(box=(0, 0, size, size), landmarks=torch.zeros(5, 2), score=1) for size in sizes]


def _names(chosen: Chosen, faces: list[Face]) -> tuple[list[int], list[int], list[int]]:
    """Cloaked, blurred and left, by size."""
    left = [one.face for one in chosen.left]
    found = [[round(face.size) for face in some] for some in (chosen.faces, chosen.blurred, left)]
    assert sorted(size for some in found for size in some) == sorted(round(face.size) for face in faces)
    return found[0], found[1], found[2]


def test_an_uncertain_face_is_cloaked_whether_the_person_is_to_be_protected_or_spared(faces):
    chosen = select(faces, ProtectConfig(protect=ME), LIKENESS)
    assert _names(chosen, faces) == ([90, 70], [], [10, 50])
    assert [one.reason for one in chosen.left] == ["too small (10 pixels)", "somebody else"]
    assert len(chosen.uncertain) == 1
    for treatment in Treatment:  # somebody has looked: there is no doubt any more
        choice = {faces.index(chosen.uncertain[0]): treatment}
        assert not overrule(chosen, faces, choice).uncertain
    assert overrule(chosen, faces, {0: Treatment.BLUR}).uncertain == chosen.uncertain
    chosen = select(faces, ProtectConfig(protect=EXCEPT), LIKENESS)
    assert _names(chosen, faces) == ([70, 50], [], [90, 10])
    assert chosen.left[0].reason == "the person to leave out"


def test_a_choice_overrules_the_policy_for_that_face_and_for_no_other(faces):
    chosen = select(faces, ProtectConfig())
    chosen = overrule(chosen, faces, {0: Treatment.LEAVE, 2: Treatment.BLUR, 3: Treatment.BLUR})
    assert _names(chosen, faces) == ([70], [10, 50], [90])
    assert [one.reason for one in chosen.left] == ["you chose so"]
    nobody = overrule(select(faces, ProtectConfig(faces=FacePolicy.NONE)), faces, {1: Treatment.PROTECT})
    assert _names(nobody, faces) == ([70], [], [90, 10, 50])


@pytest.mark.parametrize(("choices", "message"), [({4: "blur"}, "no face 4"), ({2: "protect"}, "too small")])
def test_a_choice_that_cannot_be_done_is_an_error(faces, choices, message):
    choices = {index: Treatment(treatment) for index, treatment in choices.items()}
    with pytest.raises(FaceChoiceError, match=message):
        overrule(select(faces, ProtectConfig()), faces, choices)


def test_bystanders_are_left_blurred_or_cloaked(faces):
    blurring = ProtectConfig(protect=ME, bystanders=BystanderPolicy.BLUR)
    assert _names(select(faces, blurring, LIKENESS), faces) == ([90, 70], [50], [10])
    cloaking = ProtectConfig(protect=ME, bystanders=BystanderPolicy.CLOAK)
    assert _names(select(faces, cloaking, LIKENESS), faces) == ([90, 70, 50], [], [10])
    largest = ProtectConfig(faces=FacePolicy.LARGEST, bystanders=BystanderPolicy.BLUR)
    assert _names(select(faces, largest), faces) == ([90], [70, 50], [10])


def test_without_a_policy_all_faces_are_cloaked(faces):
    assert _names(select(faces, ProtectConfig()), faces) == ([90, 70, 50], [], [10])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"protect": ME, "faces": FacePolicy.LARGEST}, "--protect me says .* and so does --faces largest"),
        ({"protect": EXCEPT, "faces": FacePolicy.NONE}, "--protect except says .* and so does --faces none"),
        ({"faces": FacePolicy.NONE, "bystanders": BystanderPolicy.BLUR}, "--faces none looks for no faces"),
        ({"bystanders": BystanderPolicy.BLUR}, "faces that are not selected, and all are"),
        ({"bystanders": BystanderPolicy.CLOAK, "protect": EXCEPT}, "that --protect except leaves out"),
        ({"bystanders": BystanderPolicy.CLOAK, "faces": FacePolicy.LARGEST}, "that --faces largest leaves out"),
    ],
)
def test_contradictions_are_refused(options, reason):
    with pytest.raises(UsageError, match=reason):
        ProtectConfig(**options)


def test_a_cloaker_must_know_whom_it_is_to_protect():
    with pytest.raises(UsageError, match="--me FOLDER"):
        Cloaker(ProtectConfig(protect=ME, device="cpu"))
    foreign = References(embeddings=np.ones((1, 4), np.float32), recogniser="sface-older", added=_TODAY)
    with pytest.raises(ReferencesError, match=r"sface-older.*start again with `--me FOLDER`"):
        Cloaker(ProtectConfig(protect=ME, device="cpu"), foreign)
    with pytest.raises(ShapeError, match=r"float32 \(N, D\)"):
        replace(foreign, embeddings=np.ones((0, 4), np.float32))


_TODAY = np.datetime64("2026-01-02").item()


@pytest.fixture(scope="module")
def references(people) -> References:
    """The woman at the front of workers.jpg, from other pictures of her."""
    recogniser, detector = load_recogniser(RECOGNISER), Detector.from_pretrained()
    photos = [decode(path.read_bytes()).pixels for path in sorted((people / "worker-a").glob("*.jpg"))]
    found = [embed(pixels, detector.detect([pixels])[0][:1], recogniser) for pixels in photos]
    return References(embeddings=torch.cat(found).numpy(), recogniser=fingerprint(), added=_TODAY)


def _config(**options) -> ProtectConfig:
    return ProtectConfig(attack=AttackConfig(steps=2), device="cpu", **options)


def test_who_may_be_the_person_is_cloaked_others_are_blurred_and_all_are_counted(examples, references, tmp_path):
    config = _config(protect=ME, bystanders=BystanderPolicy.BLUR, report=tmp_path / "report.html")
    summary = Summary(config, total=1)
    with Report() as report:
        cloaker = Cloaker(config, references)
        (outcome,) = protect([Job(examples / "workers.jpg", tmp_path / "out.jpg")], config, cloaker=cloaker)
        summary.add(outcome)
        report.add(outcome)
        report.write(config.report, summary)
    # She, one who looks too much like her in a picture that small, and one who does not.
    assert (outcome.status, outcome.found, outcome.blurred, outcome.left) == (Status.PROTECTED, 2, 1, ())
    assert (len(outcome.faces), outcome.uncertain) == (2, 1)
    assert not any(blur.witness.matched for blur in outcome.blurs)
    assert summary.sentences()[1:3] == [
        "2 faces cloaked, 1 blurred, 0 left as they are.",
        "1 of the cloaked faces may or may not be the person's: in doubt, a face is cloaked.",
    ]
    document = summary.document()
    assert (document["protect"], document["bystanders"]) == ("me", "blur")
    assert document["summary"]["faces_blurred"] == document["photos"][0]["faces_blurred"] == 1
    assert [each["scores"][0]["witness"] for each in document["photos"][0]["blurred"]] == [True]
    page = config.report.read_text("utf-8")
    assert page.count("Blurred face ") == 1
    assert page.count("src=") == 3 * 4


def test_all_but_one_person_are_cloaked_and_a_dry_run_needs_one_recogniser_alone(examples, references, tmp_path):
    config = _config(protect=EXCEPT, dry_run=True)
    cloaker = Cloaker(config, references)
    (outcome,) = protect([Job(examples / "workers.jpg", tmp_path / "out.jpg")], config, cloaker=cloaker)
    assert (outcome.status, outcome.found, outcome.left) == (Status.WOULD_PROTECT, 2, ("the person to leave out",))
    assert "surrogates" not in vars(cloaker.networks)
    summary = Summary(config, total=1)
    summary.add(outcome)
    assert "2 faces would be cloaked, 0 blurred, 1 left as it is (1 the person to leave out)." in summary.sentences()


def test_a_photo_of_strangers_alone_is_stripped_or_has_them_blurred(examples, references, tmp_path):
    job = Job(examples / "collins.png", tmp_path / "out.png")
    (outcome,) = protect([job], _config(protect=ME), cloaker=Cloaker(_config(protect=ME), references))
    assert (outcome.status, outcome.left) == (Status.STRIPPED, ("somebody else",))
    assert torch.equal(*(decode(path.read_bytes()).pixels for path in (job.source, job.target)))
    config = _config(protect=ME, bystanders=BystanderPolicy.BLUR, overwrite=True)
    (outcome,) = protect([job], config, cloaker=Cloaker(config, references))
    assert (outcome.status, outcome.found, outcome.blurred) == (Status.PROTECTED, 0, 1)
    assert outcome.faces == ()
    (blur,) = outcome.blurs
    assert not blur.detected
    assert not blur.witness.matched


def test_a_cloaker_that_knows_nobody_blurs_all_but_the_largest_face(examples):
    photo = decode((examples / "workers.jpg").read_bytes())
    config = _config(faces=FacePolicy.LARGEST, bystanders=BystanderPolicy.BLUR)
    cloaker = Cloaker(config)
    chosen = cloaker.choose([photo])[0]
    ((index, cloaked),) = cloaker.cloak([photo])
    assert (index, len(chosen.faces), len(chosen.blurred)) == (0, 1, 2)
    for face in (*chosen.faces, *chosen.blurred):
        left, top, right, bottom = (round(side) for side in face.box)
        part = (slice(None), slice(top, bottom), slice(left, right))
        assert not torch.equal(cloaked.photo.pixels[part], photo.pixels[part])
