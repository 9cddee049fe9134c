import numpy as np
import pytest

from napari_wsol.slides.arrays import ArraySlide
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.opening import open_slide
from napari_wsol.slides.pixel_size import PixelSize
from napari_wsol.slides.synthetic import synthetic_slide
from napari_wsol.slides.tissue import TissueMask, tissue_mask

GLASS = (243, 242, 244)
STROMA = (228, 180, 205)
PALE = (240, 215, 230)
NUCLEI = (110, 70, 140)


def slide_of(image, mpp=2.0):
    noise = np.random.default_rng(0).integers(-3, 4, image.shape)
    noisy = np.clip(image.astype(int) + noise, 0, 255).astype(np.uint8)
    return ArraySlide('made', [noisy], PixelSize(mpp, mpp, 'test'))


def plain(colour, height=600, width=800):
    return np.full((height, width, 3), colour, np.uint8)


@pytest.mark.parametrize('colour', [STROMA, PALE, NUCLEI, (200, 120, 160)])
def test_a_field_without_glass_is_all_tissue(colour):
    assert tissue_mask(slide_of(plain(colour))).share == 1


def test_light_and_dark_tissue_are_both_tissue():
    image = plain(PALE)
    image[100:300, 200:600] = NUCLEI
    assert tissue_mask(slide_of(image)).share == 1


@pytest.mark.parametrize(
    'colour', [GLASS, (255, 255, 255), (225, 226, 228), (238, 232, 236)]
)
def test_glass_alone_has_no_tissue(colour):
    assert tissue_mask(slide_of(plain(colour))).share == 0


def test_tissue_on_glass_is_found_where_it_lies():
    image = plain(GLASS)
    image[150:450, 200:500] = STROMA
    mask = tissue_mask(slide_of(image))
    assert mask.fraction(Box(150, 200, 300, 300)) == pytest.approx(1)
    assert mask.fraction(Box(0, 0, 100, 800)) == 0
    true = np.zeros((600, 800), bool)
    true[150:450, 200:500] = True
    found = mask.at(0, 0, 1, 1, 600, 800)
    assert (found & ~true).sum() < 0.2 * true.sum()


def test_lumens_belong_to_the_tissue_but_specks_do_not():
    image = plain(GLASS, 1000, 1000)
    image[300:700, 300:700] = STROMA
    image[450:500, 450:500] = GLASS
    image[100:106, 100:106] = NUCLEI
    mask = tissue_mask(slide_of(image, 2))
    assert mask.fraction(Box(300, 300, 400, 400)) == pytest.approx(1)
    assert mask.fraction(Box(50, 50, 100, 100)) == 0


@pytest.mark.parametrize(
    ('height', 'width', 'is_glass'),
    [(300, 110, True), (300, 90, False), (90, 420, False), (110, 420, True)],
)
def test_a_gap_that_the_picture_cuts_off_is_glass_if_wide(
    height, width, is_glass
):
    """Twice as wide, mirrored at the end: 220 or 180 working µm."""
    image = plain(STROMA, 420, 600)
    image[:height, :width] = GLASS
    mask = tissue_mask(slide_of(image, 1.0))
    inside = mask.fraction(Box(20, 20, height - 60, width - 60))
    assert inside == pytest.approx(0 if is_glass else 1)
    assert mask.fraction(Box(0, 450, 420, 150)) == 1


def test_a_wide_gap_within_the_picture_is_a_lumen():
    image = plain(STROMA, 700, 700)
    image[200:420, 200:420] = GLASS
    assert tissue_mask(slide_of(image, 1.0)).share == 1


@pytest.mark.parametrize(
    'ink',
    [(15, 15, 18), (30, 130, 60), (30, 80, 190), (0, 0, 0)],
    ids=['black pen', 'green pen', 'blue pen', 'border'],
)
def test_pen_and_border_are_no_tissue(ink):
    image = plain(GLASS)
    image[:, :120] = ink
    image[200:500, 300:700] = STROMA
    mask = tissue_mask(slide_of(image, 4))
    assert mask.fraction(Box(0, 0, 600, 110)) == 0
    assert mask.fraction(Box(220, 320, 260, 360)) == pytest.approx(1)


def test_fractions_are_areas():
    grid = np.zeros((4, 6), bool)
    grid[1:3, 2:4] = True
    mask = TissueMask(grid, 10, 10)
    assert mask.fraction(Box(10, 20, 20, 20)) == pytest.approx(1)
    assert mask.fraction(Box(0, 0, 40, 60)) == pytest.approx(4 / 24)
    assert mask.fraction(Box(15, 35, 10, 10)) == pytest.approx(0.5)
    assert mask.fraction(Box(12, 25, 5, 3)) == pytest.approx(1)
    assert mask.fraction(Box(-20, -20, 20, 20)) == 0
    assert mask.fraction(Box(0, 20, 20, 20)) == pytest.approx(0.5)
    assert mask.fraction(Box(10, 20, 40, 20)) == pytest.approx(0.5)
    assert mask.covers(Box(0, 0, 11, 21))
    assert not mask.covers(Box(0, 0, 10, 20))
    assert not mask.covers(Box(0, 0, 40, 60), at_least=0.2)


def test_fractions_agree_with_counting():
    rng = np.random.default_rng(0)
    grid = rng.random((13, 17)) < 0.5
    mask = TissueMask(grid, 3, 2)
    fine = np.repeat(np.repeat(grid, 3, 0), 2, 1)
    for _ in range(50):
        y, x = rng.integers(0, 38), rng.integers(0, 33)
        h, w = rng.integers(1, 40 - y), rng.integers(1, 35 - x)
        share = fine[y : y + h, x : x + w].mean()
        assert mask.fraction(Box(y, x, h, w)) == pytest.approx(share)


def test_another_grid_looks_up_its_centres():
    grid = np.array([[0, 1], [1, 0]], bool)
    mask = TissueMask(grid, 10, 10)
    assert mask.at(0, 0, 10, 10, 2, 2).tolist() == grid.tolist()
    found = mask.at(-5, 0, 5, 5, 4, 4).astype(int).tolist()
    assert found == [[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 0, 0]]
    assert not mask.at(20, 20, 5, 5, 3, 3).any()


def test_pixel_size_is_not_needed():
    image = plain(GLASS)
    image[150:450, 200:500] = STROMA
    slide = ArraySlide('made', [image])
    assert 0.18 < tissue_mask(slide).share < 0.26


def test_synthetic_tissue_is_found():
    slide = synthetic_slide(1536, 2304, seed=1)
    mask = tissue_mask(slide)
    truth = slide.gland_mask(0, 0, *slide.shape) > 0
    found = mask.at(0, 0, 1, 1, *slide.shape)
    assert found[truth].mean() > 0.99
    assert mask.share < 0.95


@pytest.mark.parametrize(
    ('name', 'low', 'high'),
    [
        ('cmu-1-small-region.svs', 0.35, 0.5),
        ('tcga-cr-7395-01a-01-ts1.svs', 0.6, 0.75),
        ('he-detail.ome.tif', 0.99, 1),
    ],
)
def test_on_real_slides(data_dir, name, low, high):
    slide = open_slide(data_dir / 'slides' / name)
    assert low <= tissue_mask(slide).share <= high
    slide.close()
