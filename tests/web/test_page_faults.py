"""The page where something is wrong: it says so in words that help."""

import re

import pytest
from PIL import Image
from pillow_heif import register_heif_opener
from playwright.sync_api import expect

from .browser import LIMIT, PHONE, QUICK, SLOW, picture, visiting
from .served import end, served

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def visit(chromium, page_server):
    with visiting(chromium, page_server) as visit:
        yield visit


def test_a_photo_of_a_phone_a_broken_one_and_one_too_large(visit, tmp_path):
    register_heif_opener()
    heic, broken, large = tmp_path / "IMG_1.HEIC", tmp_path / "broken.jpg", tmp_path / "huge.jpg"
    with Image.open(PHONE) as photo:
        photo.save(heic, format="HEIF")
    broken.write_bytes(PHONE.read_bytes()[:2000])
    large.write_bytes(PHONE.read_bytes() + b"\0" * LIMIT)
    page = visit.open()
    visit.add(heic, broken, large, seen=1)
    expect(page.locator(".card.refused")).to_have_count(2)
    shown = page.locator(".card").filter(has_text="IMG_1.HEIC").locator("img")
    shown.scroll_into_view_if_needed()
    expect(shown).to_have_js_property("complete", value=True)
    expect(shown).to_have_attribute("src", re.compile("^blob:"))
    expect(page.locator(".card").filter(has_text="broken.jpg")).to_contain_text("the file is damaged")
    expect(page.locator(".card").filter(has_text="huge.jpg")).to_contain_text("too large")
    expect(page.locator(".card").filter(has_text="huge.jpg")).to_contain_text("At most 3 MB")
    visit.protect()
    expect(page.locator("#verdict")).to_contain_text("2 photos could not be protected")
    expect(page.locator("#verdict")).to_contain_text("broken.jpg")
    picture(page, tmp_path, "faults")


@pytest.mark.parametrize("token", ["", "wrong"])
def test_without_the_right_token_the_page_says_what_to_do(chromium, page_server, token, tmp_path):
    with visiting(chromium, page_server) as visit:
        page = visit.open(token)
        expect(page.locator("#gate")).to_be_visible()
        expect(page.locator("#gate")).to_contain_text("Go to the window in which cloak was started")
        expect(page.locator("#gate-why")).to_contain_text("no longer" if token else "no other program or website")
        expect(page.locator("#work")).to_be_hidden()
        assert page.evaluate("sessionStorage.getItem('cloak-token')") is None
        picture(page, tmp_path, f"gate-{token or 'none'}")
        visit.open()  # the address that the window shows
        expect(page.locator("#work")).to_be_visible()


def test_a_server_that_is_gone_is_told_of_and_one_that_comes_back_is_found(chromium, tmp_path):
    token = "t" * 40
    with (
        served(tmp_path / "first", command=QUICK, CLOAK_SERVE_TOKEN=token) as first,
        visiting(chromium, first) as visit,
    ):
        page = visit.open()
        visit.add(PHONE)
        end(first.process)
        expect(page.locator("#offline")).to_contain_text("cloak does not answer", timeout=20_000)
        picture(page, tmp_path, "offline", whole=False)
        with served(tmp_path / "second", "--port", str(first.port), command=QUICK, CLOAK_SERVE_TOKEN=token):
            expect(page.locator("#offline")).to_contain_text("no longer has your photos", timeout=SLOW)
            expect(page.locator(".card")).to_have_count(0)
            page.set_input_files("#files", PHONE)
            expect(page.locator(".card.ready")).to_have_count(1, timeout=SLOW)
            expect(page.locator("#offline")).to_be_hidden()


def test_a_destination_that_cannot_be_used_is_shown_and_not_chosen(visit):
    def with_a_broken_one(route):
        (real,) = route.fetch().json()
        route.fulfill(json=[{**real, "name": "aaa", "kind": "of a package that is gone", "ready": False}, real])

    visit.page.route("**/v1/destinations", with_a_broken_one)
    page = visit.open()
    visit.add(PHONE)
    page.get_by_text("Leave", exact=True).click()
    visit.protect()
    expect(page.locator("#upload-to")).to_have_value("attic")
    expect(page.locator("#upload-to option[value=aaa]")).to_be_disabled()
    expect(page.locator("#upload-start")).to_be_enabled()
