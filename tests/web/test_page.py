"""The page in a real browser: what people do with it, from the first photo to the last file."""

import base64
import re
import subprocess
import zipfile
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from .browser import PHONE, SLOW, WORKERS, drop, picture, tab_to, visiting
from .served import COMMAND
from .uploads import photo

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def visit(chromium, page_server):
    with visiting(chromium, page_server) as visit:
        yield visit


def inspected(path: Path) -> int:
    return subprocess.run([COMMAND, "inspect", "--no-faces", "-q", path], check=False, capture_output=True).returncode


def test_from_two_photos_that_are_dropped_to_files_that_say_nothing(visit, tmp_path):
    page = visit.open()
    drop(page, PHONE, WORKERS)
    expect(page.locator(".card.ready")).to_have_count(2, timeout=SLOW)
    phone, workers = (
        page.locator(".card").filter(has_text="phone.jpg"),
        page.locator(".card").filter(has_text="workers"),
    )
    expect(phone.locator("summary").first).to_contain_text("where, when, which device, who")
    phone.locator("summary").first.click()
    expect(phone.get_by_text("38.88948° N")).to_be_visible()
    expect(workers.locator(".box")).to_have_count(3)

    page.locator("#strength").fill("2")  # what it does is shown without being asked for
    expect(page.locator("#strength")).to_have_attribute("aria-valuetext", "Strong")
    expect(page.locator("#preview-place h3")).to_have_text("Effect of “Strong” on phone.jpg", timeout=SLOW)
    at_full_size = page.evaluate(
        "[...document.querySelectorAll('.stage canvas:not([hidden])')]"
        ".map(one => one.getBoundingClientRect().width / one.width)"
    )
    assert at_full_size == [1, 1]
    changed = page.evaluate(
        "(([a, b]) => a.toDataURL() !== b.toDataURL())(document.querySelectorAll('.stage canvas:not(.changes)'))"
    )
    assert changed
    page.get_by_text("Difference", exact=True).click()
    expect(page.get_by_text("made 10 times stronger")).to_be_visible()
    picture(page, tmp_path, "preview")

    workers.locator("fieldset").nth(1).get_by_text("Blur").click()
    expect(workers.locator('.box[data-face="1"]')).to_have_attribute("data-treatment", "blur")
    box = (
        workers.locator(".box")
        .nth(1)
        .evaluate("box => [box.style.left, box.style.top, box.style.width, box.style.height]")
    )
    page.click("#protect")
    expect(page.locator("#overall")).to_be_visible()
    expect(page.locator("#results")).to_be_visible(timeout=SLOW)
    expect(page.locator("#results-title")).to_be_focused()
    expect(page.locator("#verdict")).to_contain_text("of 20")
    expect(page.locator("#verdict")).to_contain_text("opinion, not a promise")
    expect(page.locator("#verdict .limit")).to_contain_text("nothing certain about other or future search engines")
    expect(page.locator("#verdict .limit")).to_be_visible()
    assert said_of(page) == told_of(visit, page)
    picture(page, tmp_path, "done")

    workers.get_by_text("Compare before and after").first.click()
    expect(workers.locator(".compare")).to_be_visible()
    with page.expect_download() as one:
        workers.get_by_role("button", name="Download").click()
    alone = tmp_path / one.value.suggested_filename
    one.value.save_as(alone)
    with page.expect_download() as all_:
        page.click("#download-all")
    all_.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        archive.extractall(tmp_path / "all")
        assert sorted(archive.namelist()) == ["phone.jpg", "workers.jpg"]
    assert alone.name == "workers.jpg"
    assert alone.read_bytes() == (tmp_path / "all" / "workers.jpg").read_bytes()
    for path in (alone, tmp_path / "all" / "phone.jpg"):
        assert inspected(path) == 0
    assert inspected(PHONE) == 4
    assert sharpness(alone, box) < 0.5 * sharpness(WORKERS, box)

    assert page.url == f"{visit.server.url}/"  # the token is not where it would be copied with the address
    assert page.evaluate("Object.keys(localStorage)") == []
    assert visit.foreign == []
    assert visit.complaints == []


