"""`cloak engine`: a face-search engine in a box, to see what others see."""

import sys
from pathlib import Path
from typing import Any

import click

_PATH = click.Path(path_type=Path)
_DB = click.option("--db", required=True, type=_PATH, help="The one file that holds the index.")
_RECOGNISER = "What the engine embeds with: a name of `cloak models list`, or an ONNX file."
_FINDER = click.Choice(("scrfd", "mtcnn", "yunet"))
_DEVICE = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
_DISTRACTORS = click.option(
    "--distractors", type=click.IntRange(0), default=0, show_default=True, help="Made-up strangers to search among."
)
_SEED = click.option("--seed", default=0, show_default=True, help="Of every random draw.")
_REPORT = click.option("--report", type=_PATH, help="Write an HTML page with pictures.")
_OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace the page if it is already there.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON document.")


@click.group()
def engine() -> None:
    """See what a face-search engine would find, on local folders alone: it has no scraper.

    Example: cloak engine simulate friends --report engine.html
    """


@engine.command()
@click.argument("profiles", nargs=-1, required=True, type=_PATH)
@_DB
@click.option("--recogniser", help=f"{_RECOGNISER}  [default: mobilefacenet_fxz]")
@click.option("--finder", type=_FINDER, help="What it detects with.  [default: scrfd]")
@_DEVICE
@_JSON
def index(profiles: tuple[Path, ...], db: Path, **options: Any) -> None:  # noqa: ANN401 -- checked by click
    """Index the faces in PROFILES, as a company does with public pages.

    PROFILES are folders: what is in one folder is on one page. Of each photo the engine keeps where it was found, what
    its file says (title, date, place, people), and all faces. Indexing again adds what is new.

    Example: cloak engine index friends --db engine.faces
    """
    from cloak.cli.engine_run import run_index  # noqa: PLC0415 -- needs PyTorch, help must not wait for it

    sys.exit(run_index(profiles, db, **options))


@engine.command()
@click.argument("photo", type=_PATH)
@_DB
@click.option("--top", type=click.IntRange(1, 1000), default=10, show_default=True, help="Hits to show.")
@click.option(
    "--face", type=click.IntRange(1), default=1, show_default=True, help="Which face of the photo; 1 is the largest."
)
@click.option("--recogniser", help="Where the ONNX file that the index was made with lies now.")
@_DISTRACTORS
@_SEED
@_DEVICE
@_REPORT
@_OVERWRITE
@_JSON
def search(photo: Path, db: Path, **options: Any) -> None:  # noqa: ANN401
    """Search for a face in PHOTO, and show which pages it is found on.

    Example: cloak engine search snapshot.jpg --db engine.faces --report found.html
    """
    from cloak.cli.engine_run import run_search  # noqa: PLC0415 -- see above

    run_search(photo, db, **options)


@engine.command()
@click.argument("profiles", type=_PATH)
@click.option("--identities", type=click.IntRange(2), default=200, show_default=True, help="People at most.")
@click.option("--photos", type=click.IntRange(1), default=5, show_default=True, help="Public photos of each at most.")
@click.option(
    "--strength",
    type=click.Choice(("subtle", "balanced", "strong")),
    default="balanced",
    show_default=True,
    help="Of the cloaks.",
)
@click.option(
    "--weights", type=click.Choice(("open", "research")), default="open", show_default=True, help="As in protect."
)
@click.option("--recogniser", default="mobilefacenet_fxz", show_default=True, help=_RECOGNISER)
@click.option("--finder", type=_FINDER, default="scrfd", show_default=True, help="What it detects with.")
@_DISTRACTORS
@click.option("--work", type=_PATH, help="Folder to keep protected photos in; the same run goes on where it stopped.")
@_SEED
@_DEVICE
@_REPORT
@_OVERWRITE
@_JSON
def simulate(profiles: Path, **options: Any) -> None:  # noqa: ANN401
    """Tell the whole story: search among PROFILES as they are, protect them, and search again.

    PROFILES holds a folder of photos for each person. One photo of each is a stranger's, stays as it is and is searched
    for; the others are public. They are searched as they are and as `cloak protect` writes them.

    Example: cloak engine simulate friends --work engine --report engine/report.html
    """
    from cloak.cli.engine_run import run_simulate  # noqa: PLC0415 -- see above

    sys.exit(run_simulate(profiles, **options))
