import numpy as np
import pytest
import shapely
from made_maps import FRAME, labelled, regions_of
from made_masks import CUTS, MASKS, pinched

from napari_wsol.regions import corners as corners_module
from napari_wsol.regions.labelling import cut
from napari_wsol.regions.painting import painted
from napari_wsol.regions.region import Frame

PIXELS = Frame(1.0, 1.0)


def pixels_in(polygon, shape):
    """The pixels whose centre lies in a polygon."""
    y, x = np.indices(shape) + 0.5
    return shapely.contains_xy(polygon, x, y)


@pytest.mark.parametrize('mask', MASKS.values(), ids=MASKS)
def test_polygons_are_valid_and_hold_exactly_their_pixels(mask):
    labels = labelled(mask)
    _, outlines = regions_of(mask, frame=PIXELS)
    assert len(outlines) == labels.max()
    for number in range(1, labels.max() + 1):
        polygon = outlines.polygon(number)
        assert polygon.is_valid
        assert polygon.area == (labels == number).sum()
        np.testing.assert_array_equal(
            pixels_in(polygon, mask.shape), labels == number
        )


@pytest.mark.parametrize('mask', MASKS.values(), ids=MASKS)
def test_outlines_do_not_depend_on_the_cut(mask):
    whole, *others = (regions_of(mask, chunk)[1] for chunk in CUTS)
    for other in others:
        for name in ('y', 'x', 'rings', 'regions'):
            np.testing.assert_array_equal(
                getattr(other, name), getattr(whole, name)
            )


@pytest.mark.parametrize('mask', MASKS.values(), ids=MASKS)
def test_outlines_in_small_portions_are_the_same(mask, monkeypatch):
    _, whole = regions_of(mask)
    monkeypatch.setattr(corners_module, 'AT_ONCE', 10)
    _, other = regions_of(mask)
    for name in ('y', 'x', 'rings', 'regions'):
        np.testing.assert_array_equal(
            getattr(other, name), getattr(whole, name)
        )


@pytest.mark.parametrize('chunk', CUTS, ids=str)
@pytest.mark.parametrize('mask', MASKS.values(), ids=MASKS)
def test_painting_outlines_gives_the_labels_back(mask, chunk):
    table, outlines = regions_of(mask)
    found = np.full(mask.shape, -1)
    blocks = cut(mask.shape, chunk, 1)
    for block, values in painted(
        outlines, table.number.astype(np.int32), blocks
    ):
        found[block.place] = values
    np.testing.assert_array_equal(found, labelled(mask))


def test_painting_leaves_out_regions_of_value_zero():
    _, outlines = regions_of([[1, 0, 1], [0, 0, 0], [1, 1, 1]])
    values = np.array([0, 7, 5], np.int32)
    ((_, found),) = painted(outlines, values, cut((3, 3), (4, 4)))
    assert found.tolist() == [[0, 0, 7], [0, 0, 0], [5, 5, 5]]


def test_polygons_lie_in_level_0_pixels():
    _, outlines = regions_of([[0, 0, 0], [0, 1, 1]], frame=FRAME)
    assert outlines.polygon(1).bounds == (24.0, 12.0, 32.0, 14.0)


def test_only_corners_are_kept():
    _, outlines = regions_of(np.ones((50, 70)))
    assert len(outlines.y) == 4


def test_a_hole_may_touch_the_outer_ring_in_a_point():
    _, outlines = regions_of(pinched(), frame=PIXELS)
    polygon = outlines.polygon(1)
    (hole,) = polygon.interiors
    touching = shapely.intersection(hole, polygon.exterior)
    assert touching.equals(shapely.Point(1, 1))


def test_outer_rings_run_clockwise_on_the_screen_and_holes_against_it():
    ring = np.pad(np.ones((3, 3)), 1)
    ring[2, 2] = 0
    _, outlines = regions_of(ring, frame=PIXELS)
    polygon = outlines.polygon(1)
    # With y pointing down, what shapely calls anticlockwise is clockwise.
    assert polygon.exterior.is_ccw
    assert not polygon.interiors[0].is_ccw


@pytest.mark.parametrize('number', [0, 3, -1])
def test_a_number_that_is_no_region_is_refused(number):
    _, outlines = regions_of([[1, 0, 1]])
    with pytest.raises(IndexError, match='2 regions'):
        outlines.polygon(number)


def test_lengths_count_the_edges_of_pixels_holes_included():
    ring = np.ones((3, 5))
    ring[1, 2] = 0
    _, outlines = regions_of(ring)
    upright, level = outlines.lengths()
    assert (upright.tolist(), level.tolist()) == ([6 + 2], [10 + 2])
