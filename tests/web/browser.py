"""A real Chromium that looks at the page of a real server, and what tests of the page have in common."""

import base64
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from .served import Served, served

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
QUICK = (sys.executable, str(Path(__file__).with_name("quick.py")))
EXAMPLES = Path(__file__).parents[2] / "examples"
PHONE, WORKERS = EXAMPLES / "phone.jpg", EXAMPLES / "workers.jpg"
LIMIT = 3_000_000
"""Bytes of a photo that the server takes."""

SLOW = 120_000
"""Milliseconds: where networks run on a machine that has other things to do."""


@dataclass
class Visit:
    """A page, and all that was heard of it."""

    page: Page
    server: Served
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def foreign(self) -> list[str]:
        """Requests to anywhere but the server."""
        own = urlsplit(self.server.url).netloc
        return [one for one in self.requests if not one.startswith("blob:") and urlsplit(one).netloc != own]

    def open(self, token: str | None = None) -> Page:
        """Go to the page as the command opens it."""
        self.page.goto(f"{self.server.url}/#token={self.server.token if token is None else token}")
        self.page.wait_for_selector("#work:not([hidden]), #gate:not([hidden])")
        return self.page

    def add(self, *photos: Path, seen: int | None = None) -> Page:
        """Choose photos, and wait until they have been looked at."""
        self.page.set_input_files("#files", photos)
        expect(self.page.locator(".card.ready")).to_have_count(len(photos) if seen is None else seen, timeout=SLOW)
        expect(self.page.locator("#bar-text")).not_to_contain_text("…")
        return self.page

    def protect(self) -> Page:
        """Protect what is there, and wait for it."""
        self.page.click("#protect")
        expect(self.page.locator("#results")).to_be_visible(timeout=SLOW)
        return self.page


@pytest.fixture(scope="session")
def page_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all that look at the page."""
    if not Path(CHROMIUM).exists():
        pytest.skip("there is no Chromium: .ci/servers says how to get it")
    folder = tmp_path_factory.mktemp("page")
    (folder / "config" / "cloak").mkdir(parents=True)
    (folder / "config" / "cloak" / "config.toml").write_text(
        f'[destinations.attic]\nkind = "folder"\nexpires = "7d"\npath = "{(folder / "attic").as_posix()}"\n'
    )
    # Not CLOAK_HOME: the networks are there, too, and would be fetched again.
    own = {"XDG_CONFIG_HOME": str(folder / "config"), "XDG_DATA_HOME": str(folder / "data")}
    with served(folder / "log", "--max-bytes", str(LIMIT), command=QUICK, **own) as server:
        yield server


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests; each has a profile of its own."""
    if not Path(CHROMIUM).exists():
        pytest.skip("there is no Chromium: .ci/servers says how to get it")
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@contextmanager
def visiting(browser: Browser, server: Served, **options: object) -> Iterator[Visit]:
    """Somebody who comes to the page, with a profile that holds nothing."""
    context = browser.new_context(**{"locale": "en-GB", "viewport": {"width": 1100, "height": 900}, **options})
    context.set_default_timeout(30_000)
    visit = Visit(context.new_page(), server)
    visit.page.on("request", lambda request: visit.requests.append(request.url))
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.on(
        "console", lambda said: visit.complaints.append(said.text) if said.type in {"error", "warning"} else None
    )
    try:
        yield visit
    finally:
        context.close()


def picture(page: Page, folder: Path, name: str, *, whole: bool = True) -> None:
    """Keep a picture of the page, in CLOAK_SCREENSHOTS or with the test's other files."""
    place = Path(os.environ.get("CLOAK_SCREENSHOTS", folder))
    place.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=place / f"{name}.png", full_page=whole)


def drop(page: Page, *photos: Path) -> None:
    """Drop files on the page as a file manager does."""
    files = [[photo.name, base64.b64encode(photo.read_bytes()).decode()] for photo in photos]
    page.evaluate(
        """files => {
            const transfer = new DataTransfer();
            for (const [name, text] of files) {
                transfer.items.add(new File([Uint8Array.from(atob(text), one => one.charCodeAt(0))], name));
            }
            const at = document.getElementById("drop");
            for (const kind of ["dragenter", "dragover", "drop"]) {
                at.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: transfer}));
            }
        }""",
        files,
    )


def tab_to(page: Page, selector: str, *, most: int = 80) -> None:
    """Press Tab until an element has the focus, and see that the focus can be seen."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            shown = page.evaluate(
                """() => {
                    const has = one => one && getComputedStyle(one).outlineStyle !== "none";
                    return has(document.activeElement) || has(document.activeElement.closest("label"));
                }"""
            )
            assert shown, f"nobody sees that {selector} has the focus"
            return
    raise AssertionError(f"Tab does not lead to {selector}")


def axe() -> str:
    """The source of axe-core."""
    folder = os.environ.get("CLOAK_TEST_SERVERS")
    place = Path(folder or "/nowhere") / "node_modules" / "axe-core" / "axe.min.js"
    if not place.exists():
        pytest.skip("axe-core is not there: .ci/servers installs it, CLOAK_TEST_SERVERS says where")
    return place.read_text()


def violations(page: Page, source: str) -> list[str]:
    """What axe-core finds serious or critical."""
    page.evaluate(source)
    found = page.evaluate("() => axe.run(document)")
    assert len(found["passes"]) > 10, "axe-core has looked at nothing"
    return [
        f"{one['id']}: {node['target']} {' '.join(node['failureSummary'].split())}"
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]
