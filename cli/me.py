"""`cloak me`: the reference photos of `--protect me`, of which embeddings are kept."""

import json

import click


@click.group()
def me() -> None:
    """Show or forget whom `cloak protect --protect me` protects.

    Example: cloak me forget
    """


@me.command()
@click.option("--json", "as_json", is_flag=True, help="Print it for machines.")
def show(*, as_json: bool) -> None:
    """Say what is kept of your reference photos, when it was made, and with what.

    Photos are not kept, nor are their names: only how a recogniser sees the face in each, encrypted.

    Example: cloak me show
    """
    from cloak import keys, vault  # noqa: PLC0415 -- help needs none of this
    from cloak.names import shown  # noqa: PLC0415
    from cloak.references import START_AGAIN, fingerprint  # noqa: PLC0415

    kept = vault.load()
    if as_json:
        told = kept and {"photos": len(kept), "added": kept.added.isoformat(), "recogniser": kept.recogniser}
        usable = kept is not None and kept.recogniser == fingerprint()
        click.echo(json.dumps({"kept": told, "usable": usable, "path": str(vault.path())}, indent=2))
    elif kept is None:
        click.echo("No reference photos are kept: cloak protect PHOTOS -o safe --protect me --me FOLDER")
    else:
        click.echo(f"{len(kept)} reference photo{'' if len(kept) == 1 else 's'}, added on {kept.added.isoformat()}.")
        click.echo(f"Recogniser: {kept.recogniser}")
        click.echo(f"Kept in {shown(vault.path())}, encrypted; the key is in the system's keyring ({keys.place()}).")
        if kept.recogniser != fingerprint():
            click.echo(f"This version uses {fingerprint()}, and cannot use them: {START_AGAIN}.")


@me.command()
def forget() -> None:
    """Delete what is kept of your reference photos, and the key to it.

    Example: cloak me forget
    """
    from cloak import vault  # noqa: PLC0415 -- see above

    click.echo("The reference photos are forgotten." if vault.forget() else "No reference photos were kept.")
