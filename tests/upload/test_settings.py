"""Destinations are set up once, in a file without secrets; times are what people write."""

from datetime import UTC, datetime, timedelta

import keyring
import pytest

from cloak.errors import ConfigError, CredentialsError, UsageError
from cloak.upload import keyring_secrets, places, settings
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience
from cloak.upload.destinations import load
from cloak.upload.expiry import expiry
from cloak.upload.names import folder_name
from cloak.upload.settings import Place

from ..keyrings import Broken, Locked, Memory, PlainFile  # noqa: TID252 -- tests are no package to import from

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize(
    "value", ["plain", 'quo"te', "back\\slash", "two\nlines", "tab\t", "\x7f\x01", "日本 ☀ 😀", ""]
)
def test_what_is_written_is_read_again_whatever_it_is(value):
    place = Place(name="nas", kind="webdav", expires="2w", audience=Audience.OWNER, settings={"url": value, value: "x"})
    settings.keep(place)
    settings.keep(Place(name="other", kind="folder", settings={"path": "/x"}))
    assert settings.read()["nas"] == place
    assert sorted(settings.read()) == ["nas", "other"]
    assert places.config().stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("kind = [", "mend it or delete it"),
        ("destinations = 3", "must be tables"),
        ("[destinations.nas]\nurl = 'x'", "has no kind"),
        ("[destinations.nas]\nkind = 'webdav'\nport = 3", "must hold text in quotes"),
        ("[destinations.nas]\nkind = 'webdav'\naudience = 'friends'", "unknown here"),
        ("[destinations.nas]\nkind = 'webdav'\naudience = 'public'", "public is no default"),
        ("[destinations.nas]\nkind = 'webdav'\nexpires = 'soon'", "expires of nas: 'soon' is no time"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_with_what_to_do(text, reason):
    places.config().parent.mkdir()
    places.config().write_text(text)
    with pytest.raises(ConfigError, match=reason):
        settings.find("nas")


@pytest.mark.parametrize("name", ["", "a/b", "-x", "ü", "two words", "x" * 41])
def test_a_name_that_could_be_a_path_or_an_option_is_refused(name):
    with pytest.raises(UsageError, match="cannot be a destination's name"):
        settings.keep(Place(name=name, kind="folder"))
    assert not places.config().exists()


def test_a_path_is_a_folder_without_being_set_up(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert settings.find("./safe").settings == {"path": str(tmp_path / "safe")}
    assert settings.find(str(tmp_path)).kind == "folder"


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("30d", NOW + timedelta(days=30)),
        ("12 h", NOW + timedelta(hours=12)),
        ("2W", NOW + timedelta(weeks=2)),
        ("2026-11-26T13:00+00:00", NOW + timedelta(hours=1)),
        ("never", None),
    ],
)
def test_times_are_what_people_write(text, time):
    assert expiry(text, now=NOW) == time


@pytest.mark.parametrize("text", ["", "d", "-3d", "3 parsecs", "2026-13-01", "999999y", "0d", "2026-11-26T11:59+00:00"])
def test_times_that_are_none_or_past_are_refused(text):
    with pytest.raises(UsageError):
        expiry(text, now=NOW)


@pytest.mark.parametrize("album", ["..", "../../etc", "a/b", "a" * 300, "ü" * 300, ".hidden", "\x00", "end.", "", " "])
def test_a_folder_name_is_one_plain_name_of_its_own(album):
    name = folder_name(album)
    assert not set(name) & set('/\\<>:"|?*\x00')
    assert not name.startswith(".")
    assert 0 < len(name.encode()) <= 209
    assert name not in {folder_name(f"{album}x"), folder_name(f"x{album}")}


@pytest.fixture
def ring():
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


def test_secrets_come_from_the_keyring_and_the_environment_goes_first(ring, monkeypatch):
    ring(Memory())
    keyring_secrets.put("nas.password", "from the keyring")
    credentials = Place(name="nas", kind="webdav").credentials
    assert credentials.need("password").reveal() == "from the keyring"
    monkeypatch.setenv("CLOAK_NAS_PASSWORD", "from the environment")
    assert credentials.need("password").reveal() == "from the environment"


@pytest.mark.parametrize("broken", [Broken, Locked])
def test_a_keyring_that_refuses_is_said_without_its_own_words(ring, broken):
    ring(broken())
    with pytest.raises(CredentialsError, match="unlock it and try again") as raised:
        keyring_secrets.get("nas.password")
    assert "out of luck" not in str(raised.value)


def test_a_keyring_that_is_a_plain_file_gets_nothing(ring):
    ring(kept := PlainFile())
    with pytest.raises(CredentialsError, match="no keyring"):
        keyring_secrets.put("nas.password", "x")
    assert kept.kept == {}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_end_of_a_line_is_no_part_of_a_secret(monkeypatch, end):
    monkeypatch.setenv("CLOAK_NAS_PASSWORD", f" p4ss w\u00f6rd {end}")
    assert Place(name="nas", kind="webdav").credentials.need("password").reveal() == " p4ss w\u00f6rd "


@pytest.mark.parametrize(("kind", "setting"), [("immich", "api-key"), ("mastodon", "access-token")])
@pytest.mark.parametrize("value", ["k\u00e9y", "a\x00b", "two words", "a\nb", "\u20ac"])
def test_what_cannot_be_a_token_is_said_and_not_shown(kind, setting, value):
    held = Credentials("d", {f"d.{setting}": value}.get)
    with pytest.raises(CredentialsError, match=f"{setting.split('-')[1]} cannot be one") as raised:
        load(kind).open({"server": "https://example.org"}, held)
    assert value not in str(raised.value)


@pytest.mark.parametrize("host", ["exa mple.org", "-a..b", "h:99999", "h:abc", "ex\nample.org", "xn--.org", "a" * 300])
@pytest.mark.parametrize(
    ("kind", "setting"), [("webdav", "url"), ("immich", "server"), ("mastodon", "server"), ("s3", "endpoint")]
)
def test_an_address_that_nothing_can_be_at_is_refused(kind, setting, host):
    settings = {setting: f"https://{host}/x", "user": "me", "bucket": "photos"}
    with pytest.raises(ConfigError, match="address"):
        load(kind).open(settings, Credentials("d", lambda _: "x"))
