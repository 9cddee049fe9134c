import numpy as np
import pytest
from PIL import Image
from ramps import ramp_at, ramp_image

from napari_wsol.errors import PixelSizeError
from napari_wsol.slides import slide as slide_module
from napari_wsol.slides.arrays import ArraySlide
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.pixel_size import PixelSize

HALF = PixelSize(0.5, 0.5, 'test')


def pyramid(*steps, size=240, pixel_size=HALF):
    levels = [ramp_image(size // k, size // k, k) for k in steps]
    return ArraySlide('ramp', levels, pixel_size)


def expected(box, height, width):
    y = box.y + (np.arange(height) + 0.5) * box.height / height
    x = box.x + (np.arange(width) + 0.5) * box.width / width
    return ramp_at(y, x)


def assert_placed(pixels, box):
    """Every pixel shows its place: rounding aside, nothing is shifted."""
    error = pixels - expected(box, *pixels.shape[:2])
    assert np.abs(error).max() < 1.7
    assert np.abs(error[..., :2].mean(axis=(0, 1))).max() < 0.45


@pytest.mark.parametrize('mpp', [0.3, 0.5, 0.77, 1, 1.3, 2, 3.1, 4, 8])
@pytest.mark.parametrize('steps', [(1,), (1, 4, 16), (1, 2, 4, 8)])
@pytest.mark.parametrize(
    'box', [Box(40, 48, 160, 128), Box(40.3, 48.7, 150.2, 130.9)]
)
def test_what_is_read_lies_where_it_was(steps, box, mpp):
    pixels = pyramid(*steps).read(box, mpp)
    assert pixels.shape == (
        round(box.height * 0.5 / mpp),
        round(box.width * 0.5 / mpp),
        3,
    )
    assert_placed(pixels, box)


@pytest.mark.parametrize('small', [(81, 120), (50, 37), (97, 98)])
def test_uneven_downsamples_do_not_shift(small):
    finest = ramp_image(241, 241)
    level = np.array(
        Image.fromarray(finest).resize(small[::-1], Image.Resampling.BOX)
    )
    slide = ArraySlide('uneven', [finest, level], HALF)
    down = 241 / min(small)
    box = Box(60, 60, 120, 120)
    assert slide.best_level(down, down) == 1
    assert_placed(slide.read(box, 0.5 * down * 1.1), box)


@pytest.mark.parametrize('rows', [60, 61])
def test_levels_cut_off_or_filled_up_to_whole_pixels_do_not_shift(rows):
    level = ramp_image(rows, 60, 4)
    slide = ArraySlide('cut', [ramp_image(243, 242), level], HALF)
    assert slide.level_downsamples[1] == (4, 4)
    box = Box(100, 100, 120, 120)
    assert_placed(slide.read(box, 0.5 * 4.1), box)


def test_pixels_that_are_not_square_come_out_square():
    slide = pyramid(1, pixel_size=PixelSize(0.5, 0.25, 'test'))
    box = Box(20, 20, 100, 200)
    pixels = slide.read(box, 0.5)
    assert pixels.shape == (100, 100, 3)
    assert_placed(pixels, box)


@pytest.mark.parametrize(
    ('step', 'level'), [(1, 0), (2, 0), (3.9, 0), (4, 1), (15, 1), (16, 2)]
)
def test_the_level_is_chosen_by_size_and_never_too_coarse(step, level):
    assert pyramid(1, 4, 16).best_level(step, step) == level


@pytest.mark.parametrize('mpp', [0.5, 0.6, 1.7])
@pytest.mark.parametrize('steps', [(1,), (1, 2)])
def test_a_pixel_does_not_depend_on_the_cut(texture, steps, mpp):
    finest = texture(300, 400)
    levels = [finest, finest[::2, ::2]][: len(steps)]
    slide = ArraySlide('texture', levels, HALF)
    step = mpp / 0.5
    whole = slide.read_resized(Box(0, 0, 120 * step, 150 * step), 120, 150)
    for top, left, height, width in [(0, 0, 60, 75), (31, 47, 50, 60)]:
        part = slide.read_resized(
            Box(top * step, left * step, height * step, width * step),
            height,
            width,
        )
        same = whole[top : top + height, left : left + width]
        assert np.abs(part.astype(int) - same).max() <= 1


def test_large_areas_are_read_in_parts_that_fit_together(texture, monkeypatch):
    slide = ArraySlide('texture', [texture(500, 700)], HALF)
    at_once = slide.thumbnail(200)
    largest = []
    monkeypatch.setattr(slide_module, 'LARGEST_READ', 10_000)
    read = slide.read_level
    monkeypatch.setattr(
        slide,
        'read_level',
        lambda *key: largest.append(key[3] * key[4]) or read(*key),
    )
    in_parts = slide.thumbnail(200)
    assert max(largest) < 20_000
    assert np.abs(in_parts.astype(int) - at_once).max() <= 1


def test_outside_the_image_it_is_white():
    slide = ArraySlide('black', [np.zeros((50, 60, 3), np.uint8)], HALF)
    pixels = slide.read(Box(-10, -20, 70, 100), 1)
    assert pixels.shape == (35, 50, 3)
    assert (pixels[:5] == 255).all()
    assert (pixels[30:] == 255).all()
    assert (pixels[:, :10] == 255).all()
    assert (pixels[:, 40:] == 255).all()
    assert (pixels[5:30, 10:40] == 0).all()
    assert (slide.read(Box(500, 500, 10, 10), 0.5) == 255).all()


def test_level_0_comes_back_untouched_and_may_be_written_to(texture):
    image = texture(60, 70)
    slide = ArraySlide('texture', [image], HALF)
    pixels = slide.read(Box(10, 20, 30, 40), 0.5)
    np.testing.assert_array_equal(pixels, image[10:40, 20:60])
    pixels[:] = 0
    assert image.min() > 0


def test_a_missing_pixel_size_is_asked_for():
    slide = ArraySlide('ramp', [ramp_image(9, 9)], None)
    with pytest.raises(PixelSizeError, match='"ramp" is not known'):
        slide.read(slide.box, 1)


def test_thumbnails_never_enlarge():
    assert pyramid(1, 4).thumbnail(60).shape == (60, 60, 3)
    assert pyramid(1, 4).thumbnail(1000).shape == (240, 240, 3)
