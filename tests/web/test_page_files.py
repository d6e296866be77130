"""The page's files: what can be said of them without a browser."""

import json
import re
from pathlib import Path

import pytest

from .finding_names import names

PAGE = Path(__file__).parents[2] / "cloak" / "web" / "page"
LANGUAGES = sorted((PAGE / "languages").glob("*.json"))
MODULES = sorted(PAGE.glob("*.js"))
SOURCE = "\n".join(module.read_text() for module in MODULES)
MARKUP = (PAGE / "index.html").read_text()
PLURAL = re.compile(r"\.(one|other)$")


def texts(path: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads(path.read_text())
    return found


@pytest.mark.parametrize("path", LANGUAGES, ids=lambda path: path.stem)
def test_each_language_has_all_texts_with_the_same_places_to_fill_in(path):
    english, other = texts(PAGE / "languages" / "en.json"), texts(path)
    assert list(other) == list(english)
    for key, text in other.items():
        assert text.strip() == text != ""
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", english[key])), key


def test_there_are_the_four_languages_that_were_asked_for():
    assert [path.stem for path in LANGUAGES] == ["de", "en", "fr", "nl"]
    assert all(f"{path.stem}: " in (PAGE / "i18n.js").read_text() for path in LANGUAGES)


@pytest.mark.parametrize("path", [path for path in LANGUAGES if path.stem != "en"], ids=lambda path: path.stem)
def test_what_is_said_in_sentences_is_translated(path):
    english, other = texts(PAGE / "languages" / "en.json"), texts(path)
    assert not [key for key, text in english.items() if len(text) > 25 and other[key] == text]


def test_every_text_is_used_and_every_text_that_is_used_is_there():
    keys = {PLURAL.sub("", key) for key in texts(PAGE / "languages" / "en.json")}
    named = set(re.findall(r'data-t(?:-label)?="([\w.]+)"', MARKUP))
    groups = {key.split(".")[0] for key in keys}
    dotted = re.findall(r'"([a-z0-9_]+(?:\.[a-z0-9_]+)+)"', SOURCE)
    named |= {key for key in dotted if key.split(".")[0] in groups}
    built = tuple(re.findall(r"`([a-z_]+\.[a-z_.]*)\$\{", SOURCE))
    assert named - keys == set()
    assert {key for key in keys - named if not key.startswith(built)} == set()


def test_whatever_the_server_refuses_is_told_in_words():
    sources = "\n".join(path.read_text() for path in PAGE.parent.glob("*.py"))
    codes = set(re.findall(r'\b4\d\d, "([a-z_]+)"|\b50\d, "([a-z_]+)"', sources))
    asked_by_programs_alone = {"wrong_host", "foreign_origin", "method_not_allowed", "unavailable"}
    english = texts(PAGE / "languages" / "en.json")
    assert {one or other for one, other in codes} - {key.removeprefix("error.") for key in english} <= (
        asked_by_programs_alone
    )


@pytest.mark.parametrize("path", LANGUAGES, ids=lambda path: path.stem)
def test_each_finding_that_an_inspection_can_make_has_a_name_and_no_other_has(path):
    written = {re.sub(r"\([^()]*\{\}[^()]*\)|\{\}", "x", name) for name in names()}
    wanted = {re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") for name in written}
    assert {"serial_number_of_the_flash", "gps_detail_x", "looks_like_an_id", "size_before_it_was_changed"} <= wanted
    keys = {key.removeprefix("finding.") for key in texts(path) if key.startswith("finding.")}
    assert keys == wanted
    assert all(("{detail}" in texts(path)[f"finding.{key}"]) == key.endswith("_x") for key in keys)


@pytest.mark.parametrize("path", [path for path in LANGUAGES if path.stem != "en"], ids=lambda path: path.stem)
def test_hardly_a_finding_is_named_as_in_english(path):
    english, other = texts(PAGE / "languages" / "en.json"), texts(path)
    same = {key for key, text in english.items() if key.startswith("finding.") and other[key] == text}
    assert not [english[key] for key in same if " " in english[key].partition(" (")[0]]


def test_without_scripts_the_page_says_so_in_each_language():
    (said,) = re.findall(r"<noscript>(.*?)</noscript>", MARKUP, re.DOTALL)
    assert sorted(re.findall(r'<p class="banner" lang="(\w+)">[^<]*JavaScript[^<]*</p>', said)) == [
        path.stem for path in LANGUAGES
    ]


def test_the_page_has_no_script_or_style_inside_it_and_names_nobody_else():
    assert re.findall(r"<script(?![^>]*\bsrc=)", MARKUP) == []
    assert "<style" not in MARKUP
    assert re.findall(r"\s(?:on\w+|style)=", MARKUP) == []
    everything = "\n".join([MARKUP, SOURCE, (PAGE / "page.css").read_text()])
    assert not [one for one in re.findall(r"https?://[\w.-]+", everything) if one != "http://127.0.0.1"]
    assert re.findall(r"url\(|@import", (PAGE / "page.css").read_text()) == []


def test_no_text_becomes_markup_or_code():
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(\"style"
    assert re.findall(forbidden, SOURCE) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_each_module_is_short_and_says_what_it_is_for_and_what_its_functions_take(module):
    text = module.read_text()
    assert text.startswith("// ")
    assert len(text.splitlines()) < 300
    for head, parameters in re.findall(r"((?:.*\n){3})export (?:async )?function \w+\(([^)]*)\)", text):
        assert "*/" in head, f"{module.name}: {head}"
        if parameters:
            assert "@param" in text
