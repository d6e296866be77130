"""TIFF pages that are layers: where each lies stays, in pixels; the resolution by which that was told does not."""

import io

import pytest
from PIL import Image

from cloak.errors import ResidueError
from cloak.image import blocks
from cloak.image.scan import scan

from .contract import stripped
from .tiff_files import RATIONAL, RGB, SHORT, page, tiff, values


def _resolution(across, down, unit=2):
    return {282: values(RATIONAL, across, 1), 283: values(RATIONAL, down, 1), 296: values(SHORT, unit)}


def _layers(*tags):
    return tiff((page() | _resolution(300, 300), [RGB]), *((page() | each, [RGB]) for each in tags))


def _places(data):
    """Where pages lie, as readers work it out: position times resolution."""
    found = []
    with Image.open(io.BytesIO(data)) as image:
        for number in range(image.n_frames):
            image.seek(number)
            tags = image.tag_v2
            found.append(
                tuple(
                    round(float(tags.get(place, 0)) * float(tags.get(edge, 0)), 6)
                    for place, edge in ((286, 282), (287, 283))
                )
            )
    return found


@pytest.mark.parametrize("edges", [(300, 300), (300, 150)])
def test_layers_stay_where_they_are_and_the_resolution_goes(edges):
    across, down = edges
    # As GIMP writes them: from numbers of single precision.
    place = {286: values(RATIONAL, 40 * 13421772 // across, 13421772), 287: values(RATIONAL, 30, down)}
    written, planned = stripped(_layers(_resolution(*edges) | place))
    assert _places(written) == [(0, 0), (40, 30)]
    assert planned.removed == (blocks.RESOLUTION,)
    again, planned = stripped(written)
    assert again == written
    assert planned.removed == ()


def test_of_equal_places_the_same_is_written_whatever_the_resolution():
    files = [
        _layers(_resolution(dots, dots, unit) | {286: values(RATIONAL, 40, dots), 287: values(RATIONAL, 0, 1)})
        for dots, unit in ((300, 2), (72, 2), (118, 3))
    ]
    assert len({stripped(each)[0] for each in files}) == 1


@pytest.mark.parametrize(
    "place",
    [
        {286: values(RATIONAL, 1, 0), 287: values(RATIONAL, 1, 0)},
        {286: values(RATIONAL, 0xFFFFFFFF, 1), 287: values(RATIONAL, 1, 1)},
        {286: values(RATIONAL, 0, 7), 287: values(RATIONAL, 0, 9)},
        {286: values(SHORT, 1), 287: values(SHORT, 1)},
        {287: values(RATIONAL, 1, 1)},
    ],
)
def test_places_that_say_nothing_sensible_go(place):
    assert stripped(_layers(_resolution(300, 300) | place))[0] == stripped(_layers({}))[0]


def test_a_place_without_neighbours_goes():
    place = {286: values(RATIONAL, 40, 300), 287: values(RATIONAL, 30, 300)}
    assert stripped(tiff((page() | _resolution(300, 300) | place, [RGB])))[0] == stripped(tiff((page(), [RGB])))[0]


@pytest.mark.parametrize(
    "tags",
    [
        {286: values(RATIONAL, 40, 1)},
        {286: values(RATIONAL, 40, 1), 287: values(RATIONAL, 30, 1)},
        _resolution(1, 1, 1),
        _resolution(1, 1, 1) | {286: values(RATIONAL, 40, 1)},
        _resolution(1, 1, 1) | {286: values(RATIONAL, 0, 1), 287: values(RATIONAL, 0, 1)},
        _resolution(1, 1, 1) | {286: values(RATIONAL, 80, 2), 287: values(RATIONAL, 30, 1)},
        _resolution(1, 1, 1) | {286: values(RATIONAL, 1 << 21, 1), 287: values(RATIONAL, 30, 1)},
        _resolution(2, 1, 1) | {286: values(RATIONAL, 0, 2), 287: values(RATIONAL, 0, 1)},
        _resolution(300, 300, 1) | {286: values(RATIONAL, 40, 300), 287: values(RATIONAL, 30, 300)},
    ],
)
def test_the_second_reader_takes_whole_pixels_only(tags):
    clean = stripped(_layers({}))[0]
    scan(clean)
    with pytest.raises(ResidueError, match=r"resolution|position"):
        scan(tiff((page(), [RGB]), (page() | tags, [RGB])))
