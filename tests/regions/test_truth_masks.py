"""The truth at the pixels of a map."""

import dask.array as da
import numpy as np
import pytest
import shapely

from napari_wsol.regions import truth_masks
from napari_wsol.regions.region import Frame
from napari_wsol.regions.truth import BACKGROUND, ROI, UNKNOWN
from napari_wsol.regions.truth_masks import filled, sampled, within
from napari_wsol.slides.geometry import Box

SHAPE = (30, 40)
PLAIN = np.eye(3)
TURNED = np.array([[1.71, -0.63, 9.213], [0.92, 2.17, -7.417], [0, 0, 1]])


def blobs(shape, seed=0):
    return np.random.default_rng(seed).integers(-1, 3, shape)


def expected_at(labels, matrix, shape):
    """Pixel by pixel, as slowly as can be."""
    truth = np.full(shape, UNKNOWN, np.uint8)
    for place in np.ndindex(*shape):
        y, x = np.floor((matrix @ [*place, 1])[:2] + 0.5).astype(int)
        if 0 <= y < labels.shape[0] and 0 <= x < labels.shape[1]:
            truth[place] = ROI if labels[y, x] > 0 else BACKGROUND
    return truth


@pytest.mark.parametrize('matrix', [PLAIN, TURNED], ids=['plain', 'turned'])
@pytest.mark.parametrize('read_at_once', [2**24, 40])
def test_labels_are_taken_at_the_centres(matrix, read_at_once, monkeypatch):
    monkeypatch.setattr(truth_masks, 'MOST_READ', read_at_once)
    labels = blobs((45, 70))
    expected = expected_at(labels, matrix, SHAPE)
    assert len(np.unique(expected)) > 1
    for kept in (labels, da.from_array(labels, (16, 16))):
        np.testing.assert_array_equal(sampled([kept], matrix, SHAPE), expected)


def test_beside_the_labels_nothing_is_known():
    far = np.array([[1, 0, 1000], [0, 1, 0], [0, 0, 1]])
    assert (sampled([blobs(SHAPE)], far, SHAPE) == UNKNOWN).all()


def test_of_several_levels_the_coarsest_that_is_fine_enough_is_read():
    fine = np.kron(blobs((16, 16)), np.ones((8, 8), int))
    read = []

    class Level:
        def __init__(self, factor):
            self.values = fine[::factor, ::factor]
            self.shape = self.values.shape
            self.factor = factor

        def __getitem__(self, place):
            read.append(self.factor)
            return self.values[place]

    levels = [Level(factor) for factor in (1, 2, 4, 8)]
    for step, factor in ((1, 1), (3, 2), (4, 4), (8, 8), (20, 8)):
        read.clear()
        matrix = np.diag([step, step, 1.0])
        matrix[:2, 2] = (step - 1) / 2
        side = 128 // step
        found = sampled(levels, matrix, (side, side))
        np.testing.assert_array_equal(
            found, expected_at(fine, matrix, (side, side))
        )
        assert set(read) == {factor}


POLYGONS = {
    'triangle': [(2.2, 3.1), (20.7, 11.3), (8.4, 35.6)],
    'beyond the map': [(-30, -20), (-5, 90), (55.5, 20.3)],
    'beside the map': [(-30, -20), (-5, -20), (-5, -3)],
    'concave': [(1, 1), (28, 1), (28, 38), (14.2, 6.6), (1, 38)],
    'thin': [(3.4, 2), (3.6, 2), (3.6, 30), (3.4, 30)],
    'a line': [(3, 2), (9, 9)],
}


@pytest.mark.parametrize('corners', POLYGONS.values(), ids=POLYGONS)
def test_a_polygon_holds_the_centres_within_it(corners):
    mask = filled([np.array(corners)], SHAPE)
    y, x = np.indices(SHAPE)
    inside = np.zeros(SHAPE, bool)
    if len(corners) > 2:
        polygon = shapely.Polygon([(x, y) for y, x in corners])
        inside = shapely.contains_xy(polygon, x, y)
        # Which of the centres upon an outline belong to it is a convention.
        points = shapely.points(x, y)
        clear = shapely.distance(polygon.exterior, points) > 1e-9
        mask, inside = mask[clear], inside[clear]
    np.testing.assert_array_equal(mask, inside)


def test_neighbours_along_an_edge_share_no_pixel():
    upper = [(0, 0), (10, 0), (10, 12), (0, 12)]
    lower = [(10, 0), (20, 0), (20, 12), (10, 12)]
    one, other = filled([upper], SHAPE), filled([lower], SHAPE)
    assert not (one & other).any()
    assert one.sum() == other.sum() == 120
    np.testing.assert_array_equal(filled([upper, lower], SHAPE), one | other)


def test_what_is_enclosed_twice_by_one_outline_is_outside():
    star = [(0, 10), (20, 16), (8, 0), (8, 20), (20, 4)]
    mask = filled([star], SHAPE)
    assert not mask[11, 10]
    assert mask[5, 10]
    twice = filled([star, [(9, 8), (9, 12), (13, 12), (13, 8)]], SHAPE)
    assert twice[11, 10]


def test_boxes_hold_the_pixels_whose_centres_they_hold():
    frame = Frame(4.0, 2.0, origin_y=8.0, origin_x=-2.0)
    mask = within([Box(8, 0, 10, 4), Box(20, 50, 4, 2)], frame, SHAPE)
    expected = np.zeros(SHAPE, bool)
    expected[0:2, 1:3] = True
    expected[3, 26] = True
    np.testing.assert_array_equal(mask, expected)
