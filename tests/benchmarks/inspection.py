"""Measure what `cloak inspect` finds of what exiftool finds, and the other way round, for each kind of harm.

    python tests/benchmarks/inspection.py PHOTOS [--out tests/benchmarks/inspection.json]

PHOTOS is a folder with photos that carry metadata. Both read every file; a file counts for a kind of harm where
exiftool finds a value of it (empty values, and dates of zeros, are none). Recall is the share of these in which we find
that kind too. Needs exiftool.
"""

import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from cloak.inspect import document, inspect

THEIRS = {
    "where: position": r".*:GPS(Latitude|Longitude)$",
    "where: any GPS": r"GPS:|.*:GPS",
    "where: place name": r"(XMP|IPTC).*:(City|Country|State|Sub-?location|Province-State|Location(Created|Shown))",
    "when": r".*(DateTimeOriginal|CreateDate|ModifyDate|GPSDateStamp|Date(Time)?Created|MetadataDate|OffsetTime)",
    "device: make, model": r"(?!ICC).*:(Make|Model)$",
    "device: serial number": r".*Serial|.*:(CameraID|ImageUniqueID)$",
    "device: maker note": r".*:MakerNote|(Canon|Nikon|Sony|Olympus|Panasonic|Pentax|FujiFilm|Minolta|Casio|Kodak|Leica"
    r"|Ricoh|Sigma|Sanyo|Samsung|Apple|Google|HP|Reconyx|DJI|GE|Nintendo|Xiaomi|MakerUnknown):",
    "device: software": r".*:(Software|CreatorTool|HostComputer)$",
    "who: person": r".*:(Artist|Creator|By-line|(Camera)?OwnerName|Copyright|CopyrightNotice|Rights|Credit|XPAuthor"
    r"|Author|PersonInImage|RegionName|RegionPersonDisplayName)$",
    "who: text": r"(?!CBOR|JUMBF|ICC).*:(Keywords|Subject|HierarchicalSubject|LastKeyword\w+|XPKeywords"
    r"|Caption-Abstract|Description|Title|ImageDescription|UserComment|XPComment|XPTitle|Headline|Comment|ObjectName)$",
    # IFD0's preview is what exiftool calls the strips of a TIFF that is compressed as JPEG: the picture itself.
    "cropped: picture": r"(?!IFD0:(Preview|Other)Image)"
    r".*:(ThumbnailImage|PreviewImage|JpgFromRaw|OtherImage|PhotoshopThumbnail|MPImage\d+)$",
    "travels: document ID": r".*(DocumentID|InstanceID|ContentIdentifier)",
    "travels: XMP": r"XMP",
    "travels: IPTC, Photoshop": r"IPTC|Photoshop",
    "travels: C2PA": r"JUMBF|CBOR|C2PA",
    "travels: colour profile": r"ICC",
}
"""What tags of exiftool, written "group:name", each kind of harm is told by."""

Finding = dict[str, Any]


def said(harm: str, pattern: str = "", source: str = "") -> Callable[[Finding], bool]:
    """Whether one of our findings is of a harm, with a name and from a place that match."""

    def match(finding: Finding) -> bool:
        return (
            (not harm or finding["harm"] == harm)
            and bool(re.search(pattern, finding["what"]))
            and bool(re.search(source, finding["source"]))
        )

    return match


OURS = {
    "where: position": said("where", "^position"),
    "where: any GPS": said("", "position|altitude|GPS|direction|speed|area"),
    "where: place name": said("where", "city|country|state|place|part of the world"),
    "when": said("when"),
    "device: make, model": said("device", "camera or phone"),
    "device: serial number": said("device", "serial|unique|camera ID"),
    "device: maker note": said("device", "maker note"),
    "device: software": said("device", "software|computer"),
    "who: person": said("who", "artist|owner|copyright|author|person|face|credit|photographer"),
    "who: text": said("who", "keywords|caption|title|comment|text|subject"),
    "cropped: picture": said("cropped", "thumbnail|preview|picture|map"),
    "travels: document ID": said("travels", "ID"),
    "travels: XMP": said("", "", "XMP"),
    "travels: IPTC, Photoshop": said("", "", "IPTC|Photoshop"),
    "travels: C2PA": said("travels", "credentials"),
    "travels: colour profile": said("", "colour profile"),
}


