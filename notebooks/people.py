"""Five people to try an evaluation on: the faces in `examples/`, each in several variants that pass for photos.

Variants of one photo share its light, its expression and its camera. A recogniser finds them far more alike than photos
of different days, so clean ones are matched too well, and cloaks have it harder than they have with real albums. They
show how things work; they measure nothing.
"""

import tempfile
from pathlib import Path

from PIL import Image, ImageEnhance, ImageOps

EXAMPLES = Path(__file__).parent.parent / "examples"

FACES = {
    "collins": ("collins.png", (180, 60, 271, 180)),
    "hopper": ("phone.jpg", (183, 120, 350, 334)),
    "worker-a": ("workers.jpg", (377, 202, 439, 261)),
    "worker-b": ("workers.jpg", (156, 60, 194, 107)),
    "worker-c": ("workers.jpg", (418, 59, 448, 92)),
}
"""Where each face is in its upright photo: left, top, right and bottom in pixels."""

SIDE = 200
"""Of every variant, pixels."""


def demonstration(photos: int = 3) -> Path:
    """Write so many photos of each of the five into a new temporary folder and return it."""
    return build(Path(tempfile.mkdtemp(prefix="cloak-people-")), dict.fromkeys(FACES, photos))


def build(folder: Path, counts: dict[str, int]) -> Path:
    """Write ``folder/<person>/<number>.jpg``, so many of each person, and return the folder.

    What the file of the photo says (for "hopper": an invented place, date and telephone) stays in its variants.
    """
    for person, count in counts.items():
        name, box = FACES[person]
        with Image.open(EXAMPLES / name) as opened:
            upright = ImageOps.exif_transpose(opened)
        (folder / person).mkdir(parents=True)
        for number in range(count):
            made = variant(upright.convert("RGB"), box, number)
            made.save(folder / person / f"{number:02}.jpg", quality=92, exif=upright.info.get("exif", b""))
    return folder


def variant(photo: Image.Image, box: tuple[int, int, int, int], number: int) -> Image.Image:
    """Turn, mirror and shade the surroundings of a face, differently for each number so that no hash sees copies."""
    left, top, right, bottom = box
    x, y = (left + right) / 2, (top + bottom) / 2
    turned = photo.rotate(((number + 1) // 2) * 5 * (-1) ** number, Image.Resampling.BICUBIC, center=(x, y))
    reach = max(right - left, bottom - top) * (1.1 + 0.05 * (number % 4))
    cut = turned.crop((int(x - reach), int(y - reach), int(x + reach), int(y + reach))).resize((SIDE, SIDE))
    shaded = ImageEnhance.Brightness(cut).enhance(1 - 0.06 * (number % 3))
    return ImageOps.mirror(shaded) if number % 2 else shaded
