"""`cloak evaluate`: how well cloaks protect the people in a folder of photos."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cloak.cli.letters import letter_range
from cloak.cli.progress import progress
from cloak.errors import UsageError

if TYPE_CHECKING:
    from cloak.evaluation.settings import EvaluationConfig

ALL = "ABCDEFG"


@click.command()
@click.argument("photos", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for results and caches.")
@click.option("--protocol", "protocols", default="ABG", show_default=True, help="Letters out of ABCDEFG, or all.")
@click.option("--methods", default="ours:balanced,noise,none", show_default=True, help="What makes cloaks.")
@click.option(
    "--victims",
    default="mobilefacenet_fxz,facenet_msceleb",
    show_default=True,
    help="Who judges: recognisers by name, ONNX files, leave-one-out.",
)
@click.option("--conditions", help="For protocol E: names, or all.  [default: jpeg75]")
@click.option(
    "--weights", type=click.Choice(["open", "research"]), default="open", show_default=True, help="Surrogates."
)
@click.option(
    "--finder",
    type=click.Choice(["scrfd", "mtcnn", "yunet"]),
    default="scrfd",
    show_default=True,
    help="Engines' detector.",
)
@click.option("--identities", type=click.IntRange(1), default=60, show_default=True, help="People to protect at most.")
@click.option("--names", "letters", help="Protect people whose names start so, such as N-Z.")
@click.option("--protected", type=click.IntRange(1), default=2, show_default=True, help="Photos to protect of each.")
@click.option(
    "--references", type=click.IntRange(1), default=5, show_default=True, help="Clean photos of each at most."
)
@click.option(
    "--trainees", type=click.IntRange(0), default=20, show_default=True, help="People for protocol C at most."
)
@click.option(
    "--public", type=click.IntRange(0), default=24, show_default=True, help="People that engines adapt on (F)."
)
@click.option(
    "--strangers", type=click.Path(path_type=Path), help="Other people's photos, for thresholds and galleries."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--seed", default=0, show_default=True, help="Of every random draw.")
@click.option("--name-people", is_flag=True, help="Results name people; otherwise they are numbered.")
@click.option("-q", "--quiet", is_flag=True, help="No tables.")
def evaluate(photos: Path, output: Path, *, quiet: bool, **options: object) -> None:
    """Protect people in PHOTOS, and ask recognisers that were not used whether they still know them.

    PHOTOS holds a folder for each person. Written into the output folder: results.json, results.md, plots. What was
    computed is kept there, so the same command goes on where it was stopped, and more of it is cheap.

    Methods: ours:subtle, ours:balanced, ours:strong, ours:quick, ours:thorough, fawkes1, lowkey, fawkes2,
    fawkes2:chroma, opom, pgd, mifgsm, noise, none.

    Example: cloak evaluate lfw --identities 60 --names N-Z --protocol all -o results
    """
    from cloak.evaluation.plots import plot  # noqa: PLC0415 -- needs PyTorch, help must not wait for it
    from cloak.evaluation.report import markdown  # noqa: PLC0415
    from cloak.evaluation.study import evaluate as run  # noqa: PLC0415
    from cloak.files import check_folder, write  # noqa: PLC0415

    config = _config(photos, output, **options)  # type: ignore[arg-type]  # checked by click
    check_folder(output)

    def show(label: str, total: int) -> AbstractContextManager[Callable[[], None]]:
        return progress(total, label=label)

    results = run(config, show)
    results.write(output / "results.json")
    text = markdown(results)
    write(output / "results.md", text.encode(), overwrite=True)
    plots = plot(results, output / "plots")
    if not quiet:
        click.echo(text)
    click.echo(f"Written to {output}: results.json, results.md, {len(plots)} plots.", err=True)


def _config(
    photos: Path,
    output: Path,
    *,
    protocols: str,
    methods: str,
    victims: str,
    conditions: str | None,
    weights: str,
    finder: str,
    identities: int,
    letters: str | None,
    protected: int,
    references: int,
    trainees: int,
    public: int,
    strangers: Path | None,
    device: str,
    seed: int,
    name_people: bool,
) -> "EvaluationConfig":
    from cloak.device import pick_device  # noqa: PLC0415 -- see above
    from cloak.evaluation.dataset import Split  # noqa: PLC0415
    from cloak.evaluation.settings import EvaluationConfig  # noqa: PLC0415
    from cloak.models import Profile  # noqa: PLC0415

    wanted = ALL if protocols.lower() == "all" else protocols.upper().replace(",", "")
    if conditions and "E" not in wanted:
        raise UsageError("--conditions are for protocol E: add it to --protocol, or leave them out")
    return EvaluationConfig(
        photos=photos,
        output=output,
        protocols=tuple(wanted),
        methods=_listed(methods),
        victims=_listed(victims),
        conditions=_listed(conditions or "jpeg75"),
        split=Split(
            identities=identities,
            letters=letter_range(letters),
            protected=protected,
            references=references,
            trainees=trainees,
            public=public if "F" in wanted else 0,
        ),
        weights=Profile(weights),
        finder=finder,
        strangers=strangers,
        device=str(pick_device(device)),
        seed=seed,
        names=name_people,
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