def theirs(paths: list[Path]) -> dict[str, list[str]]:
    """The tags, "group:name", that exiftool finds in each file; files it says nothing about are missing."""
    found: dict[str, list[str]] = {}
    for start in range(0, len(paths), 200):
        names = "\n".join(map(str, paths[start : start + 200]))
        run = subprocess.run(
            ["exiftool", "-j", "-a", "-G1", "-n", "-charset", "filename=utf8", "-@", "-"],
            input=names,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        for document_ in json.loads(run.stdout or "[]", strict=False):
            found[document_["SourceFile"]] = list(_tags(document_))
    return found


def _tags(document_: dict[str, Any]) -> Iterator[str]:
    for key, value in document_.items():
        group, _, name = key.partition(":")
        if name and group not in {"ExifTool", "System", "Composite"} and str(value).strip(" 0:-+"):
            yield re.sub(r" \(\d+\)$", "", key)


def compare(paths: Iterable[Path], known: dict[str, list[str]], findings: dict[str, list[Finding]]) -> dict[str, Any]:
    """For each kind of harm: in how many files each side finds it, and the files that only one of them has."""
    results = {}
    for kind, pattern in THEIRS.items():
        them = {str(path) for path in paths if any(re.match(pattern, tag) for tag in known.get(str(path), ()))}
        us = {path for path, found in findings.items() if any(OURS[kind](finding) for finding in found)}
        results[kind] = {"exiftool": len(them), "ours": len(us), "both": len(them & us), "missed": sorted(them - us)}
        results[kind]["only_ours"] = sorted(us - them)
    return results


def measure(paths: list[Path]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inspect all files; return the findings of each, and figures about the run."""
    findings, states, slowest, pictures = {}, [], 0.0, []
    begin = time.perf_counter()
    for path in paths:
        start = time.perf_counter()
        one = inspect(path)
        slowest = max(slowest, time.perf_counter() - start)
        photo = document.photo(one)
        findings[str(path)] = photo["findings"]
        states.append(photo["status"])
        pictures += photo["embedded_pictures"]
    figures = {
        "files": len(paths),
        "files_per_second": round(len(paths) / (time.perf_counter() - begin), 1),
        "slowest_seconds": round(slowest, 2),
        "status": {state: states.count(state) for state in sorted(set(states))},
        "embedded_pictures": len(pictures),
        "embedded_pictures_that_differ": sum(picture["differs"] for picture in pictures),
    }
    return findings, figures


@click.command()
@click.argument("photos", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where to write the figures.")
@click.option("--verbose", is_flag=True, help="Print the files that one side missed.")
def main(photos: Path, out: Path | None, verbose: bool) -> None:
    """Measure, print and record."""
    paths = sorted(path for path in photos.rglob("*") if path.is_file() and "_lic" not in path.parts)
    findings, figures = measure(paths)
    results = compare(paths, theirs(paths), findings)
    exiftool = subprocess.run(["exiftool", "-ver"], capture_output=True, text=True, check=True).stdout.strip()
    kinds = {}
    for kind, result in results.items():
        count, both = result["exiftool"], result["both"]
        kinds[kind] = {
            "exiftool_finds": count,
            "of_these_we_find": both,
            "recall": round(both / count, 4) if count else None,
            "only_we_find": len(result["only_ours"]),
        }
        click.echo(
            f"{kind:28} {both:4} of {count:4}  ({both / max(count, 1):.1%}), only ours {len(result['only_ours'])}"
        )
        for name in ("missed", "only_ours") if verbose else ():
            for path in result[name][:15]:
                click.echo(f"      {name}: {path}")
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    record = {
        "commit": commit,
        "device": f"cpu, {os.cpu_count()} cores",
        "versions": {"photo-cloak": version("photo-cloak"), "pillow": version("pillow"), "exiftool": exiftool},
        "python": platform.python_version(),
        "run": figures,
        "recall": kinds,
    }
    click.echo(json.dumps(figures, indent=1))
    if out is not None:
        out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    sys.exit(0)


if __name__ == "__main__":
    main()
