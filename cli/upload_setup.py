"""`cloak upload setup`: ask once for what a destination has to know, and how uploads to it are by default."""

from contextlib import closing, suppress
from typing import TYPE_CHECKING

import click

from cloak.errors import CredentialsError

if TYPE_CHECKING:
    from cloak.upload.credentials import Credentials
    from cloak.upload.destination import Audience, Destination, Setting
    from cloak.upload.settings import Place

DEFAULT_EXPIRES = "30d"


@click.command()
@click.argument("name", metavar="DEST")
@click.option("--kind", help="folder, webdav, nextcloud, sftp, s3, mastodon, immich ...: asked for if not given.")
def setup(name: str, kind: str | None) -> None:
    """Set up a destination, which gets the name DEST.

    Asks for what it has to know, for how long uploads are to stay, and who may see them; once. Passwords and tokens go
    to the system's keyring. Where there is none, nothing secret is kept: the environment variable to set is named.

    Example: cloak upload setup nas
    """
    from cloak.upload import settings  # noqa: PLC0415 -- help needs none of this
    from cloak.upload.destinations import kinds, load  # noqa: PLC0415

    settings.check_name(name)
    before = settings.read().get(name)
    if kind is None:
        kind = str(click.prompt("Kind", type=click.Choice(kinds()), default=before and before.kind, err=True))
    destination = load(kind)
    place = _asked(name, kind, destination, before)
    with suppress(CredentialsError), closing(place.open()):  # what makes no sense is refused, and not kept
        pass
    missing = _keep_secrets(destination, place.credentials)
    settings.keep(place)
    click.echo(f"{name} is set up. Upload with: cloak upload PHOTOS --to {name}")
    for variable in missing:
        click.echo(
            f"This system has no keyring that keeps secrets: set {variable} before you upload and purge.", err=True
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


def _keep_secrets(destination: "type[Destination]", credentials: "Credentials") -> list[str]:
    """Put secrets into the keyring; return the variables to set where there is none."""
    from cloak.upload import keyring_secrets  # noqa: PLC0415 -- see above

    asked = [one for one in destination.SETTINGS if one.secret]
    if keyring_secrets.place() is None:
        return [credentials.variable(one.name) for one in asked if credentials.get(one.name) is None]
    for one in asked:
        answer = click.prompt(one.question, default=one.default, show_default=False, hide_input=True, err=True)
        if answer:
            keyring_secrets.put(f"{credentials.destination}.{one.name}", answer)
    return []
