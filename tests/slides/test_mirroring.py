"""Beyond the border lies the image's mirror."""

import numpy as np
import pytest

from napari_wsol.slides.arrays import ArraySlide
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.mirroring import read_mirrored


@pytest.fixture
def slide():
    """128 px square whose colour tells the place: red = x, green = y."""
    y, x = np.mgrid[:128, :128]
    pixels = np.stack([x, y, np.full_like(x, 200)], -1).astype(np.uint8)
    return ArraySlide('ramp', [pixels], None)


def test_both_borders_are_mirrored_without_repeating_the_edge(slide):
    pixels = read_mirrored(slide, Box(-4, 120, 16, 16), 16, 16)
    assert pixels.shape == (16, 16, 3)
    assert pixels[:, 0, 1].tolist() == [4, 3, 2, 1, *range(12)]
    assert pixels[4, :, 0].tolist() == [*range(120, 128), *range(126, 118, -1)]


def test_inside_it_is_a_plain_read(slide):
    box = Box(10.5, 20.25, 64, 48)
    mirrored = read_mirrored(slide, box, 40, 30)
    assert np.array_equal(mirrored, slide.read_resized(box, 40, 30))


def test_a_box_larger_than_the_image_is_mirrored_again_and_again(slide):
    pixels = read_mirrored(slide, Box(-300, 0, 600, 128), 600, 128)
    assert pixels[300 - 127, 0, 1] == 127
    assert pixels[300 - 254, 0, 1] == 0
    assert pixels[300 - 255, 0, 1] == 1


def test_at_half_size_the_mirror_keeps_the_grid(slide):
    pixels = read_mirrored(slide, Box(-16, 0, 64, 64), 32, 32)
    assert np.array_equal(pixels[7], pixels[9])
    assert np.array_equal(pixels[0], pixels[16])


@pytest.mark.parametrize('length', [1, 2, 5, 40])
def test_the_mirror_is_numpys_reflection(length):
    column = np.arange(length, dtype=np.uint8)[:, None, None].repeat(3, -1)
    slide = ArraySlide('column', [column], None)
    found = read_mirrored(slide, Box(-70, 0, length + 160, 1), length + 160, 1)
    expected = np.pad(np.arange(length), (70, 90), mode='reflect')
    assert np.array_equal(found[:, 0, 0], expected)
