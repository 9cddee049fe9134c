from concurrent.futures import ThreadPoolExecutor

import dask.array as da
import numpy as np
import pytest
import zarr

from napari_wsol.errors import BadInputError
from napari_wsol.slides.arrays import ArraySlide, BlockSlide, LevelArray
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.pixel_size import PixelSize


@pytest.mark.parametrize('kind', [np.asarray, da.from_array, zarr.array])
def test_any_kind_of_array_reads_the_same(texture, kind):
    image = texture(40, 50)
    slide = ArraySlide('image', [kind(image), kind(image[::2, ::2])])
    assert slide.level_shapes == ((40, 50), (20, 25))
    np.testing.assert_array_equal(
        slide.read_level(0, 3, 4, 20, 30), image[3:23, 4:34]
    )
    np.testing.assert_array_equal(
        slide.read_level(1, 0, 0, 20, 25), image[::2, ::2]
    )


def test_floats_mean_0_to_1(texture):
    image = texture(20, 20)
    slide = ArraySlide('image', [image / 255])
    np.testing.assert_array_equal(slide.read_level(0, 0, 0, 20, 20), image)
    wild = np.array([[[-1, 2, np.nan]]], np.float32)
    pixels = ArraySlide('wild', [wild]).read_level(0, 0, 0, 1, 1)
    assert pixels.tolist() == [[[0, 255, 0]]]


def test_opacity_is_laid_over_white():
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, 3] = 0, 128, 255
    pixels = ArraySlide('clear', [rgba]).read_level(0, 0, 0, 1, 3)
    assert pixels[0, :, 0].tolist() == [255, 127, 0]


@pytest.mark.parametrize(
    ('array', 'problem'),
    [
        (np.zeros((5, 5), np.uint8), 'grayscale, not RGB'),
        (np.zeros((5, 5, 2), np.uint8), r'of shape \(5, 5, 2\), not RGB'),
        (np.zeros((2, 5, 5, 3), np.uint8), 'of shape'),
        (np.zeros((5, 5, 3), np.uint16), 'of type uint16, not 8-bit'),
        (np.zeros((0, 5, 3), np.uint8), 'empty'),
    ],
)
def test_arrays_that_are_not_rgb_are_refused_by_name(array, problem):
    with pytest.raises(
        BadInputError, match=f'"layer" is {problem}.*8-bit RGB'
    ):
        ArraySlide('layer', [array])


def test_a_failing_array_names_the_image():
    def fail(block):
        raise OSError('disk gone')

    broken = da.zeros((4, 4, 3), dtype=np.uint8).map_blocks(
        fail, dtype=np.uint8, meta=np.empty((0, 0, 0), np.uint8)
    )
    slide = ArraySlide('layer', [broken])
    with pytest.raises(BadInputError, match='"layer" cannot be read'):
        slide.read_level(0, 0, 0, 4, 4)


def test_blocks_come_from_elsewhere(texture):
    image = texture(40, 50)
    asked = []

    def read(level, y, x, height, width):
        asked.append((level, y, x, height, width))
        return image[y : y + height, x : x + width]

    slide = BlockSlide('there', ((40, 50),), PixelSize(1, 1, 't'), read)
    pixels = slide.read(Box(5, 6, 10, 20), 1)
    np.testing.assert_array_equal(pixels, image[5:15, 6:26])
    assert asked == [(0, 5, 6, 10, 20)]


def test_a_level_is_an_array_for_dask(texture):
    image = texture(70, 90)
    level = LevelArray(ArraySlide('image', [image]), 0)
    array = da.from_array(level, chunks=(32, 32, 3), asarray=False)
    np.testing.assert_array_equal(array.compute(), image)
    np.testing.assert_array_equal(
        array[3:50:2, 10:60:3, 1].compute(), image[3:50:2, 10:60:3, 1]
    )


def test_reads_from_several_threads_agree(texture):
    image = texture(64, 64)
    slide = ArraySlide('image', [da.from_array(image, chunks=16)])
    with ThreadPoolExecutor(4) as threads:
        parts = threads.map(
            lambda y: slide.read_level(0, y, 0, 8, 64), range(0, 64, 8)
        )
        np.testing.assert_array_equal(np.concatenate(list(parts)), image)