def said_of(page) -> tuple[list[int], list[int], list[int]]:
    """The numbers of the verdict: of all faces, those that are recognised still, and of each face alone."""
    figure, same, each = (
        page.locator("#verdict .figure strong").inner_text(),
        page.locator("#verdict").get_by_text("In the hardest test").inner_text(),
        page.locator(".outcome li").filter(has_text="would probably miss").all_inner_texts(),
    )
    numbers = [[int(one) for one in re.findall(r"\d+", text)] for text in (figure, same.partition("recognises")[2])]
    return *numbers, [int(re.search(r"miss (\d+) of 20", text)[1]) for text in each]


def told_of(visit, page) -> tuple[list[int], list[int], list[int]]:
    """The same numbers, made of what the job says."""
    job = page.evaluate("sessionStorage.getItem('cloak-job')")
    photos = httpx.get(f"{visit.server.url}/v1/jobs/{job}", headers=visit.server.bearer).json()["photos"]
    faces = [face for photo in photos for face in photo["outcome"]["faces"]]
    missed = [face["unmatched_elsewhere"] for face in faces]
    matched = sum(score["matched"] for face in faces for score in face["scores"] if score["witness"])
    of_twenty = [int(20 * share + 0.5) for share in (sum(missed) / len(missed), *missed)]
    return [of_twenty[0], 20], [matched, len(faces)], of_twenty[1:]


def sharpness(path: Path, box: list[str]) -> float:
    """How much neighbouring pixels differ inside a box, whose sides are per cent of the picture."""
    with Image.open(path) as image:
        grey = np.asarray(image.convert("L"), dtype=float)
    left, top, width, height = (float(side.rstrip("%")) / 100 for side in box)
    rows = slice(int(top * grey.shape[0]), int((top + height) * grey.shape[0]))
    columns = slice(int(left * grey.shape[1]), int((left + width) * grey.shape[1]))
    return float(np.abs(np.diff(grey[rows, columns])).mean())


def test_a_folder_that_is_dropped_is_gone_through_for_photos(visit, tmp_path):
    page, folder = visit.open(), tmp_path / "holiday"
    deep = folder / "day 2" / "evening"
    deep.mkdir(parents=True)
    for number in range(150):  # browsers tell of a hundred at a time
        (folder / f"{number}.txt").write_text("no photo")
    for place in (folder / "zoo.jpg", deep / "sea.JPG", folder / ".hidden.jpg"):
        place.write_bytes(photo())
    over = page.locator("#drop").bounding_box()
    at = {"x": over["x"] + over["width"] / 2, "y": over["y"] + 10}
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    browser = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})
    expect(page.locator(".card.ready")).to_have_count(2, timeout=SLOW)
    expect(page.locator("#bar-text")).not_to_contain_text("…")
    assert sorted(page.locator(".card h3").all_inner_texts()) == ["sea.JPG", "zoo.jpg"]


def test_a_picture_is_pasted(visit):
    page = visit.open()
    page.evaluate(
        """text => {
            const transfer = new DataTransfer();
            const bytes = Uint8Array.from(atob(text), one => one.charCodeAt(0));
            transfer.items.add(new File([bytes], "image.png", {type: "image/png"}));
            document.body.dispatchEvent(new ClipboardEvent("paste", {bubbles: true, clipboardData: transfer}));
        }""",
        base64.b64encode(photo("PNG")).decode(),
    )
    expect(page.locator(".card.ready h3")).to_have_text("image.png", timeout=SLOW)


def test_everything_can_be_done_by_the_keyboard_alone(visit):
    visit.page.on("filechooser", lambda _: None)  # from the start: the browser is told of it, and does not answer
    page, press = visit.open(), visit.page.keyboard.press
    tab_to(page, "#add-files")
    with page.expect_file_chooser() as chooser:
        press("Enter")
    chooser.value.set_files([PHONE])
    expect(page.locator(".card.ready")).to_have_count(1, timeout=SLOW)
    tab_to(page, ".leaks summary")
    press("Enter")
    expect(page.get_by_text("Grace's phone")).to_be_visible()
    tab_to(page, ".face input")
    press("ArrowRight")
    expect(page.locator(".box")).to_have_attribute("data-treatment", "blur")
    expect(page.locator(".box")).to_have_class("box lit")
    press("ArrowLeft")
    tab_to(page, "#strength")
    press("ArrowLeft")
    expect(page.locator("#strength")).to_have_attribute("aria-valuetext", "Subtle")
    expect(page.locator("#preview-place .compare")).to_be_visible(timeout=SLOW)
    tab_to(page, '.compare input[type="range"]')
    for _ in range(10):
        press("ArrowRight")
    expect(page.locator(".compare .line")).to_have_attribute("style", "left: 60%;")
    tab_to(page, "[name=names]")
    press("ArrowDown")
    tab_to(page, "#protect")
    press("Enter")
    expect(page.locator("#results-title")).to_be_focused(timeout=SLOW)
    page.keyboard.press("Shift+Tab")
    for _ in range(40):
        if page.evaluate("document.activeElement.matches('.save')"):
            break
        press("Shift+Tab")
    with page.expect_download() as one:
        press("Enter")
    assert one.value.suggested_filename != "phone.jpg"  # random names were chosen
    for _ in range(60):
        if page.evaluate("document.activeElement.matches('#forget')"):
            break
        press("Shift+Tab")
    press("Enter")
    expect(page.locator("#steps")).to_be_hidden()
    expect(page.locator("#title")).to_be_focused()


