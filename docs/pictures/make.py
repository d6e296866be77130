"""Make the photographs of the pages: `docs/pictures/make.py [WORK]`.

Protects `examples/collins.png` at each strength by the real command, cuts the face out at 100%, and strips what was
written by `cloak strip`. What the verdicts said is written to `faces.json`. WORK is a folder in which protected photos
of an earlier run are looked for.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageChops

HERE = Path(__file__).parent
ORIGINAL = HERE.parents[1] / "examples" / "collins.png"
CLOAK = Path(sys.executable).with_name("cloak")
STRENGTHS = ("subtle", "balanced", "strong")
FACE = (144, 22, 304, 214)
"""Left, top, right, bottom of what is shown of the face."""
PORTRAIT = (74, 0, 374, 370)
QUALITY = 92


def main(work: Path) -> None:
    """Write all pictures beside this file."""
    before = Image.open(ORIGINAL).convert("RGB")
    save(before.crop(FACE), work, "face-original")
    verdicts = {}
    for strength in STRENGTHS:
        after, verdicts[strength] = protected(work, strength)
        save(after.crop(FACE), work, f"face-{strength}")
        if strength == "balanced":
            save(beside(before.crop(PORTRAIT), after.crop(PORTRAIT)), work, "before-after")
            difference = ImageChops.difference(before, after).crop(FACE)
            save(difference.point(lambda value: min(255, 8 * value)), work, "face-difference")
    (HERE / "faces.json").write_text(json.dumps(verdicts, indent=1) + "\n", "utf-8")


def protected(work: Path, strength: str) -> tuple[Image.Image, dict[str, float]]:
    """Return the photo as `cloak protect` writes it, and what the verdict says of its face."""
    written, said = work / strength / ORIGINAL.name, work / f"{strength}.json"
    if not written.exists():
        command = [CLOAK, "protect", ORIGINAL, "-o", written.parent, "--strength", strength, "--no-manifest", "--json"]
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603 -- our own command
        said.write_bytes(run.stdout)
    photos = json.loads(said.read_text("utf-8"))["photos"]
    ((face,),) = (photo["faces"] for photo in photos if Path(photo["source"]).name == ORIGINAL.name)
    verdict = {key: round(face[key], 4) for key in ("dssim", "colour", "luma", "unmatched_elsewhere")}
    return Image.open(written).convert("RGB"), verdict


def beside(left: Image.Image, right: Image.Image, gap: int = 8) -> Image.Image:
    """Return two pictures with a white gap between them."""
    both = Image.new("RGB", (left.width + gap + right.width, left.height), "white")
    both.paste(left, (0, 0))
    both.paste(right, (left.width + gap, 0))
    return both


def save(picture: Image.Image, work: Path, name: str) -> None:
    """Write a WebP file, without metadata, as `cloak strip` leaves it."""
    raw = work / "raw" / f"{name}.webp"
    raw.parent.mkdir(parents=True, exist_ok=True)
    picture.save(raw, quality=QUALITY, method=6)
    command = [CLOAK, "strip", raw, "-o", HERE / raw.name, "--overwrite", "--quiet"]
    subprocess.run(command, check=True)  # noqa: S603 -- our own command


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary))
