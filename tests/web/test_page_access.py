"""The page for everybody: languages, phones, the dark, enlarged, and with a screen reader."""

import json
import re

import pytest
from playwright.sync_api import expect

from .browser import EXAMPLES, PHONE, SLOW, WORKERS, axe, picture, violations, visiting

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGE = EXAMPLES.parent / "cloak" / "web" / "page"
LOCALES = {"en": "en-GB", "de": "de-AT", "nl": "nl-NL", "fr": "fr-FR"}

_SMALL = """() => [...document.querySelectorAll(
        "button, select, summary, label.choice, input[type=range], input[type=text]"
    )]
    .filter(one => one.checkVisibility())
    .map(one => [one.id || one.className || one.textContent, one.getBoundingClientRect()])
    .filter(([, box]) => box.height && (box.height < 43.5 || box.width < 43.5))
    .map(([name, box]) => `${name} ${box.width} x ${box.height}`)"""

_SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def test_on_a_phone_nothing_scrolls_sideways_and_fingers_hit_everything(chromium, page_server, tmp_path):
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
    with visiting(chromium, page_server, locale="de-DE", **phone) as visit:
        page = visit.open()
        expect(page.locator("#work")).to_be_visible()
        checked = [(page.evaluate(_SIDEWAYS), page.evaluate(_SMALL))]
        visit.add(PHONE)
        page.locator(".leaks summary").click()
        page.click("#preview")
        expect(page.locator("#preview-place .compare")).to_be_visible(timeout=SLOW)
        checked.append((page.evaluate(_SIDEWAYS), page.evaluate(_SMALL)))
        picture(page, tmp_path, "phone-ready")
        visit.protect()
        page.locator(".comparison summary").click()
        expect(page.locator(".outcome .compare")).to_be_visible()
        checked.append((page.evaluate(_SIDEWAYS), page.evaluate(_SMALL)))
        picture(page, tmp_path, "phone-done")
        assert checked == [(0, [])] * 3


def test_enlarged_to_twice_the_size_nothing_scrolls_sideways(chromium, page_server):
    with visiting(chromium, page_server, viewport={"width": 640, "height": 400}, device_scale_factor=2) as visit:
        page = visit.open()
        visit.add(PHONE, WORKERS)
        assert page.evaluate(_SIDEWAYS) == 0
        expect(page.locator("#bar")).to_have_css("position", "static")  # it would leave no room for the rest


@pytest.mark.parametrize("language", LOCALES)
def test_each_language_is_the_browser_s_and_complete(chromium, page_server, language, tmp_path):
    keys = json.loads((PAGE / "languages" / "en.json").read_text())
    texts = json.loads((PAGE / "languages" / f"{language}.json").read_text())
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff no photo")
    said = []
    with visiting(chromium, page_server, locale=LOCALES[language]) as visit:

        def read(state: str) -> str:
            while (closed := page.locator("details:not([open]) > summary:visible")).count():
                closed.first.click()
            heard = page.evaluate(
                "[...document.querySelectorAll('[aria-label], [alt]')].map(o => o.ariaLabel || o.alt)"
            )
            said.append(page.locator("body").inner_text() + " ".join(heard))
            marked = page.evaluate("[...document.querySelectorAll('main [lang]')].map(one => one.lang)")
            assert set(marked) <= {"en"}, state
            picture(page, tmp_path, f"language-{language}-{state}")
            return said[-1]

        page = visit.open("wrong")
        expect(page.locator("html")).to_have_attribute("lang", language)
        assert texts["gate.wrong"] in read("gate")
        visit.open()
        expect(page.locator("html")).to_have_attribute("lang", language)
        visit.add(PHONE, broken, seen=1)
        expect(page.locator(".card.refused")).to_have_count(1)
        ready = read("ready")
        assert texts["finding.owner_of_the_camera"] in ready
        assert texts["value.looks_like"] in ready
        assert texts["error.unreadable"] in ready
        assert page.locator(".card.refused .technical [lang=en]").inner_text() in ready
        for face in page.locator(".face").all():
            face.get_by_text(texts["treat.leave"], exact=True).click()  # no search then
        visit.protect()
        done = read("done")
        assert texts["verdict.stripped"] in done
        assert texts["results.failed.one"].replace("{n}", "1") in done
        assert f"attic ({texts['upload.kind.folder']})" in done
        assert texts["upload.says.one"].replace("{n}", "1").replace("{destination}", "attic") in done
    words = set(re.findall(r"[a-z_0-9]+(?:\.[a-z_0-9]+)+", " ".join(said)))
    assert not words & (set(keys) | {key.rsplit(".", 1)[0] for key in keys})
    assert "{" not in "".join(said)


def test_a_language_that_is_chosen_is_kept_and_is_all_that_is_kept(chromium, page_server):
    with visiting(chromium, page_server) as visit:
        page = visit.open()
        visit.add(PHONE)
        page.select_option("#language", "nl")
        expect(page.locator("#photos-title")).to_contain_text("Je foto")
        expect(page.locator(".card h3")).to_have_text("phone.jpg")
        page.reload()
        expect(page.locator("html")).to_have_attribute("lang", "nl")
        assert page.evaluate("({...localStorage})") == {"cloak-language": "nl"}


def test_axe_finds_nothing_serious_in_any_state_in_the_light_and_in_the_dark(chromium, page_server, tmp_path):
    source, papers = axe(), {}
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff no photo")
    with visiting(chromium, page_server, reduced_motion="reduce") as visit:

        def check(state: str) -> None:
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                assert violations(page, source) == [], (state, scheme)
                if state in {"ready", "done"}:
                    picture(page, tmp_path, f"{state}-{scheme}")
                papers[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")

        page = visit.open("")
        expect(page.locator("#gate")).to_be_visible()
        check("gate")
        visit.open()
        expect(page.locator("#work")).to_be_visible()
        check("empty")
        visit.add(PHONE, WORKERS, broken, seen=2)
        page.locator(".leaks summary").click()
        page.locator("footer summary").click()
        for place in range(1, 4):
            page.locator(".face").nth(place).get_by_text("Leave").click()
        check("ready")
        visit.protect()
        page.locator(".comparison summary").first.click()
        expect(page.locator(".outcome .compare")).to_be_visible()
        check("done")
    brightness = {scheme: sum(map(int, re.findall(r"\d+", paper))) for scheme, paper in papers.items()}
    assert brightness["light"] > 600
    assert brightness["dark"] < 150
