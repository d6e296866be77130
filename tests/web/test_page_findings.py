"""What the page says of a file: in the user's language, and no more than was looked at."""

import json
import re
import struct
import zlib

import pytest
from PIL import Image
from playwright.sync_api import expect

from cloak.inspect import inspect_bytes
from cloak.inspect.document import photo as told

from ..inspect.photos import inserted, jpeg, scene, with_thumbnail, xmp  # noqa: TID252 -- no package to import from
from .browser import EXAMPLES, PHONE, picture, visiting
from .test_page_files import LANGUAGES

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_PHRASES = """async findings => {
    const { nameOf, valueOf } = await import("./page/phrases.js");
    return findings.map(one => [nameOf(one.what), valueOf(one)]);
}"""

_WRITTEN = [
    ("where", "position", "38.88948° N, 77.03524° W (to about 3 m)"),
    ("where", "position of what it shows", "1.5° S, 2.5° W (to about 10 km)"),
    ("where", "altitude", "12 m above sea level"),
    ("where", "altitude", "3 m below sea level"),
    ("where", "direction of the camera", "226° (south-west)"),
    ("where", "direction of travel", "41° (north-east)"),
    ("where", "speed", "12.5 knots"),
    ("device", "camera settings", "1/250 s, f/2.8, 12 more"),
    ("device", "camera settings", "7 more"),
    ("device", "maker note", "Apple, 1,234 bytes"),
    ("travels", "edit history", "3 steps, Adobe Photoshop"),
    ("travels", "editing settings", "12 settings of a photo editor"),
    ("travels", "Photoshop settings", "9 entries"),
    ("travels", "colour profile", "without a name; Copyright"),
    ("travels", "motion video", "12,345 bytes"),
    ("travels", "data after the end of the picture", "10 bytes: a ZIP archive, 2 further pictures, a video"),
    ("travels", "data after the end of the picture", "10 bytes: picture data, as a crop leaves it behind, a PDF"),
    ("who", "region of a face", "marked"),
    ("cropped", "thumbnail", "160 x 120 pixels, looks like the picture"),
    ("cropped", "thumbnail", "160 x 120 pixels, LOOKS DIFFERENT from the picture"),
    ("cropped", "preview", "9 x 9 pixels, could not be compared with the picture"),
    ("cropped", "preview", "1,000 bytes, cannot be shown"),
    ("cropped", "preview", "1,000 bytes, not looked at"),
    ("cropped", "size before it was changed", "40 x 30 pixels, now 20 x 10"),
    ("cropped", "what was cropped away", "pixels: 4 left, 12 right, 6 at the top, 18 at the bottom"),
    ("name", "looks named by", "screenshot"),
    ("name", "looks named by", "Google Pixel phone"),
    ("name", "looks like the counter of a camera", "number 0193, Nikon or Sony camera"),
    ("name", "looks like the counter of a camera", "number 0193, digital camera"),
]
"""What the inspection writes in words of its own."""

_ENGLISH = re.compile(
    r"\b(?:about|above|below|sea|level|south|west|north|knots|more|steps|settings|entries|without|name|bytes|further|video|as|"
    r"a|marked|looks|like|picture|could|cannot|not|now|screenshot|phone|number|or|digital|left|right|at|the|top|bottom)\b",
    re.IGNORECASE,
)


def _chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _damaged(place):
    """A photo whose text cannot be unpacked, and which says nothing else."""
    Image.new("RGB", (64, 64), "teal").save(place)
    whole = place.read_bytes()
    place.write_bytes(whole[:33] + _chunk(b"zTXt", b"Comment\0\0no deflated text") + whole[33:])
    return place


