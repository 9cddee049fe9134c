"""On the real slides."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from napari_wsol.errors import BadInputError
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.opening import open_slide
from napari_wsol.slides.vendor_slide import VendorSlide

APERIO = 'slides/cmu-1-small-region.svs'
TWO_LEVELS = 'slides/tcga-cr-7395-01a-01-ts1.svs'
FLUORESCENCE = 'slides/hamamatsu-fluorescence.ndpi'


def test_aperio_states_its_pixel_size(data_dir):
    slide = open_slide(data_dir / APERIO)
    assert slide.level_shapes == ((2967, 2220),)
    assert slide.pixel_size is not None
    assert slide.pixel_size.mpp == pytest.approx(0.499)
    assert slide.pixel_size.source == 'openslide.mpp-x'
    assert slide.read(Box(0, 0, 1000, 1000), 0.998).shape == (500, 500, 3)


def test_only_technical_facts_are_kept(data_dir):
    slide = open_slide(data_dir / APERIO)
    assert slide.metadata == {
        'format': 'openslide',
        'vendor': 'aperio',
        'objective_power': 20.0,
    }


def test_a_slide_without_pixel_size(data_dir):
    slide = open_slide(data_dir / TWO_LEVELS)
    assert slide.pixel_size is None
    assert slide.level_shapes == ((3567, 4443), (1783, 2221))
    # OpenSlide says 2.0005; the last row and column were cut off.
    assert slide.level_downsamples[1] == (2, 2)


@pytest.mark.parametrize('level', [0, 1])
def test_a_pixel_is_the_same_in_every_read(data_dir, level):
    slide = open_slide(data_dir / TWO_LEVELS)
    height, width = slide.level_shapes[level]
    whole = slide.read_level(level, 0, 0, height, width)
    boxes = [
        (0, 0, 10, 10),
        (1000, 1000, 300, 500),
        (777, 301, 400, 100),
        (height - 50, width - 60, 50, 60),
    ]

    def same(box):
        y, x, h, w = box
        part = slide.read_level(level, *box)
        return np.array_equal(part, whole[y : y + h, x : x + w])

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(same, boxes * 2))


def test_levels_lie_over_one_another(data_dir):
    slide = open_slide(data_dir / TWO_LEVELS)
    box = Box(1500, 1900, 800, 800)
    coarse = slide.read_resized(box, 200, 200).astype(float)
    finest = slide.read_level(0, 1500, 1900, 800, 800).astype(float)
    shrunk = finest.reshape(200, 4, 200, 4, 3).mean(axis=(1, 3))

    def difference(y, x):
        return np.abs(
            coarse[5:-5, 5:-5] - np.roll(shrunk, (y, x), (0, 1))[5:-5, 5:-5]
        ).mean()

    aside = [difference(y, x) for y, x in [(1, 0), (-1, 0), (0, 1), (0, -1)]]
    assert difference(0, 0) < 0.6 * min(aside)


def test_ome_tiff_of_bioformats(data_dir):
    slide = open_slide(data_dir / 'slides/he-detail.ome.tif')
    assert slide.level_shapes == ((1101, 1101),)
    assert slide.pixel_size is not None
    assert slide.pixel_size.mpp == pytest.approx(0.2271, abs=1e-4)
    slide.close()


def test_fluorescence_is_refused(data_dir):
    with pytest.raises(
        BadInputError,
        match=r'"hamamatsu-fluorescence.ndpi" is .* fluorescence .*\(H&E\)',
    ):
        open_slide(data_dir / FLUORESCENCE)


def test_a_deep_pyramid_reads_every_level(data_dir):
    slide = VendorSlide(data_dir / FLUORESCENCE)
    assert len(slide.level_shapes) == 7
    for level, (height, width) in enumerate(slide.level_shapes):
        part = slide.read_level(level, height - 30, width - 40, 30, 40)
        assert part.shape == (30, 40, 3)


def test_a_slide_cut_short_is_refused(data_dir, tmp_path):
    content = (data_dir / APERIO).read_bytes()
    path = tmp_path / 'cut.svs'
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(BadInputError, match='"cut.svs" cannot be read'):
        open_slide(path)


def test_a_closed_slide_says_so(data_dir):
    slide = open_slide(data_dir / APERIO)
    slide.close()
    with pytest.raises(BadInputError, match='closed'):
        slide.read_level(0, 0, 0, 5, 5)
