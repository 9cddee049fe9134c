"""What layers that lie anywhere say at the pixels of a map."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels, Points, Shapes

from napari_wsol.regions.region import Frame
from napari_wsol.regions.truth import BACKGROUND, ROI, UNKNOWN
from napari_wsol.widgets.overlays import METADATA
from napari_wsol.widgets.placement import map_placement
from napari_wsol.widgets.truth_layers import layer_truth, may_be_truth

IMAGE = (240, 320)
MAP = (60, 80)
FRAME = Frame(4.0, 4.0)
CENTRE, RADII = np.array([110.0, 150.0]), np.array([50.0, 80.0])
"""A disc, in pixels of the image whose centres lie on whole numbers."""

SOURCES = {
    'plain': {},
    'microns': {'scale': (0.25, 0.25), 'units': 'um', 'translate': (7, -30)},
    'turned': {'scale': (0.5, 0.7), 'rotate': 25, 'translate': (3, 4)},
    'affine': {'affine': [[1.1, 0.2, 5], [-0.1, 0.9, -3], [0, 0, 1]]},
}
LAYERS = {
    'where the image is': {},
    'moved and scaled': {'scale': (0.37, 0.41), 'translate': (-12.3, 8.9)},
    'turned': {'scale': (0.8, 0.8), 'rotate': 63, 'translate': (90, 10)},
    'sheared': {'scale': (0.9, 0.6), 'rotate': -20, 'shear': [0.3]},
    'affine': {
        'affine': [[0.7, -0.5, -40], [0.6, 0.8, 30], [0, 0, 1]],
        'scale': (0.5, 0.5),
    },
}


def image(**place):
    return Image(np.zeros((*IMAGE, 3), np.uint8), rgb=True, **place)


def in_disc(points, grown=0.0):
    """Whether points of the image lie in the disc, made larger by pixels."""
    offset = (points - CENTRE) / (RADII + grown)
    return (offset**2).sum(-1) <= 1


def map_centres():
    rows = (np.indices(MAP).transpose(1, 2, 0) + 0.5) * 4 - 0.5
    return rows


def assert_is_the_disc(truth, off):
    """Right but for a seam of so many level-0 pixels."""
    points = map_centres()
    assert (truth[in_disc(points, -off)] == ROI).all()
    assert (truth[~in_disc(points, off)] == BACKGROUND).all()
    assert abs(int((truth == ROI).sum()) - in_disc(points).sum()) < 12


def world_of(source, points):
    return np.array([source.data_to_world(point) for point in points])


def same_units(source, place):
    return {**place, 'units': source.units}


def labels_over(source, place, **options):
    """The disc painted into a layer whose pixels lie elsewhere."""
    probe = Labels(np.zeros((2, 2), int), **place)
    corners = np.array([(0, 0), (0, 319), (239, 0), (239, 319)])
    reached = np.array(
        [probe.world_to_data(point) for point in world_of(source, corners)]
    )
    low = np.floor(reached.min(0)) - 2
    shape = (np.ceil(reached.max(0)) + 3 - low).astype(int)
    # Begin the layer there, by the transform that napari applies last.
    shifted = Labels(np.zeros((2, 2), int), **place)
    shift = np.eye(3)
    world = np.array(shifted.data_to_world(low)) - shifted.data_to_world(
        (0, 0)
    )
    shift[:2, 2] = world
    affine = shift @ np.asarray(shifted.affine.affine_matrix)
    place = {**place, 'affine': affine}
    frame = Labels(np.zeros((2, 2), int), **place)
    pixels = np.indices(shape).reshape(2, -1).T
    origin, down, right = (
        np.array(source.world_to_data(frame.data_to_world(each)))
        for each in ((0, 0), (1, 0), (0, 1))
    )
    points = origin + pixels @ np.array([down - origin, right - origin])
    values = in_disc(points).reshape(shape).astype(np.int32) * 7
    return Labels(values, **place, **options)


@pytest.mark.parametrize('place', LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize('where', SOURCES.values(), ids=SOURCES)
def test_labels_count_where_they_lie(where, place):
    source = image(**where)
    if not place:
        place = map_placement(source, (1, 1), (0, 0))
    layer = labels_over(source, same_units(source, place))
    truth = layer_truth(layer, source, FRAME).on_map(MAP)
    assert UNKNOWN not in truth
    off = half_diagonal(layer, source)
    assert off <= np.hypot(2, 2)
    assert_is_the_disc(truth, off + 1e-6)


def half_diagonal(layer, source):
    """Of a pixel of the layer, in pixels of the image."""
    start, down, right = (
        np.array(source.world_to_data(layer.data_to_world(each)))
        for each in ((0, 0), (1, 0), (0, 1))
    )
    diagonals = down + right - 2 * start, down - right
    return max(np.linalg.norm(each) for each in diagonals) / 2


@pytest.mark.parametrize('place', LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize('where', SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize('kind', ['ellipse', 'polygon'])
def test_shapes_count_where_they_lie(where, place, kind):
    source = image(**where)
    if not place:
        place = map_placement(source, (1, 1), (0, 0))
    place = same_units(source, place)
    probe = Shapes(ndim=2, **place)
    if kind == 'ellipse':
        signs = np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)])
        corners = CENTRE + signs * RADII
    else:
        turn = np.linspace(0, 2 * np.pi, 400, endpoint=False)
        corners = CENTRE + RADII * np.stack([np.sin(turn), np.cos(turn)], 1)
    drawn = [probe.world_to_data(point) for point in world_of(source, corners)]
    layer = Shapes([np.array(drawn)], shape_type=kind, **place)
    truth = layer_truth(layer, source, FRAME).on_map(MAP)
    assert_is_the_disc(truth, 0.05)


def test_other_units_are_converted():
    source = image(scale=(0.5, 0.5), units='um')
    box = np.array([(0.02, 0.04), (0.02, 0.08), (0.06, 0.08), (0.06, 0.04)])
    layer = Shapes([box], shape_type='rectangle', units='mm')
    truth = layer_truth(layer, source, FRAME).on_map(MAP)
    expected = np.zeros(MAP, bool)
    expected[10:30, 20:40] = True
    np.testing.assert_array_equal(truth == ROI, expected)


def test_a_coarser_frame_has_fewer_pixels_in_the_same_place():
    source = image()
    layer = labels_over(source, map_placement(source, (1, 1), (0, 0)))
    fine = layer_truth(layer, source, FRAME).on_map(MAP)
    coarse = layer_truth(layer, source, Frame(8.0, 8.0)).on_map((30, 40))
    assert (coarse == ROI).sum() == pytest.approx(
        (fine == ROI).sum() / 4, abs=8
    )


def test_labels_of_several_levels_say_the_same():
    source = image()
    one = labels_over(source, map_placement(source, (1, 1), (0, 0)))
    values = np.asarray(one.data)
    several = Labels(
        [values, values[::2, ::2], values[::4, ::4]],
        multiscale=True,
        affine=one.affine.affine_matrix,
    )
    truth = layer_truth(several, source, FRAME).on_map(MAP)
    assert_is_the_disc(truth, 3)


def test_beyond_a_small_labels_layer_nothing_is_known():
    source = image()
    layer = Labels(np.ones((80, 120), int), translate=(40, 80))
    truth = layer_truth(layer, source, FRAME).on_map(MAP)
    expected = np.zeros(MAP, bool)
    expected[10:30, 20:50] = True
    np.testing.assert_array_equal(truth == ROI, expected)
    assert (truth[~expected] == UNKNOWN).all()


def test_lines_and_paths_enclose_nothing():
    source = image()
    layer = Shapes(
        [np.array([(0, 0), (90, 90)]), np.array([(0, 0), (90, 0), (9, 90)])],
        shape_type=['line', 'path'],
    )
    assert not layer_truth(layer, source, FRAME).outlines


def test_only_the_user_s_labels_and_shapes_may_be_the_truth():
    assert may_be_truth(Labels(np.zeros((4, 4), int)))
    assert may_be_truth(Shapes(ndim=2))
    assert not may_be_truth(Labels(np.zeros((3, 4, 4), int)))
    assert not may_be_truth(Points(ndim=2))
    own = Labels(np.zeros((4, 4), int), metadata={METADATA: {'role': 'mask'}})
    assert not may_be_truth(own)