@pytest.mark.parametrize("language", [path.stem for path in LANGUAGES])
def test_nothing_found_is_not_said_of_a_file_that_was_not_read_to_its_end(chromium, page_server, tmp_path, language):
    texts = json.loads((EXAMPLES.parent / "cloak" / "web" / "page" / "languages" / f"{language}.json").read_text())
    damaged, clean = _damaged(tmp_path / "damaged.png"), tmp_path / "clean.png"
    Image.new("RGB", (64, 64), "teal").save(clean)
    told_ = told(inspect_bytes(damaged.read_bytes(), damaged.name))
    assert (told_["complete"], told_["findings"]) == (False, [])
    with visiting(chromium, page_server, locale=language) as visit:
        page = visit.open()
        visit.add(damaged, clean)
        cards = {name: page.locator(".card").filter(has_text=name) for name in ("damaged.png", "clean.png")}
        expect(cards["damaged.png"]).to_contain_text(texts["leaks.incomplete"])
        expect(cards["damaged.png"]).not_to_contain_text(texts["leaks.none"])
        cards["damaged.png"].get_by_text(texts["said.label"]).click()
        expect(cards["damaged.png"].locator("[lang=en]")).to_contain_text("could not be read to its end")
        expect(cards["clean.png"]).to_contain_text(texts["leaks.none"])
        expect(cards["clean.png"]).not_to_contain_text(texts["leaks.incomplete"])
        overall = page.locator("#leaks").inner_text()
        assert texts["leaks.all_none"] not in overall
        assert overall == texts["leaks.all_incomplete.one"].replace("{n}", "1").replace("{total}", "2")
        picture(page, tmp_path, f"incomplete-{language}")


def _really_written():
    """Values that an inspection writes in words of its own, of files that are made to have them."""
    packet = xmp(
        'xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" crs:Exposure="1" crs:Contrast="2"',
        '<xmpMM:History><rdf:Seq><rdf:li stEvt:action="saved" stEvt:softwareAgent="Editor"/></rdf:Seq></xmpMM:History>'
        '<mwg-rs:Regions><rdf:Description mwg-rs:Type="Face"/></mwg-rs:Regions>',
    )
    lines = inserted(jpeg(), (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet), (0xED, b"Photoshop 3.0\0" + _RESOURCE))
    files = {
        "phone.jpg": PHONE.read_bytes(),
        "behind.jpg": jpeg() + jpeg(scene(seed=4)) + b"PK\3\4%PDF-IDAT<html",
        "lines.jpg": lines,
        "other.jpg": with_thumbnail(scene(), scene(seed=9)),
    }
    named = ("IMG_0193", "DSC_0193", "PICT0193", "Screenshot 1", "PXL_20240101_1", "DJI_0001", "GOPR0001")
    files |= {f"{name}.jpg": jpeg() for name in named}
    names = {what for _, what, _ in _WRITTEN}
    every = [one for name, data in files.items() for one in told(inspect_bytes(data, name))["findings"]]
    found = [(one["harm"], one["what"], one["value"]) for one in every if one["what"] in names and one["value"]]
    assert names - {what for _, what, _ in found} == _NOT_MADE
    return [one for one in found if _ENGLISH.search(one[2])]


_RESOURCE = b"8BIM\x03\xed\0\0\0\0\0\4abcd"
_NOT_MADE = {"position of what it shows", "direction of travel", "speed", "motion video", "preview", "colour profile"}
_NOT_MADE |= {"size before it was changed", "what was cropped away"}


