"""`cloak upload setup`: ask once for what a destination has to know, and how uploads to it are by default."""

from contextlib import closing
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cloak.upload.credentials import Credentials
    from cloak.upload.destination import Audience, Destination, Setting
    from cloak.upload.settings import Place

DEFAULT_EXPIRES = "30d"


def _kinds(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    from cloak.upload.destinations import kinds  # noqa: PLC0415 -- help needs none of this

    return [kind for kind in kinds() if kind.startswith(begun)]


@click.command()
@click.argument("name", metavar="DEST")
@click.option(
    "--kind",
    shell_complete=_kinds,
    help="folder, webdav, nextcloud, sftp, s3, mastodon, immich ...: asked for if not given.",
)
@click.option("--no-check", is_flag=True, help="Keep it without trying it out.")
@click.option("--yes", is_flag=True, help="Do not ask about uploads that are where it was set up before.")
def setup(name: str, kind: str | None, *, no_check: bool, yes: bool) -> None:
    """Set up a destination, which gets the name DEST.

    Asks for what it has to know, for how long uploads are to stay, and who may see them; once. Passwords and tokens go
    to the system's keyring. Where there is none, nothing secret is kept: the environment variable to set is named.

    Then it is tried out: a picture of noise is put there, read back and deleted. What does not work is kept only if
    you say so.

    Example: cloak upload setup nas
    """
    from cloak.upload import keyring_secrets, settings  # noqa: PLC0415 -- help needs none of this
    from cloak.upload.destinations import kinds, load  # noqa: PLC0415

    settings.check_name(name)
    before = settings.read().get(name)
    if kind is None:
        kind = str(click.prompt("Kind", type=click.Choice(kinds()), default=before and before.kind, err=True))
    destination = load(kind)
    place = _asked(name, kind, destination, before)
    _warn_of_others(place, before, destination, yes=yes)
    secrets, unset = _ask_secrets(destination, place.credentials)
    missing = [place.credentials.variable(one.name) for one in unset if one.default is None]
    _try(place, secrets, missing=missing, check=not no_check)
    for secret, value in secrets.items():
        keyring_secrets.put(secret, value)
    settings.keep(place)
    click.echo(f"{name} is set up. Upload with: cloak upload PHOTOS --to {name}")
    for one in unset:
        needed = "" if one.default is None else f"if {name} needs its {one.name.replace('-', ' ')}, "
        click.echo(
            f"This system has no keyring that keeps secrets: {needed}set {place.credentials.variable(one.name)} before "
            "you upload and purge.",
            err=True,
        )


def _asked(name: str, kind: str, destination: "type[Destination]", before: "Place | None") -> "Place":
    """Ask for all but secrets."""
    from cloak.upload.expiry import expiry  # noqa: PLC0415 -- see above
    from cloak.upload.settings import Place  # noqa: PLC0415

    known = before.settings if before and before.kind == kind else {}
    values = {one.name: _ask(one, known.get(one.name, one.default)) for one in destination.SETTINGS if not one.secret}
    expires = click.prompt(
        "How long uploads stay (30d, 12h, 2w, never)", default=before.expires if before else DEFAULT_EXPIRES, err=True
    )
    expiry(expires)
    return Place(name=name, kind=kind, settings=values, expires=expires, audience=_audience(destination))


def _audience(destination: "type[Destination]") -> "Audience":
    from cloak.upload.destination import Audience  # noqa: PLC0415 -- see above

    offered = [str(one) for one in destination.AUDIENCES if one is not Audience.PUBLIC]
    if not offered:
        click.echo("Whatever is uploaded there is public: it takes --public each time.", err=True)
        return Audience.OWNER
    if len(offered) == 1:
        return Audience(offered[0])
    chosen = click.prompt("Who may see them, at most", type=click.Choice(offered), default=offered[0], err=True)
    return Audience(chosen)


def _ask(setting: "Setting", default: str | None) -> str:
    answer = click.prompt(setting.question, default=default, show_default=bool(default), err=True)
    return str(answer)


def _warn_of_others(place: "Place", before: "Place | None", destination: "type[Destination]", *, yes: bool) -> None:
    """Ask before uploads are out of reach because the place that they are at has lost its name."""
    from cloak.upload import places  # noqa: PLC0415 -- see above
    from cloak.upload.ledger import Ledger, State  # noqa: PLC0415

    named = [one.name for one in destination.SETTINGS if one.address and not one.secret]
    if before and before.kind == place.kind:
        was, now = before.settings, place.settings
        if all(was.get(each, "") == now.get(each, "") for each in named):
            return
    if not places.ledger().exists():
        return
    with Ledger.open() as ledger:
        left = [one for one in ledger.entries(State.PENDING, State.PLACED) if one.destination == place.name]
    if not left:
        return
    many = "1 upload of yours is" if len(left) == 1 else f"{len(left)} uploads of yours are"
    click.echo(
        f"{many} where {place.name} was set up before. If this is another place, nobody here can delete them any more, "
        "not when their time is up either. Delete them first (`cloak uploads list`), or give this place another name.",
        err=True,
    )
    if not yes:
        click.confirm("Set it up here all the same?", abort=True, err=True)


def _ask_secrets(
    destination: "type[Destination]", credentials: "Credentials"
) -> tuple[dict[str, str], "list[Setting]"]:
    """Ask for secrets where there is a keyring for them.

    Returns:
        what was said, by names in the keyring; those that no variable has where there is none.
    """
    from cloak.upload import keyring_secrets  # noqa: PLC0415 -- see above

    asked = [one for one in destination.SETTINGS if one.secret]
    if keyring_secrets.place() is None:
        return {}, [one for one in asked if credentials.get(one.name) is None]
    said = {}
    for one in asked:
        answer = click.prompt(one.question, default=one.default, show_default=False, hide_input=True, err=True)
        if answer:
            said[f"{credentials.destination}.{one.name}"] = answer
    return said, []


def _try(place: "Place", secrets: dict[str, str], *, missing: list[str], check: bool) -> None:
    """Try a destination out, and say what was found; if it does not work, ask whether it is to be kept.

    Raises:
        ConfigError: what was said makes no sense, so there is nothing to keep.
    """
    from cloak.errors import PhotoError, UploadError  # noqa: PLC0415 -- see above
    from cloak.upload import keyring_secrets  # noqa: PLC0415
    from cloak.upload.credentials import Credentials  # noqa: PLC0415
    from cloak.upload.destinations import load  # noqa: PLC0415
    from cloak.upload.errors import opening  # noqa: PLC0415

    credentials = Credentials(place.name, lambda name: secrets.get(name) or keyring_secrets.get(name))
    opened = False
    try:
        with opening(place.name):
            made = load(place.kind).open(place.settings, credentials)
        with closing(made) as destination:
            opened = True
            if check:
                _say(place, destination)
    except (PhotoError, UploadError) as error:
        if not check:
            return
        if missing and not opened:
            click.echo(f"{place.name} was not tried: {' and '.join(missing)} is not set.", err=True)
            return
        click.echo(f"{place.name} was tried, and does not work: {error}", err=True)
        click.confirm("Keep it all the same?", abort=True, err=True)


def _say(place: "Place", destination: "Destination") -> None:
    """Try a destination out, and say what it does with photos."""
    from cloak.cli.upload_words import WHO, when  # noqa: PLC0415 -- see above
    from cloak.upload.destination import Wish  # noqa: PLC0415
    from cloak.upload.expiry import expiry  # noqa: PLC0415
    from cloak.upload.trial import try_out  # noqa: PLC0415

    audience = place.audience if place.audience in destination.AUDIENCES else destination.AUDIENCES[0]
    tried = try_out(destination, Wish(audience=audience, expires=expiry(place.expires)), place.name)
    if not tried.written or tried.audience is None:
        click.echo("It lets you in. Whether it takes photos was not tried: others would have seen the picture.")
        return
    if tried.kept:
        click.echo(f"It lets you in, and took a picture of noise. It does not let go of photos at once: {tried.kept}.")
    else:
        click.echo("It lets you in, took a picture of noise, and let go of it again.")
    password = ", which has a password" if tried.password else ""
    click.echo(f"Of uploads it says: {WHO[tried.audience]}{password}.")
    if tried.expires:
        click.echo(f"It ends them by itself: what is uploaded now, on {when(tried.expires)}.")
    else:
        click.echo("It ends nothing by itself: `cloak uploads purge` deletes what is due (docs/upload.md).")
