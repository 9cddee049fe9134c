"""Boxes from what is visible and from drawn shapes."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Shapes

from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.areas import (
    box_around,
    shape_boxes,
    unit_factor,
    visible_box,
)

SHAPE = (40, 60)


@pytest.fixture
def image() -> Image:
    """An image of 0.5 µm per pixel that does not start at the origin."""
    return Image(
        np.zeros((*SHAPE, 3), np.uint8),
        rgb=True,
        scale=(0.5, 0.5),
        translate=(10, 20),
        units='um',
    )


def test_points_become_whole_pixels():
    assert box_around([(1.2, 3.0), (4.0, 8.4)], SHAPE) == Box(1, 3, 4, 6)


def test_a_box_ends_with_the_image():
    assert box_around([(-5, -5), (100, 9.5)], SHAPE) == Box(0, 0, 40, 10)


def test_points_beside_the_image_give_no_box():
    assert box_around([(50, 70), (60, 80)], SHAPE) is None


def test_the_camera_s_view_in_level_0_pixels(image):
    # 20 x 20 canvas pixels at 4 per µm show 5 µm, 10 px, around (15, 30) µm
    box = visible_box(image, SHAPE, (0, 15, 30), 4, (20, 20))
    assert box == Box(5, 15, 11, 11)


def test_the_camera_s_view_in_other_units(image):
    factor = unit_factor(
        Image(np.zeros((2, 2)), units='mm').units, image.units
    )
    np.testing.assert_allclose(factor, 1000)
    box = visible_box(image, SHAPE, (0.015, 0.030), 4000, (20, 20), factor)
    assert box == Box(5, 15, 11, 11)


def test_lengths_and_pixels_are_not_converted(image):
    pixels = Image(np.zeros((2, 2))).units
    np.testing.assert_array_equal(unit_factor(pixels, image.units), 1)
    np.testing.assert_array_equal(unit_factor(None, image.units), 1)
    np.testing.assert_array_equal(unit_factor(image.units, None), 1)


def test_a_rotated_image_is_seen_within_its_bounds():
    image = Image(np.zeros((40, 40, 3), np.uint8), rgb=True, rotate=45)
    center = image.data_to_world((19.5, 19.5))
    box = visible_box(image, (40, 40), center, 1, (10, 10))
    assert box.intersection(Box(0, 0, 40, 40)) == box
    assert box.height == pytest.approx(10 * np.sqrt(2), abs=2)


def test_shapes_drawn_in_another_layer_s_coordinates(image):
    shapes = Shapes(scale=(2, 2), units='um')
    rectangle = [(6, 11), (6, 12), (7, 12), (7, 11)]
    far_away = [(900, 900), (900, 910), (910, 910)]
    boxes = shape_boxes(image, SHAPE, [rectangle, far_away], shapes)
    assert boxes == (Box(4, 4, 5, 5),)