def test_what_an_inspection_writes_is_in_the_user_s_language_and_what_people_wrote_is_left_alone(chromium, page_server):
    real = _really_written()
    own = [("who", "caption", "marked"), ("who", "comment", "12 bytes"), ("who", "title", "3 m above sea level")]
    findings = [{"harm": harm, "what": what, "value": value} for harm, what, value in [*_WRITTEN, *real, *own]]
    shown = {}
    for language in ("en", "de", "nl", "fr"):
        with visiting(chromium, page_server, locale=language) as visit:
            page = visit.open()
            expect(page.locator("html")).to_have_attribute("lang", language)
            shown[language] = page.evaluate(_PHRASES, findings)
    for language, said in shown.items():
        values = [value["text"] for _, value in said]
        assert all(name.keys() == value.keys() == {"text"} for name, value in said)  # nothing is left in English
        assert values[-len(own) :] == [value for *_, value in own]
        assert len(set(values[: len(_WRITTEN)])) == len(_WRITTEN)
        for (_, what, value), now in zip([*_WRITTEN, *real], values, strict=False):
            assert "undefined" not in now, (what, now)
            if language != "en":
                assert now != value or set(_ENGLISH.findall(value)) <= _SHARED[language], (language, what, value)
                same = set(_ENGLISH.findall(value)) & set(_ENGLISH.findall(now))
                assert not same - _SHARED[language], (language, value, now)
    written = dict(zip([value for *_, value in _WRITTEN], [value["text"] for _, value in shown["de"]], strict=False))
    assert written["12 m above sea level"] == "12 m über dem Meeresspiegel"
    assert written["Apple, 1,234 bytes"] == "Apple, 1.234 Bytes"
    assert written["number 0193, Nikon or Sony camera"] == "Nummer 0193, Kamera: Nikon oder Sony"


_SHARED = {"de": set[str](), "nl": {"bytes", "video"}, "fr": set[str]()}
"""Words that the languages have in common."""


def test_names_with_a_part_of_the_photo_in_them_keep_that_part(chromium, page_server):
    names = ["GPS detail (GPSTrack)", "text (Raw)", "private chunk (caNv)", "attribute user.x", "something new (x)"]
    with visiting(chromium, page_server, locale="fr") as visit:
        page = visit.open()
        expect(page.locator("html")).to_have_attribute("lang", "fr")
        said = page.evaluate(_PHRASES, [{"harm": "who", "what": name, "value": "1"} for name in names])
    assert [name for name, _ in said] == [
        {"text": "donnée GPS (GPSTrack)"},
        {"text": "texte (Raw)"},
        {"text": "segment privé (caNv)"},
        {"text": "attribut user.x"},
        {"text": "something new (x)", "lang": "en"},
    ]


def test_that_no_more_photos_fit_is_said_in_the_user_s_language_with_the_server_s_words_to_be_opened(
    chromium, page_server
):
    texts = json.loads((EXAMPLES.parent / "cloak" / "web" / "page" / "languages" / "de.json").read_text())
    refusal = {"error": "too_many_photos", "message": "a job has at most 500 photos: make another one"}
    with visiting(chromium, page_server, locale="de-DE") as visit:
        page = visit.open()
        # 500 photos would take minutes; this answer is what the server gives to the next one.
        page.route("**/photos", lambda route: route.fulfill(status=413, json=refusal))
        page.set_input_files("#files", PHONE)
        card = page.locator(".card.refused")
        expect(card).to_contain_text(texts["error.too_many_photos"])
        expect(card).not_to_contain_text("MB möglich")
        expect(card.locator("[lang=en]")).to_be_hidden()
        card.get_by_text(texts["said.label"]).click()
        expect(card.locator("[lang=en]")).to_have_text(refusal["message"])


def test_what_was_not_looked_for_keeps_nothing_found_from_being_said(chromium, page_server):
    with visiting(chromium, page_server, locale="en-GB") as visit:
        page = visit.open()
        said = page.evaluate(
            """async () => {
                const { leaks, overall } = await import("./page/findings.js");
                const photo = unchecked =>
                    ({ inspection: { complete: true, problem: null, not_looked_for: unchecked, findings: [] } });
                const partly = leaks(photo(["faces: no detector"]));
                const shown = [...partly.querySelectorAll("[lang=en]")].map(one => one.textContent);
                return [partly.textContent, shown, leaks(photo([])).textContent, overall([photo(["x"]), photo([])])];
            }"""
        )
    assert "Nothing was found" not in said[0]
    assert "Not everything could be looked for" in said[0]
    assert said[1] == ["faces: no detector"]
    assert said[2] == "Nothing was found in this file that gives something away."
    assert said[3].startswith("1 of 2 files could not be looked through")
