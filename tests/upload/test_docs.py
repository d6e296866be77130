"""The destination in docs/upload.md is what it says: found by its entry point, and true to the contract."""

import re
import sys
from pathlib import Path

import pytest

from cloak.errors import ConfigError, UploadError
from cloak.upload.credentials import Credentials
from cloak.upload.destinations import BUILT_IN, kinds, load

from .contract import Contract

TEXT = (Path(__file__).parents[2] / "docs" / "upload.md").read_text("utf-8")
(CODE,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
(TOML,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with the example, as an installer leaves it."""
    site = tmp_path / "site"
    info = site / "my_package-1.dist-info"
    info.mkdir(parents=True)
    (site / "my_package.py").write_text(CODE, "utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1\n")
    point = TOML.splitlines()[1].replace('"', "")
    (info / "entry_points.txt").write_text(f"[cloak.destinations]\n{point}\nbad = my_package:Nothing\n")
    monkeypatch.syspath_prepend(str(site))
    yield
    sys.modules.pop("my_package", None)


@pytest.mark.usefixtures("package")
class TestExample(Contract):
    albums = False

    @pytest.fixture
    def destination(self, package, tmp_path):  # noqa: ARG002 -- has to be there first
        return load("drawer").open({"path": str(tmp_path / "drawer")}, Credentials("drawer"))

    @pytest.fixture
    def broken(self, package, tmp_path):  # noqa: ARG002
        return load("drawer").open({"path": str(tmp_path)}, Credentials("drawer"))


@pytest.mark.usefixtures("package")
def test_the_example_is_short_and_is_offered():
    assert len(CODE.splitlines()) <= 60
    assert "drawer" in kinds()


@pytest.mark.usefixtures("package")
def test_one_that_cannot_be_loaded_is_said_and_unknown_ones_are_refused():
    with pytest.raises(UploadError, match="reinstall the package that it comes from"):
        load("bad")
    with pytest.raises(ConfigError, match="no kind of destination is called 'carrier pigeon'"):
        load("carrier pigeon")


@pytest.mark.parametrize("kind", BUILT_IN)
def test_those_of_this_package_can_be_loaded(kind):
    assert kind == load(kind).KIND
