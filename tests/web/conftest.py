"""What tests of the server and its page share."""

from collections.abc import Iterator

import pytest

from .browser import QUICK, chromium, page_server
from .served import Served, served


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A real server whose search for a cloak is short, for all tests that change none of its settings."""
    with served(tmp_path_factory.mktemp("quick") / "log", "-v", command=QUICK) as server:
        yield server


@pytest.fixture(scope="session")
def running(quick: Served) -> tuple[str, str]:
    """Its address and token."""
    return quick.url, quick.token


__all__ = ["chromium", "page_server"]
