"""Fields between the canvas and whole pixels."""

from __future__ import annotations

import numpy as np
import pytest

from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.field_boxes import (
    nearest_box,
    outline,
    stamped_box,
)

SHAPE = (40, 60)


def test_an_outline_and_its_box_belong_together():
    box = Box(3, 5, 10, 20)
    assert nearest_box(outline(box), SHAPE) == box


def test_moving_a_field_a_little_keeps_its_size():
    moved = np.add(outline(Box(3, 5, 10, 20)), (0.3, -0.4))
    assert nearest_box(moved, SHAPE) == Box(3, 5, 10, 20)


def test_a_field_is_cut_at_the_border():
    assert nearest_box(outline(Box(-5, 50, 20, 20)), SHAPE) == Box(
        0, 50, 15, 10
    )


@pytest.mark.parametrize(
    'box', [Box(50, 70, 10, 10), Box(5, 5, 2, 20), Box(38, 5, 10, 10)]
)
def test_what_is_beside_the_image_or_tiny_is_no_field(box):
    assert nearest_box(outline(box), SHAPE) is None


def test_a_click_without_a_drag_is_no_field():
    assert nearest_box(np.full((4, 2), 7.0), SHAPE) is None


@pytest.mark.parametrize(
    ('point', 'box'),
    [
        ((20, 30), Box(16, 26, 10, 10)),
        ((0, 0), Box(0, 0, 10, 10)),
        ((39, 59), Box(30, 50, 10, 10)),
    ],
)
def test_a_stamp_lies_around_the_pointer_within_the_image(point, box):
    assert stamped_box(point, (10, 10), SHAPE) == box


def test_a_stamp_is_no_larger_than_the_image():
    assert stamped_box((20, 30), (100, 30), SHAPE) == Box(0, 16, 40, 30)


def test_a_click_beside_the_image_stamps_nothing():
    assert stamped_box((20, 61), (10, 10), SHAPE) is None
