import json

import pytest
from click.testing import CliRunner

from cloak.cli.models import models
from cloak.errors import LicenceError, UsageError, WeightsCorruptError, WeightsMissingError
from cloak.models import WITNESS, Profile, artifact, artifacts, cache, fetch
from cloak.models.registry import Use

JUDGES = ("scrfd_500m", "mtcnn_p", "mtcnn_r", "mtcnn_o")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command with an empty cache and no network."""
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CLOAK_OFFLINE", "1")
    return lambda *arguments: CliRunner().invoke(models, [str(argument) for argument in arguments])


@pytest.fixture(scope="session")
def original():
    return fetch.fetch_raw("yunet")


@pytest.fixture(scope="session")
def detectors():
    """The original files of the detectors that only judge."""
    return {name: fetch.fetch_raw(name) for name in JUDGES}


def test_list_shows_licence_and_source_of_each(run):
    result = run("list")
    assert result.exit_code == 0
    for each in artifacts().values():
        line = next(line for line in result.stdout.splitlines() if line.startswith(f"{each.name} "))
        assert each.licence in line
        assert each.package.requirement in line


def test_list_for_machines(run):
    described = {each["name"]: each for each in json.loads(run("list", "--json").stdout)}
    assert described.keys() == artifacts().keys()
    sface = described["sface"]
    assert sface["sha256"] == artifact("sface").sha256
    assert sface["licence"] == "Apache-2.0"
    assert sface["fetched"] is False
    assert len(sface["template"]) == 5


def test_fetch_path_and_verify(original, run):
    result = run("fetch", "yunet", "--file", original)
    assert result.exit_code == 0
    assert result.stdout == run("path", "yunet").stdout
    states = json.loads(run("verify", "--json").stdout)
    assert states == {name: "cached" if name == "yunet" else "absent" for name in artifacts()}


@pytest.mark.parametrize("name", JUDGES)
def test_what_only_judges_is_fetched_by_name_and_says_its_licence(detectors, run, name):
    result = run("fetch", name, "--file", detectors[name])
    assert result.exit_code == 0
    assert artifact(name).licence in result.stderr
    assert result.stdout == run("path", name).stdout


@pytest.mark.parametrize("weights", Profile)
def test_a_fetch_without_names_leaves_out_the_detectors_that_only_judge(run, monkeypatch, weights):
    asked = []
    monkeypatch.setattr("cloak.cli.models.fetch", lambda name, **_: asked.append(name))
    assert run("fetch", "--weights", weights).exit_code == 0
    assert [name for name in asked if artifact(name).profile is Use.VICTIM] == [WITNESS]


def test_verify_finds_an_altered_file(original, run):
    run("fetch", "yunet", "--file", original)
    path = cache.path(artifact("yunet"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    result = run("verify")
    assert isinstance(result.exception, WeightsCorruptError)
    assert "altered  yunet" in result.stdout


def test_path_without_a_name_is_the_folder(run, tmp_path):
    assert run("path").stdout.strip() == str(tmp_path / "home" / "models")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("path", "sface"), WeightsMissingError),
        (("path", "nothing"), UsageError),
        (("fetch",), WeightsMissingError),
        (("fetch", "nothing"), UsageError),
        (("fetch", "arcface_mbf"), LicenceError),
        (("fetch", "arcface_mbf", "--weights", "research"), WeightsMissingError),
        (("fetch", "yunet", "sface", "--file", __file__), UsageError),
        (("fetch", "yunet", "--file", __file__), WeightsCorruptError),
    ],
)
def test_errors(run, arguments, error):
    result = run(*arguments)
    assert isinstance(result.exception, error)
