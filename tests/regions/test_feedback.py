"""Fields that speak of decided regions."""

import shapely

from napari_wsol.regions.decisions import decide
from napari_wsol.regions.feedback import (
    INSIDE,
    MOST,
    fields_of,
    labelled_fields,
)
from napari_wsol.slides.geometry import Box

BOUNDS = Box(0, 0, 200, 200)


def rejected(polygon):
    return decide('rejected', polygon, reason='fold')


def share_inside(box, polygon):
    square = shapely.box(box.x, box.y, box.right, box.bottom)
    return square.intersection(polygon).area / square.area


def test_a_large_region_gives_a_few_fields_inside_of_it():
    disc = shapely.Point(100, 100).buffer(60)
    fields = fields_of(rejected(disc), (24, 24), BOUNDS)
    assert len(fields) == len(set(fields)) == MOST
    assert all((f.height, f.width) == (24, 24) for f in fields)
    assert all(share_inside(f, disc) >= INSIDE for f in fields)


def test_a_narrow_region_gives_a_smaller_one():
    band = shapely.box(20, 50, 180, 60)
    (field,) = fields_of(rejected(band), (24, 24), BOUNDS)
    assert 8 <= field.height <= 13
    assert share_inside(field, band) >= INSIDE


def test_a_crumb_gives_none():
    crumb = shapely.box(20, 20, 22, 22)
    assert fields_of(rejected(crumb), (24, 24), BOUNDS) == ()


def test_fields_end_where_the_image_does():
    corner = shapely.box(0, 0, 26, 26)
    fields = fields_of(rejected(corner), (24, 24), BOUNDS)
    assert fields
    assert all(f.y >= 0 and f.x >= 0 for f in fields)


def test_rejected_regions_hold_nothing_and_missed_ones_do():
    square = shapely.box(50, 50, 76, 76)
    decisions = [
        rejected(square),
        decide('missed', square, label='benign'),
        decide('missed', square),
        decide('accepted', square),
    ]
    told = labelled_fields(
        decisions, (24, 24), BOUNDS, 'background', 'malignant'
    )
    labels = {label for _, label in told}
    assert labels == {'background', 'benign', 'malignant'}
    known = labelled_fields(decisions, (24, 24), BOUNDS, 'background', None)
    assert {label for _, label in known} == {'background', 'benign'}
