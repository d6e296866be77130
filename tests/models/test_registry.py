import dataclasses
import subprocess
import sys

import pytest
import torch

import cloak.models
from cloak.errors import ConfigError, UsageError
from cloak.models import WITNESS, Profile, artifact, artifacts, surrogates
from cloak.models.registry import DETECTOR, Task, Url, Use, network

NAMES = tuple(artifacts())
RECOGNISERS = tuple(each.name for each in artifacts().values() if each.task is Task.RECOGNISER)


def test_surrogates_of_each_profile():
    assert surrogates(Profile.OPEN) == ("dlib", "sface", "facenet")
    assert surrogates(Profile.RESEARCH) == ("dlib", "sface", "facenet", "arcface_mbf", "edgeface_s")


@pytest.mark.parametrize("profile", Profile)
def test_no_victim_is_ever_a_surrogate(profile):
    victims = {each.name for each in artifacts().values() if each.profile is Use.VICTIM}
    assert WITNESS in victims
    assert not victims & set(surrogates(profile))


def test_the_default_needs_no_non_commercial_licence():
    for name in (*surrogates(Profile.OPEN), WITNESS, DETECTOR):
        licence = artifact(name).licence.lower()
        assert "non-commercial" not in licence
        assert "-nc" not in licence
        assert artifact(name).profile is not Use.RESEARCH


@pytest.mark.parametrize("name", NAMES)
def test_every_artifact_has_a_pinned_file_and_code_that_runs_it(name):
    each = artifact(name)
    assert len(bytes.fromhex(each.sha256)) == 32
    assert each.size > 0
    assert each.filename
    built = network(each.network)
    with torch.device("meta"):
        assert isinstance(built.build(), torch.nn.Module)
    assert callable(built.convert)


@pytest.mark.parametrize("name", RECOGNISERS)
def test_templates_are_upright_faces_inside_the_input(name):
    each = artifact(name)
    points = torch.tensor(each.template)
    left_eye, right_eye, nose, left_mouth, right_mouth = points
    assert points.min() > 0
    assert points.max() < each.input_size - 1
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < nose[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


@pytest.mark.parametrize("name", RECOGNISERS)
def test_thresholds_rise_as_fewer_strangers_are_let_in(name):
    thresholds = artifact(name).thresholds
    cosines = [thresholds[far] for far in (1e-2, 1e-3, 1e-4)]
    assert 0 < cosines[0] < cosines[1] < cosines[2] < 1


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(UsageError, match="sface"):
        artifact("no-such-model")


def test_an_unknown_network_is_an_error():
    with pytest.raises(ConfigError, match="no-such-network"):
        network("no-such-network")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"package": None, "url": None}, "neither a package nor a url"),
        ({"url": Url(address="http://example.org/model.onnx")}, "https"),
        ({"template": ()}, "template"),
        ({"dim": None}, "dim"),
    ],
)
def test_an_entry_that_cannot_work_is_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(artifact("sface"), **change)


def test_an_entry_may_have_an_address_alone():
    address = "https://example.org/pack.zip"
    each = dataclasses.replace(artifact("sface"), package=None, url=Url(address=address, member="folder/model.onnx"))
    assert each.filename == "model.onnx"


def test_reading_the_registry_does_not_load_pytorch():
    code = "import sys, cloak.models; cloak.models.artifacts(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_every_public_name_is_there():
    for name in cloak.models.__all__:
        assert getattr(cloak.models, name)
    with pytest.raises(AttributeError, match="nothing"):
        _ = cloak.models.nothing
