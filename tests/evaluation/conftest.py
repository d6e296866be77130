"""A small dataset: five people from the photos that ship, in variants that no hash takes for copies."""

from pathlib import Path

import pytest
from PIL import Image, ImageEnhance, ImageOps

EXAMPLES = Path(__file__).parent.parent.parent / "examples"

FACES = {
    "collins": ("collins.png", (180, 60, 271, 180)),
    "hopper": ("phone.jpg", (183, 120, 350, 334)),
    "worker-a": ("workers.jpg", (377, 202, 439, 261)),
    "worker-b": ("workers.jpg", (156, 60, 194, 107)),
    "worker-c": ("workers.jpg", (418, 59, 448, 92)),
}
"""Where each face is in its upright photo."""


def variant(photo: Image.Image, box: tuple[int, int, int, int], number: int) -> Image.Image:
    """Turn, mirror and shade the surroundings of a face, differently for each number; 0 is as it is."""
    left, top, right, bottom = box
    side = max(right - left, bottom - top)
    x, y = (left + right) / 2, (top + bottom) / 2
    turned = photo.rotate(((number + 1) // 2) * 5 * (-1) ** number, Image.Resampling.BICUBIC, center=(x, y))
    reach = side * (1.1 + 0.05 * (number % 4))
    cut = turned.crop((int(x - reach), int(y - reach), int(x + reach), int(y + reach))).resize((200, 200))
    shaded = ImageEnhance.Brightness(cut).enhance(1 - 0.06 * (number % 3))
    return ImageOps.mirror(shaded) if number % 2 else shaded


def build(folder: Path, counts: dict[str, int]) -> Path:
    """Write so many photos of each person."""
    for person, count in counts.items():
        name, box = FACES[person]
        photo = ImageOps.exif_transpose(Image.open(EXAMPLES / name)).convert("RGB")
        (folder / person).mkdir(parents=True)
        for number in range(count):
            variant(photo, box, number).save(folder / person / f"{number:02}.jpg", quality=92)
    return folder


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photos of each of five people."""
    return build(tmp_path_factory.mktemp("people"), dict.fromkeys(FACES, 3))
