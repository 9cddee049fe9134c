import numpy as np
import pytest

from napari_wsol.slides.colour import over_white
from napari_wsol.slides.opening import open_slide
from napari_wsol.slides.synthetic import synthetic_slide, write_pyramidal_tiff
from napari_wsol.slides.tiff_writer import halve


@pytest.fixture(scope='module')
def slide():
    return synthetic_slide(1300, 1100, seed=3)


@pytest.fixture(scope='module')
def whole(slide):
    return slide.read_level(0, 0, 0, *slide.shape)


@pytest.mark.parametrize(
    'box', [(0, 0, 40, 50), (500, 400, 300, 600), (1290, 1000, 10, 100)]
)
def test_a_pixel_does_not_depend_on_the_cut(slide, whole, box):
    y, x, h, w = box
    part = slide.read_level(0, *box).astype(int)
    assert np.abs(part - whole[y : y + h, x : x + w]).max() <= 1
    truth = slide.gland_mask(0, 0, *slide.shape)[y : y + h, x : x + w]
    assert (slide.gland_mask(*box) != truth).mean() < 1e-3


def test_a_seed_is_a_tissue(whole):
    again = synthetic_slide(1300, 1100, seed=3).read_level(0, 0, 0, 300, 300)
    np.testing.assert_array_equal(again, whole[:300, :300])
    other = synthetic_slide(1300, 1100, seed=4).read_level(0, 0, 0, 300, 300)
    assert np.abs(other.astype(int) - whole[:300, :300]).mean() > 2


def test_levels_are_means_of_the_finest(slide, whole):
    assert slide.level_shapes == ((1300, 1100), (650, 550))
    np.testing.assert_array_equal(
        slide.read_level(1, 100, 200, 300, 300),
        halve(whole)[100:400, 200:500],
    )


@pytest.mark.parametrize('seed', range(3))
def test_there_are_glands_stroma_and_glass(seed):
    slide = synthetic_slide(1300, 1900, seed)
    truth = slide.gland_mask(0, 0, *slide.shape)
    pixels = slide.read_level(0, 0, 0, *slide.shape)
    assert truth.dtype == np.uint8
    assert 0.1 < (truth > 0).mean() < 0.6
    assert 0.15 < (pixels.min(axis=2) > 225).mean() < 0.65
    stroma = pixels[(truth == 0) & (pixels.min(axis=2) < 225)].mean(axis=0)
    assert stroma[0] > stroma[2] > stroma[1]


def test_both_kinds_of_glands_occur():
    slide = synthetic_slide(2048, 3072, seed=0)
    truth = slide.gland_mask(0, 0, *slide.shape)
    kinds, counts = np.unique(truth, return_counts=True)
    assert kinds.tolist() == [0, 1, 2]
    assert (counts > 0.05 * truth.size).all()


def test_a_slide_of_any_size_is_read_in_places():
    slide = synthetic_slide(200_000, 150_000)
    assert slide.read_level(0, 100_000, 75_000, 64, 64).shape == (64, 64, 3)
    assert len(slide.level_shapes) == 9


@pytest.mark.parametrize(
    ('compression', 'error'), [('deflate', 0), ('jpeg', 4)]
)
def test_written_and_opened_again(tmp_path, slide, whole, compression, error):
    path = write_pyramidal_tiff(
        tmp_path / 's.ome.tif', slide, tile=256, compression=compression
    )
    assert [p.name for p in tmp_path.iterdir()] == ['s.ome.tif']
    opened = open_slide(path)
    assert opened.level_shapes == slide.level_shapes
    assert opened.pixel_size is not None
    assert opened.pixel_size.mpp == 0.5
    found = opened.read_level(0, 0, 0, *slide.shape).astype(int)
    assert np.abs(found - whole).mean() <= error
    coarse = opened.read_level(1, 0, 0, 650, 550).astype(int)
    assert np.abs(coarse - halve(whole)).mean() <= error
    opened.close()


def test_halves_are_rounded_means():
    pixels = np.array([[0, 3, 10], [0, 3, 20], [7, 7, 7]], np.uint8)
    halved = halve(np.repeat(pixels[..., None], 3, axis=2))
    assert halved[..., 0].tolist() == [[2, 15], [7, 7]]


def test_premultiplied_opacity():
    pixels = np.array([[[50, 0, 0, 100], [9, 9, 9, 255]]], np.uint8)
    assert over_white(pixels, premultiplied=True).tolist() == [
        [[205, 155, 155], [9, 9, 9]]
    ]
