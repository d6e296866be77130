"""What a file's name gives away, in cautious words: a pattern is no proof.

Only what looks like a date, an owner, an address or the numbering of a camera is told.
"""

import re
from datetime import UTC, datetime

from cloak.inspect.finding import Harm, Notes

_SOURCE = "file name"
_DAY = r"(?P<year>(?:19|20)\d\d)[-_. ]?(?P<month>0[1-9]|1[0-2])[-_. ]?(?P<day>0[1-9]|[12]\d|3[01])"
_CLOCK = r"(?P<hour>[01]\d|2[0-3])[-_.:h ]?(?P<minute>[0-5]\d)(?:[-_.:m ]?(?P<second>[0-5]\d))?"
_BETWEEN = r"(?:(?:[-_. ]|,? (?:at|um|à|om|kl\.?|alle|a las|às) |T|, ){1,3})?"
_DATE = re.compile(rf"(?<!\d){_DAY}(?:{_BETWEEN}{_CLOCK}(?!\d\d\d\d\d))?(?!\d{{4}})(?:\d{{3}})?(?!\d)")
_DAY_FIRST = re.compile(
    r"(?<!\d)(?:0?[1-9]|[12]\d|3[01])([-_. ])(?:0?[1-9]|[12]\d|3[01])\1(?:(?:19|20)\d\d|\d\d(?=, ))(?!\d)"
)
_MILLISECONDS = re.compile(r"(?<!\d)(1[0-9]{12})(?!\d)")
_WHATSAPP = re.compile(r"^(?:IMG|VID)-\d{8}-WA\d{4}|^WhatsApp ", re.IGNORECASE)
_APPS = (
    (_WHATSAPP, "WhatsApp"),
    (re.compile(r"^PXL_\d{8}_"), "Google Pixel phone"),
    (re.compile(r"^signal-\d{4}", re.IGNORECASE), "Signal"),
    (re.compile(r"^photo_\d{4}-\d\d-\d\d_", re.IGNORECASE), "Telegram"),
    (re.compile(r"^FB_IMG_|^\d{6,}_\d{10,}_\d+_[no]\b", re.IGNORECASE), "Facebook"),
    (re.compile(r"^received_\d{10,}", re.IGNORECASE), "Facebook Messenger"),
    (re.compile(r"^(?:Screenshot|Screen Shot|Bildschirmfoto|Capture d.écran)", re.IGNORECASE), "screenshot"),
    (re.compile(r"^Snapchat-", re.IGNORECASE), "Snapchat"),
    (re.compile(r"^mmexport\d{13}|^wx_camera_|^microMsg\.", re.IGNORECASE), "WeChat"),
    (re.compile(r"^KakaoTalk_", re.IGNORECASE), "KakaoTalk"),
    (re.compile(r"^viber_image", re.IGNORECASE), "Viber"),
    (re.compile(r"^(?:InShot|B612|C360|SnapEdit|Polarr|Lightroom)_", re.IGNORECASE), "photo editor"),
    (re.compile(r"^DJI_\d{4}"), "DJI drone"),
    (re.compile(r"^(?:GOPR|GX|GH|G0)\d{4,6}$"), "GoPro camera"),
    (re.compile(r"^MVIMG_|^IMG_?\d{8}_?\d{6}|^\d{8}_\d{6}|BURST\d{17}"), "Android phone"),
)
_COUNTERS = (
    (re.compile(r"^IMG_E?(\d{4})$", re.IGNORECASE), "iPhone or Canon camera"),
    (re.compile(r"^_?MG_(\d{4})$|^_MG_(\d{4})$", re.IGNORECASE), "Canon camera"),
    (re.compile(r"^(?:DSC_|_DSC)(\d{4})$", re.IGNORECASE), "Nikon or Sony camera"),
    (re.compile(r"^DSC(\d{5})$", re.IGNORECASE), "Sony camera"),
    (re.compile(r"^DSCN(\d{4})$", re.IGNORECASE), "Nikon camera"),
    (re.compile(r"^(?:DSCF|_DSF)(\d{4})$", re.IGNORECASE), "Fujifilm camera"),
    (re.compile(r"^P[1-9A-C]\d\d?(\d{4})$"), "Panasonic or Olympus camera"),
    (re.compile(r"^(?:IMGP|PICT|SAM_|SANY|CIMG|HPIM|R00)(\d{4,5})$", re.IGNORECASE), "digital camera"),
)
_SUFFIX = re.compile(
    r"(?:[ _-]?\(\d{1,3}\)|[-_ ](?:edit(?:ed|iert)?|copy|kopie|bearbeitet|modifi\w{1,4}|\d{1,2}))+$", re.IGNORECASE
)
"""What people and programs put behind a camera's own name."""

