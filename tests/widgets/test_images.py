"""Which layers can be worked on, and what they say about their pixels."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from napari.layers import Image

from napari_wsol.widgets.images import (
    file_to_ask,
    image_levels,
    image_shape,
    known_pixel_size,
    pixel_size_in_file,
    why_not,
)

RGB = np.full((8, 6, 3), 200, np.uint8)


@pytest.mark.parametrize(
    'layer',
    [
        Image(RGB, rgb=True),
        Image(np.zeros((8, 6, 4), np.uint8), rgb=True),
        Image([RGB, RGB[::2, ::2]], rgb=True),
        Image(RGB / 255, rgb=True),
    ],
    ids=['rgb', 'rgba', 'pyramid', 'float'],
)
def test_rgb_images_can_be_used(layer):
    assert why_not(layer) == ''
    assert image_shape(layer) == (8, 6)
    assert image_levels(layer)[0].shape[:2] == (8, 6)


@pytest.mark.parametrize(
    ('layer', 'says'),
    [
        (Image(np.zeros((8, 6)), name='dapi'), 'one channel'),
        (Image(RGB, rgb=False, name='dapi'), 'slices'),
        (Image(np.zeros((4, 8, 6)), name='dapi'), 'stack'),
        (Image(np.zeros((2, 8, 6, 3), np.uint8), name='dapi'), 'stack'),
        (Image(RGB.astype(np.uint16), rgb=True, name='dapi'), 'uint16'),
    ],
    ids=['gray', 'not rgb', 'stack', 'rgb stack', '16 bit'],
)
def test_others_are_refused_by_name_and_reason(layer, says):
    reason = why_not(layer)
    assert '"dapi"' in reason
    assert says in reason
    assert 'RGB' in reason


def noted(size):
    return {'napari_wsol': {'pixel_size': size, 'pixel_size_source': 'svs'}}


def test_the_scale_goes_before_the_reader_s_note():
    layer = Image(
        RGB, rgb=True, scale=(2e-4, 3e-4), units='mm', metadata=noted((9, 9))
    )
    size = known_pixel_size(layer).pixel_size
    assert (size.y, size.x) == pytest.approx((0.2, 0.3))
    assert 'scale' in size.source


def test_a_scale_in_pixels_says_nothing():
    layer = Image(RGB, rgb=True, scale=(2, 2))
    assert known_pixel_size(layer).pixel_size is None
    layer.metadata = noted((0.4, 0.4))
    assert known_pixel_size(layer).pixel_size.source == 'svs'


def test_the_reader_s_reason_is_passed_on():
    note = 'The file says 72 dpi.'
    metadata = {'napari_wsol': {'pixel_size': None, 'pixel_size_note': note}}
    resolved = known_pixel_size(Image(RGB, rgb=True, metadata=metadata))
    assert resolved == (None, note)


def write_tiff(path):
    """A plain TIFF whose tags say 1 µm per pixel."""
    tifffile.imwrite(
        path,
        RGB,
        photometric='rgb',
        resolution=(10000, 10000),
        resolutionunit='CENTIMETER',
    )


def test_the_file_is_believed_last(tmp_path):
    path = tmp_path / 'scan.tif'
    write_tiff(path)
    size = pixel_size_in_file(path, (8, 6))
    assert size.mpp == pytest.approx(1)
    layer = Image(RGB, rgb=True, metadata=noted((0.4, 0.4)))
    assert known_pixel_size(layer, size).pixel_size.source == 'svs'
    layer.metadata = {}
    assert known_pixel_size(layer, size).pixel_size == size


def test_a_file_of_another_size_is_not_believed(tmp_path):
    path = tmp_path / 'scan.tif'
    write_tiff(path)
    assert pixel_size_in_file(path, (80, 60)) is None


def test_a_damaged_file_says_nothing(tmp_path):
    path = tmp_path / 'scan.tif'
    path.write_bytes(b'II*\x00rubbish')
    assert pixel_size_in_file(path, (8, 6)) is None


def test_layers_without_a_file_have_none_to_ask():
    assert file_to_ask(Image(RGB, rgb=True)) is None