def test_what_is_deleted_is_gone_from_the_server_too(visit):
    page = visit.open()
    visit.add(PHONE)
    job = page.evaluate("sessionStorage.getItem('cloak-job')")
    path = f"{visit.server.url}/v1/jobs/{job}"
    assert httpx.get(path, headers=visit.server.bearer).status_code == 200
    page.click("#forget")
    expect(page.locator("#live")).to_contain_text("Everything has been deleted")
    assert httpx.get(path, headers=visit.server.bearer).status_code == 404
    expect(page.locator(".card")).to_have_count(0)
    assert page.evaluate("sessionStorage.getItem('cloak-job')") is None


def test_a_page_that_is_loaded_again_has_the_photos_still(visit):
    page = visit.open()
    visit.add(PHONE)
    page.reload()
    expect(page.locator(".card.ready")).to_have_count(1)
    expect(page.locator(".card h3")).to_have_text("phone.jpg")


def test_another_run_with_another_choice_replaces_the_first(visit):
    page = visit.open()
    visit.add(PHONE)
    visit.protect()
    expect(page.locator(".outcome")).to_contain_text("other photos of this person")
    with page.expect_download() as one:  # of one photo there is no archive
        page.click("#download-all")
    assert one.value.suggested_filename == "phone.jpg"
    page.locator(".again summary").click()
    page.locator(".again").get_by_text("Blur").click()
    page.click("#protect")
    expect(page.locator(".outcome")).to_contain_text("Blurred", timeout=SLOW)
    expect(page.locator("#verdict")).not_to_contain_text("of 20")
    expect(page.locator("#verdict .limit")).to_be_visible()


def test_an_upload_says_who_will_see_it_and_is_public_only_after_a_second_yes(visit, tmp_path):
    page = visit.open()
    visit.add(WORKERS)
    page.get_by_role("button", name="Leave all faces").click()
    visit.protect()
    attic = visit.server.log.parent / "attic"
    says, button = page.locator("#upload-says"), page.locator("#upload-start")
    expect(says).to_have_text("1 photo goes to attic. Visible to you alone. Deleted after 7 days.")
    page.check("#audience-public")
    expect(says).to_contain_text("Visible to EVERYBODY.")
    expect(page.locator(".warning")).to_contain_text("cannot be called back")
    expect(button).to_be_disabled()
    page.check("#upload-sure")
    expect(button).to_be_enabled()
    page.check("#audience-owner")
    page.select_option("#upload-expires", "never")
    expect(says).to_contain_text("Stays until deleted by you.")
    page.select_option("#upload-expires", "30d")
    picture(page, tmp_path, "upload-before")
    button.click()
    result = page.locator(".uploads li")
    expect(result).to_contain_text("Uploaded", timeout=SLOW)
    expect(result).to_contain_text("Visible to you alone.")
    expect(result).to_contain_text(re.compile(r"Deleted on \d+ \w+ 20\d\d"))
    picture(page, tmp_path, "upload-after")
    (file,) = attic.glob("*.jpg")
    assert file.stat().st_mode & 0o077 == 0
    assert inspected(file) == 0
    assert file.name != WORKERS.name


def test_where_there_is_no_destination_the_page_says_how_to_get_one(visit):
    visit.page.route("**/v1/destinations", lambda route: route.fulfill(json=[]))
    page = visit.open()
    visit.add(WORKERS)
    page.get_by_role("button", name="Leave all faces").click()
    visit.protect()
    expect(page.locator("#upload")).to_contain_text("cloak upload setup")
    expect(page.locator("#upload button")).to_have_count(0)
