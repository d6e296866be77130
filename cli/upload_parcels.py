"""What `cloak upload` sends: photos protected or stripped into a private folder, one after the other."""

from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloak.cli.cloaking import wanted
from cloak.names import NamePolicy, shown
from cloak.sources import Source
from cloak.stripping import StripConfig, containers, strip_photos
from cloak.targets import plan
from cloak.upload.send import Parcel

if TYPE_CHECKING:
    from cloak.cloaker import Cloaker
    from cloak.targets import Job


def stripped(sources: Sequence[Source], folder: Path, *, dry_run: bool) -> Generator[Parcel, None, None]:
    """Strip photos into a folder."""
    jobs = plan(sources, folder, names=NamePolicy.RANDOM, container=containers(sources))
    with closing(strip_photos(jobs, StripConfig(dry_run=dry_run))) as results:
        for one in results:
            done = f"stripped of {', '.join(one.removed)}" if one.removed else "nothing to strip"
            path = None if one.error or dry_run else one.job.target
            yield Parcel(source=one.job.source, path=path, problem=one.error, done=done)


def protected(
    sources: Sequence[Source],
    folder: Path,
    *,
    dry_run: bool,
    quiet: bool,
    me: Path | None,
    **options: Any,  # noqa: ANN401
) -> Generator[Parcel, None, None]:
    """Protect photos into a folder; options are those of `cloak protect`, by their names there.

    Raises:
        CloakError: they make no sense together, or nothing is known of the person: before anything is asked for.
    """
    from cloak.cloaker import Cloaker  # noqa: PLC0415 -- needs PyTorch

    cloaker = Cloaker(*wanted(dry_run=dry_run, me=me, quiet=quiet, **options))
    return _protected(plan(sources, folder, names=NamePolicy.RANDOM), cloaker)


def _protected(jobs: "Sequence[Job]", cloaker: "Cloaker") -> Generator[Parcel, None, None]:
    from cloak.outcome import Status  # noqa: PLC0415 -- these need PyTorch
    from cloak.pipeline import protect  # noqa: PLC0415

    config = cloaker.config
    with closing(protect(jobs, config, cloaker=cloaker)) as outcomes:
        for one in outcomes:
            failed = one.status is Status.FAILED
            faces = f"{one.found} face{'' if one.found == 1 else 's'} cloaked"
            blurred = f", {one.blurred} blurred" if one.blurred else ""
            left = f", {len(one.left)} left as they are" if one.left else ""
            path = None if failed or config.dry_run else one.target
            yield Parcel(source=one.source, path=path, problem=one.reason, done=f"{faces}{blurred}{left}")


def unlinked(parcels: Iterable[Parcel]) -> Generator[Parcel, None, None]:
    """Remove each file when the next one is asked for: by then it is uploaded, or will not be."""
    for parcel in parcels:
        try:
            yield parcel
        finally:
            if parcel.path:
                parcel.path.unlink(missing_ok=True)


def would(parcel: Parcel, name: str) -> str:
    """Return one line about a photo that was not uploaded because of `--dry-run`."""
    return f"would upload: {shown(parcel.source)} -> {shown(name)}: {parcel.done}"
