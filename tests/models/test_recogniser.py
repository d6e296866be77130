import pytest
import torch

from cloak.errors import ShapeError, UsageError
from cloak.models import Profile, artifact, artifacts, cache, fetch, load_detector, load_recogniser
from cloak.models.registry import Task

RECOGNISERS = tuple(each.name for each in artifacts().values() if each.task is Task.RECOGNISER)


@pytest.fixture(scope="module", params=RECOGNISERS)
def recogniser(request):
    return load_recogniser(request.param, profile=Profile.RESEARCH)


@pytest.fixture
def faces(recogniser):
    size = recogniser.input_size
    return torch.rand(3, 3, size, size, generator=torch.Generator().manual_seed(0))


def test_embeddings_are_unit_vectors_of_the_stated_length(recogniser, faces):
    embeddings = recogniser(faces)
    assert embeddings.shape == (3, recogniser.dim)
    assert embeddings.dtype == torch.float32
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(3))


def test_a_face_alone_is_a_face_in_a_batch(recogniser, faces):
    together = recogniser(faces)
    alone = torch.cat([recogniser(face[None]) for face in faces])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_gradients_flow_to_the_faces_and_nowhere_else(recogniser, faces):
    faces.requires_grad_()
    recogniser(faces)[:, 0].sum().backward()
    assert faces.grad.isfinite().all()
    assert (faces.grad.flatten(1).abs().sum(1) > 0).all()
    assert not any(parameter.requires_grad for parameter in recogniser.parameters())


def test_no_faces_give_no_embeddings(recogniser, faces):
    assert recogniser(faces[:0]).shape == (0, recogniser.dim)


@pytest.mark.parametrize("change", [lambda f: f[0], lambda f: f[:, :1], lambda f: f[..., 1:], lambda f: f.byte()])
def test_other_shapes_and_types_are_refused(recogniser, faces, change):
    with pytest.raises(ShapeError, match=recogniser.name):
        recogniser(change(faces))


def test_it_is_as_the_registry_says(recogniser):
    each = artifact(recogniser.name)
    assert not recogniser.training
    assert recogniser.input_size == each.input_size
    assert recogniser.thresholds == each.thresholds
    assert recogniser.template.dtype == torch.float32
    torch.testing.assert_close(recogniser.template, torch.tensor(each.template))


def test_loading_leaves_the_random_numbers_alone():
    torch.manual_seed(7)
    expected = torch.rand(4)
    torch.manual_seed(7)
    load_recogniser("sface")
    assert torch.equal(torch.rand(4), expected)


def test_the_detector_is_fixed_too():
    detector = load_detector()
    assert not detector.training
    assert not any(parameter.requires_grad for parameter in detector.parameters())


def test_a_detector_is_no_recogniser():
    with pytest.raises(UsageError, match="yunet is a detector"):
        load_recogniser("yunet")
    with pytest.raises(UsageError, match="sface is a recogniser"):
        load_detector("sface")


def test_weights_that_an_older_version_laid_out_otherwise_are_made_anew(tmp_path, monkeypatch):
    original = fetch.fetch_raw("yunet")
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path))
    monkeypatch.setenv("CLOAK_OFFLINE", "1")
    kept = cache.raw_path(artifact("yunet"))
    kept.parent.mkdir(parents=True)
    kept.write_bytes(original.read_bytes())
    cache.write(artifact("yunet"), {"old": torch.zeros(1)})
    assert load_detector()
    assert "old" not in fetch.load("yunet")
