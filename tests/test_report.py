"""The HTML report: self-contained, escaped, clean, and true to what was written."""

import base64
import html.parser
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cloak.cloaker import Cloaker
from cloak.config import AttackConfig, FacePolicy, ProtectConfig
from cloak.image import inspect
from cloak.image.codec import decode
from cloak.pipeline import protect
from cloak.report import GAIN, Report
from cloak.summary import LIMIT, Summary
from cloak.targets import Job

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture(scope="module")
def config() -> ProtectConfig:
    return ProtectConfig(attack=AttackConfig(steps=2), faces=FacePolicy.LARGEST, device="cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the page is, and what it is about."""
    folder = tmp_path_factory.mktemp("report")
    shutil.copy(EXAMPLES / "phone.jpg", folder)
    (folder / "<script>.jpg").write_bytes(b"no photo")
    return folder


@pytest.fixture(scope="module")
def page(folder, config) -> str:
    config = replace(config, report=folder / "report.html")
    jobs = [Job(folder / name, folder / "out" / name) for name in ("phone.jpg", "<script>.jpg")]
    summary = Summary(config, total=2)
    with Report() as report:
        for outcome in protect(jobs, config, cloaker=Cloaker(config)):
            summary.add(outcome)
            report.add(outcome)
        report.write(config.report, summary)
    return config.report.read_text(encoding="utf-8")


def test_a_report_holds_everything_in_one_file(page, folder):
    assert sorted(path.name for path in folder.glob("*.html")) == ["report.html"]
    sources = re.findall(r"(?:src|href|url)\s*[=(]\s*['\"]?([^'\" >)]{5})", page)
    assert len(sources) == 6
    assert set(sources) == {"data:"}
    assert "<script" not in page
    assert "&lt;script&gt;.jpg" in page
    assert LIMIT in page
    assert "GPS position" in page
    assert "not an image" in page


def test_a_report_is_well_formed(page):
    class Checker(html.parser.HTMLParser):
        def __init__(self):
            super().__init__()
            self.open = []

        def handle_starttag(self, tag, attrs):  # noqa: ARG002 -- the parser's interface
            if tag not in {"meta", "img"}:
                self.open.append(tag)

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

    checker = Checker()
    checker.feed(page)
    assert checker.open == []


def test_pictures_in_a_report_carry_no_metadata_and_show_the_written_face(page, folder):
    pictures = [base64.b64decode(data) for data in re.findall(r"base64,([A-Za-z0-9+/=]+)", page)]
    assert all(inspect.find(data) == () for data in pictures)
    before, after, difference = (decode(data).pixels.int() for data in pictures[3:])
    assert torch.equal(difference, ((after - before) * GAIN + 128).clamp(0, 255))
    original = decode((folder / "phone.jpg").read_bytes()).pixels
    written = decode((folder / "out" / "phone.jpg").read_bytes()).pixels
    for crop, whole in ((before, original), (after, written)):
        assert _contains(whole.int(), crop)


def _contains(whole: torch.Tensor, part: torch.Tensor) -> bool:
    _, height, width = part.shape
    starts = (whole == part[:, :1, :1]).all(0).nonzero().tolist()
    return any(torch.equal(whole[:, top : top + height, left : left + width], part) for top, left in starts)


def test_a_report_gives_each_recogniser_before_and_after(page, config):
    rows = re.findall(r"<tr class='(witness)?'><td>(\w+)</td><td>(\w+)</td><td>([\d.-]+)</td><td>([\d.-]+)</td>", page)
    names = [recogniser.name for recogniser in Cloaker(config).networks.surrogates]
    assert [row[1] for row in rows[:-1]] == names
    assert rows[-1][0] == "witness"
    assert all(float(before) > 0.9 for _, _, _, before, _ in rows)


def test_a_run_that_breaks_off_leaves_no_report(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with Report(), pytest.raises(ZeroDivisionError):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
