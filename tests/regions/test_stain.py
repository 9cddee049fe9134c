import numpy as np
import pytest
from made_maps import finished, regions_of
from skimage.color import rgb_from_hed

from napari_wsol.regions.region import Frame
from napari_wsol.regions.stain import stained, stains
from napari_wsol.slides.arrays import ArraySlide


def light(haematoxylin, eosin):
    """RGB of amounts of stain ``(H, W)``, by Beer and Lambert."""
    vectors = rgb_from_hed / np.linalg.norm(rgb_from_hed, axis=1)[:, None]
    density = np.multiply.outer(haematoxylin, vectors[0])
    density += np.multiply.outer(eosin, vectors[1])
    return np.rint(255 * 10**-density).astype(np.uint8)


class CountingSlide(ArraySlide):
    read_pixels = 0

    def read_level(self, level, y, x, height, width):
        self.read_pixels += height * width
        return super().read_level(level, y, x, height, width)


def measured(mask, slide, frame, **settings):
    table, outlines = regions_of(mask, frame=frame)
    return finished(stained(table, outlines, slide, **settings))


def test_known_amounts_are_found():
    amounts = np.array([[0.0, 0.4, 0.2]]), np.array([[0.0, 0.1, 0.5]])
    np.testing.assert_allclose(stains(light(*amounts)), amounts, atol=0.02)


def test_black_has_a_finite_density():
    assert np.isfinite(stains(np.zeros((1, 1, 3), np.uint8))).all()


def test_each_region_has_the_stain_of_its_own_pixels():
    mask = np.array([[1, 1, 0, 1], [0, 1, 0, 1]])
    haematoxylin = np.array([[0.1, 0.2, 9, 0.5], [9, 0.6, 9, 0.5]])
    slide = ArraySlide('made', [light(haematoxylin, 0.3 * (mask > 0))])
    table, events = measured(mask, slide, Frame(1.0, 1.0))
    np.testing.assert_allclose(table.haematoxylin, [0.3, 0.5], atol=0.02)
    np.testing.assert_allclose(table.eosin, [0.3, 0.3], atol=0.02)
    assert events[-1].done == events[-1].total


@pytest.mark.parametrize('coarser', [1, 3])
def test_pixels_are_read_where_the_map_lies(coarser):
    # Map pixels of 2 x 3 level-0 pixels, from (6, 9) on.
    mask = np.zeros((12, 20))
    mask[3:9, 3:6] = 1  # y 12 to 24, x 18 to 27
    mask[3:6, 15:18] = 1  # y 12 to 18, x 54 to 63
    # Stained a little beyond, since light is mixed where it is made coarser.
    haematoxylin = np.zeros((60, 90))
    haematoxylin[6:30, 9:36] = 0.4
    haematoxylin[6:24, 45:72] = 0.7
    slide = ArraySlide('made', [light(haematoxylin, haematoxylin / 2)])
    frame = Frame(2.0, 3.0, 6.0, 9.0)
    table, _ = measured(mask, slide, frame, coarser=coarser)
    np.testing.assert_allclose(table.haematoxylin, [0.4, 0.7], atol=0.02)
    np.testing.assert_allclose(table.eosin, [0.2, 0.35], atol=0.02)


def test_only_where_regions_are_is_read():
    mask = np.zeros((90, 90))
    mask[10:20, 30:40] = 1
    slide = CountingSlide('made', [np.full((90, 90, 3), 200, np.uint8)])
    measured(mask, slide, Frame(1.0, 1.0))
    assert 0 < slide.read_pixels <= 100


def test_some_regions_can_be_measured_alone():
    mask = np.array([[1, 0, 1]])
    slide = ArraySlide('made', [light(np.array([[0.1, 0, 0.6]]), 0 * mask)])
    table, outlines = regions_of(mask, frame=Frame(1.0, 1.0))
    some, _ = finished(stained(table.chosen(np.array([1])), outlines, slide))
    np.testing.assert_allclose(some.haematoxylin, [0.6], atol=0.02)


def test_no_regions_need_no_slide():
    slide = CountingSlide('made', [np.full((9, 9, 3), 200, np.uint8)])
    table, _ = measured(np.zeros((9, 9)), slide, Frame(1.0, 1.0))
    assert len(table.haematoxylin) == 0
    assert slide.read_pixels == 0
