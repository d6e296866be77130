"""What a strength does to a face, shown before it is applied: what is asked for, what is seen, when it goes away."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from .browser import PHONE, SLOW, WORKERS, axe, violations, visiting

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_LISTEN = """() => {
    window.heard = {live: [], overall: []};
    const live = document.getElementById("live"), overall = document.getElementById("overall");
    new MutationObserver(() => heard.live.push(live.textContent)).observe(live, {childList: true});
    new MutationObserver(() => { if (!overall.hidden) heard.overall.push(overall.value); })
        .observe(overall, {attributes: true});
}"""

_PIXELS = """canvas => {
    const {width, height} = canvas;
    return [width, height, [...canvas.getContext("2d").getImageData(0, 0, width, height).data]];
}"""


def pixels(canvas):
    """What is in a canvas, as numbers: height x width x 3."""
    width, height, values = canvas.evaluate(_PIXELS)
    return np.array(values, dtype=int).reshape(height, width, 4)[..., :3]


def canvases(place):
    """The picture before, the one after, and their difference."""
    return [pixels(place.locator(f".stage canvas{one}")) for one in (":not(.above, .changes)", ".above", ".changes")]


@pytest.fixture
def visit(chromium, page_server):
    with visiting(chromium, page_server) as visit:
        yield visit


def shown(page):
    """Wait for the preview."""
    expect(page.locator("#preview-place .compare")).to_be_visible(timeout=SLOW)
    return page.locator("#preview-place")


def test_what_is_chosen_is_what_is_asked_for_and_what_is_shown_is_what_is_written(visit):
    page, posted = visit.open(), {}
    page.on("request", lambda one: posted.setdefault(one.url.rpartition("/")[2], []).append(one.post_data))
    page.evaluate(_LISTEN)
    visit.add(WORKERS)
    card = page.locator(".card")
    card.locator("fieldset").nth(1).get_by_text("Blur").click()
    card.locator("fieldset").nth(2).get_by_text("Leave").click()
    page.locator("#strength").fill("2")
    _, promised, _ = canvases(shown(page))
    page.click("#protect")
    expect(page.locator("#results")).to_be_visible(timeout=SLOW)

    (asked,), (started,) = ([json.loads(one) for one in posted[name]] for name in ("preview", "start"))
    assert asked == {"strength": "strong", "face": 0}
    assert started["strength"] == "strong"
    assert list(started["photos"].values()) == [{"faces": {"1": "blur", "2": "leave"}}]
    outcome = card.locator(".outcome > .faces > li").first
    outcome.get_by_text("Compare before and after").click()
    expect(outcome.locator(".compare")).to_be_visible()
    before, written, _ = canvases(outcome)
    assert np.abs(promised - before).mean() > 0.5
    # Each is a JPEG of its own, in which the other faces are not the same.
    assert np.abs(written - promised).mean() < 0.1 * np.abs(written - before).mean()

    heard = page.evaluate("heard")
    live = [
        "The effect of “Strong” is shown below",
        "The photos are being protected",
        "Done: 1 photo is ready",
    ]
    assert [one for one in heard["live"] if one in live] == live
    assert any(0 < one < 1 for one in heard["overall"])
    assert heard["overall"] == sorted(heard["overall"])


def test_the_line_goes_where_the_pointer_goes_and_the_difference_is_what_it_says(visit):
    page = visit.open()
    visit.add(PHONE)
    page.click("#preview")
    place = shown(page)
    above, stage = place.locator(".above"), place.locator(".stage")
    expect(above).to_have_css("clip-path", "inset(0px 0px 0px 50%)")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    middle = box["y"] + min(box["height"], 200) / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, middle, steps=4)
    page.mouse.up()
    expect(above).to_have_css("clip-path", "inset(0px 0px 0px 25%)")
    expect(place.locator(".line")).to_have_attribute("style", "left: 25%;")
    expect(place.get_by_label("Move the line between before and after")).to_have_value("25")
    page.mouse.move(box["x"] + box["width"] / 2, middle)  # no button is down: nothing follows it
    expect(above).to_have_css("clip-path", "inset(0px 0px 0px 25%)")

    expect(place.locator(".changes")).to_be_hidden()
    place.get_by_text("Difference", exact=True).click()
    expect(place.locator(".changes")).to_be_visible()
    before, after, changes = canvases(place)
    assert changes.std() > 1
    assert (changes == np.clip(128 + 10 * (after - before), 0, 255)).all()


@pytest.mark.parametrize("ratio", [1, 2, 3])
def test_one_pixel_of_the_photo_is_one_of_the_screen_however_fine_that_is(chromium, page_server, ratio):
    with visiting(chromium, page_server, device_scale_factor=ratio) as visit:
        page = visit.open()
        visit.add(PHONE)
        page.click("#preview")
        place = shown(page)
        size = "one => [one.getBoundingClientRect().width, one.getBoundingClientRect().height, one.width, one.height]"
        wide, high, width, height = place.locator(".above").evaluate(size)
        assert (wide * ratio, high * ratio) == pytest.approx((width, height), abs=0.1)
        place.locator("input[type=range]").fill("0")  # all of it is the picture after
        seen = np.asarray(Image.open(io.BytesIO(place.locator(".stage").screenshot())).convert("RGB"), dtype=int)
        _, after, _ = canvases(place)
        # A screenshot begins at a whole pixel of the page, the picture maybe at a part of one.
        matches = [
            (np.abs(seen[y : y + height - 8, x : x + width - 8] - after[:-8, :-8])[:, 8:] < 3).mean()
            for y in range(seen.shape[0] - height + 8)
            for x in range(seen.shape[1] - width + 8)
        ]
        assert max(matches) > 0.99  # at the left is the line


def test_a_preview_goes_away_with_its_photo_and_with_the_choice_of_its_face(visit):
    page = visit.open()
    visit.add(PHONE, WORKERS)
    page.click("#preview")
    place = shown(page)
    expect(place.locator("h3")).to_contain_text("phone.jpg")
    page.locator(".card").filter(has_text="workers").locator("fieldset").first.get_by_text("Blur").click()
    expect(place.locator(".compare")).to_be_visible()  # another face is no matter of this one
    phone = page.locator(".card").filter(has_text="phone.jpg")
    phone.get_by_text("Blur").click()
    expect(place).to_be_empty()
    phone.get_by_text("Protect", exact=True).click()
    page.click("#preview")
    shown(page)
    phone.get_by_role("button", name="Remove").click()
    expect(phone).to_have_count(0)
    expect(place).to_be_empty()


def test_a_preview_that_is_on_its_way_when_its_face_is_left_is_not_shown(visit):
    page = visit.open()
    visit.add(PHONE)
    page.route("**/preview", lambda _: None)  # nobody answers it
    with page.expect_request("**/preview"):
        page.click("#preview")
    expect(page.locator("#preview-place")).to_contain_text("Trying out")
    with page.expect_event("requestfailed", lambda one: one.url.endswith("/preview")):  # nobody waits for it any more
        page.locator(".card").get_by_text("Leave").click()
    expect(page.locator("#preview-place")).to_be_empty()


def test_axe_finds_nothing_serious_in_a_preview_and_in_the_banner_of_a_server_that_is_gone(chromium, page_server):
    source = axe()
    with visiting(chromium, page_server, reduced_motion="reduce") as visit:
        page = visit.open()

        def check(state):
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                assert violations(page, source) == [], (state, scheme)

        visit.add(PHONE)
        page.click("#preview")
        place = shown(page)
        check("slider")
        place.get_by_text("Difference", exact=True).click()
        check("difference")
        page.route("**/healthz", lambda route: route.abort())
        expect(page.locator("#offline")).to_contain_text("cloak does not answer", timeout=SLOW)
        check("gone")
