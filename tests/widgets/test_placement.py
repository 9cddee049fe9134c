"""A map's pixels lie, in world coordinates, where their centres should."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image

from napari_wsol.widgets.placement import map_placement

AFFINE = [[1.1, 0.2, 5], [-0.1, 0.9, -3], [0, 0, 1]]
MAP = (7, 5)
PIXELS = np.array([(0, 0), (6, 4), (2, 3)])


@pytest.mark.parametrize('step', [(4, 4), (3.7, 5.2), (0.8, 1.9)])
@pytest.mark.parametrize('origin', [(0, 0), (12.5, 3)])
@pytest.mark.parametrize(
    'place',
    [
        {},
        {'scale': (0.5, 0.5), 'units': 'um', 'axis_labels': ('y', 'x')},
        {'scale': (0.25, 0.4), 'translate': (100, -7)},
        {'scale': (0.5, 0.5), 'rotate': 30, 'translate': (3, 4)},
        {'scale': (0.5, 0.7), 'rotate': -70, 'shear': [0.3]},
        {'shear': [[1, 0], [0.4, 1]], 'scale': (2, 3)},
        {'affine': AFFINE},
        {'affine': AFFINE, 'scale': (0.3, 0.3), 'rotate': 12, 'shear': [0.1]},
    ],
    ids=lambda place: '+'.join(place) or 'plain',
)
def test_centres_lie_in_their_place(place, step, origin):
    source = Image(np.zeros((40, 30, 3), np.uint8), rgb=True, **place)
    result = Image(np.zeros(MAP), **map_placement(source, step, origin))
    for pixel in PIXELS:
        centre = np.array(origin) + (pixel + 0.5) * step - 0.5
        np.testing.assert_allclose(
            result.data_to_world(pixel),
            source.data_to_world(centre),
            rtol=0,
            atol=1e-9,
        )


def test_units_and_axis_names_are_the_image_s():
    source = Image(
        np.zeros((4, 4, 3), np.uint8),
        rgb=True,
        units=('mm', 'mm'),
        axis_labels=('down', 'right'),
    )
    place = map_placement(source, (2, 2), (0, 0))
    result = Image(np.zeros((2, 2)), **place)
    assert result.units == source.units
    assert result.axis_labels == ('down', 'right')


def test_moving_the_map_leaves_the_image_alone():
    source = Image(np.zeros((4, 4, 3), np.uint8), rgb=True, affine=AFFINE)
    result = Image(np.zeros((2, 2)), **map_placement(source, (2, 2), (0, 0)))
    result.affine = np.eye(3)
    np.testing.assert_array_equal(source.affine.affine_matrix, AFFINE)
