"""Tests that need a program of the system are left out where there is none, but not where all checks are run."""

import os
import shutil
from pathlib import Path

import pytest

from ..upload.servers.programs import SYSTEM  # noqa: TID252 -- tests are no package to import from

SERVERS = os.environ.get("CLOAK_TEST_SERVERS")
pytestmark = pytest.mark.skipif(not SERVERS, reason="CLOAK_TEST_SERVERS does not say where servers are")


@pytest.mark.parametrize("name", SYSTEM)
def test_what_tests_look_for_is_there(name):
    assert shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin"), f"run `.ci/servers {SERVERS}`"


def test_what_looks_at_the_page_for_those_who_cannot_see_is_there():
    assert (Path(SERVERS) / "node_modules" / "axe-core" / "axe.min.js").exists(), f"run `.ci/servers {SERVERS}`"