_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,40}")
_UUID = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])", re.IGNORECASE)
_PHONE = re.compile(r"(?<!\w)\+\d{1,3}(?:[ .-]?\d){7,12}(?!\d)")
_OWNER = re.compile(r"\b([A-ZÀ-Þ][\w-]{1,20})['\u2019]s\b")
_NAME = re.compile(r"(?<![^\W_])([A-ZÀ-Þ][a-zß-ÿ]{2,15})(?:, |[ _-])([A-ZÀ-Þ][a-zß-ÿ]{2,20})(?![^\W_])")
_NO_NAMES = frozenset(
    word
    for line in (
        "download image photo picture screenshot screen shot img scan edit edited copy new final profile holiday",
        "wedding family whatsapp signal telegram snapchat untitled landscape portrait cover album part page version",
        "test sample camera january february march april may june july august september october november december the",
        "gimp adobe monday tuesday wednesday thursday friday saturday sunday pasted from web file front back left",
        "right capture google photos export live long exposure burst night mode roll new york san",
    )
    for word in line.split()
)
_COORDINATES = re.compile(r"(?<![\d.])(-?\d{1,2}\.\d{3,8})[,_ ]{1,2}(-?\d{1,3}\.\d{3,8})(?![\d.])")


def read(name: str, notes: Notes) -> None:
    """Say what a file name seems to say.

    Args:
        name: without folders.
        notes: where to write it down.
    """
    stem = name[:255].rpartition(".")[0] or name[:255]
    _dates(stem, notes)
    app = next((app for pattern, app in _APPS if pattern.search(stem)), "")
    if app:
        notes.say(Harm.NAME, "looks named by", app, source=_SOURCE)
    for pattern, camera in _COUNTERS:
        if found := pattern.match(_SUFFIX.sub("", stem)):
            number = next(group for group in found.groups() if group)
            notes.say(Harm.NAME, "looks like the counter of a camera", f"number {number}, {camera}", source=_SOURCE)
            break
    for pattern, what in ((_MAIL, "an e-mail address"), (_UUID, "an ID"), (_PHONE, "a telephone number")):
        if found := pattern.search(stem):
            notes.say(Harm.NAME, f"looks like {what}", found.group(), source=_SOURCE)
    if found := _COORDINATES.search(stem):
        notes.say(Harm.NAME, "looks like a position", found.group(), source=_SOURCE)
    _names(stem, notes, free=not app)


def _dates(stem: str, notes: Notes) -> None:
    if found := _DATE.search(stem):
        year, month, day, hour, minute, second = found.group("year", "month", "day", "hour", "minute", "second")
        clock = f" {hour}:{minute}" + (f":{second}" if second else "") if hour else ""
        notes.say(Harm.NAME, "looks like a date", f"{year}-{month}-{day}{clock}", source=_SOURCE)
    elif found := _DAY_FIRST.search(stem):
        notes.say(Harm.NAME, "looks like a date", found.group(), source=_SOURCE)
    elif found := _MILLISECONDS.search(stem):
        date = datetime.fromtimestamp(int(found.group(1)) / 1000, UTC)
        notes.say(Harm.NAME, "looks like a date", f"{date:%Y-%m-%d %H:%M:%S} UTC", source=_SOURCE)


def _names(stem: str, notes: Notes, *, free: bool) -> None:
    if found := _OWNER.search(stem):
        notes.say(Harm.NAME, "may be somebody's name", found.group(1), source=_SOURCE)
    elif free and (found := _NAME.search(stem)) and not {part.casefold() for part in found.groups()} & _NO_NAMES:
        notes.say(Harm.NAME, "may be somebody's name", " ".join(found.groups()), source=_SOURCE)
