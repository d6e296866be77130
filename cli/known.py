"""Whom `--protect me` and `--protect except` are about: from `--me FOLDER`, or from what is kept."""

from pathlib import Path

import click

from cloak import keys, vault
from cloak.config import ProtectConfig, ProtectPolicy
from cloak.device import pick_device
from cloak.errors import UsageError
from cloak.faces.detect import Detector
from cloak.models import load_recogniser
from cloak.reference_photos import learn
from cloak.references import RECOGNISER, References


def known(config: ProtectConfig, folder: Path | None, *, quiet: bool) -> References | None:
    """Return the person whom a run is about, or None if it is about nobody, or nobody is known.

    What is learned from a folder is kept, but by a dry run, and where the system has no keyring; what happened and
    what is wrong with photos goes to stderr.

    Raises:
        UsageError: a folder was given, and it has no use or does not show one person.
        ReferencesError: what is kept cannot be read, or what was learned cannot be kept.
        MissingExtraError: keeping and reading need packages that are not installed.
    """
    if config.protect is ProtectPolicy.ALL:
        if folder is not None:
            raise UsageError("--me says who you are, which --protect all does not ask: add --protect me or except")
        return None
    if folder is None:
        return vault.load()
    keys.place()  # before the work: MissingExtraError
    device = pick_device(config.device)
    recogniser = load_recogniser(RECOGNISER, device=device)
    learned = learn(
        folder, detector=Detector.from_pretrained(device), recogniser=recogniser, max_pixels=config.max_pixels
    )
    lines = list(learned.warnings)
    if not config.dry_run:
        lines.append(_keep(learned.references))
    if not quiet:
        for line in lines:
            click.echo(line, err=True)
    return learned.references


def _keep(references: References) -> str:
    """Keep references and return what to say about it."""
    before = vault.path().exists()
    if not vault.keep(references):
        return (
            "Your reference photos are not kept, because this system has no keyring for the key: "
            "give --me FOLDER each time"
        )
    number = f"{len(references)} reference photo{'' if len(references) == 1 else 's'}"
    instead = " in place of those kept before" if before else ""
    return f"Learned from {number}{instead}; next time, --protect me needs no --me (see `cloak me show`)"
