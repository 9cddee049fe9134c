"""Counts from chunks are those of the whole."""

import dask.array as da
import numpy as np
import pytest
import zarr
from zarr.storage import MemoryStore

from napari_wsol.errors import BadInputError
from napari_wsol.inference.maps import GRAIN
from napari_wsol.regions.region import Frame
from napari_wsol.regions.scores import BLOCK, count_scores
from napari_wsol.slides.geometry import Box

RNG = np.random.default_rng(0)
WHOLE = (RNG.integers(0, GRAIN + 1, (1300, 2111)) / GRAIN).astype(np.float32)


@pytest.fixture(scope='module')
def stored():
    array = zarr.create_array(
        MemoryStore(), shape=WHOLE.shape, chunks=(112, 96), dtype='float32'
    )
    array[...] = WHOLE
    return array


def test_a_threshold_marks_what_the_counts_say_to_the_pixel():
    counts = count_scores(WHOLE)
    assert counts.sum() == WHOLE.size
    for k in (0, 1, 2048, 2847, GRAIN - 1, GRAIN):
        assert counts[k:].sum() == np.sum(k / GRAIN <= WHOLE)


def test_values_between_the_grains_are_counted_exactly_too():
    values = RNG.random((50, 50)).astype(np.float32)
    counts = count_scores(values)
    for k in (1, 1000, 4000):
        assert counts[k:].sum() == (values >= k / GRAIN).sum()


def test_a_store_is_counted_like_the_whole_map(stored):
    expected = np.bincount(
        (WHOLE * GRAIN).astype(int).ravel(), minlength=GRAIN + 1
    )
    np.testing.assert_array_equal(count_scores(stored), expected)
    lazy = da.from_array(WHOLE, chunks=(500, 700))
    np.testing.assert_array_equal(count_scores(lazy), expected)


def test_a_field_counts_the_pixels_whose_centre_it_holds(stored):
    frame = Frame(4, 4, origin_y=100, origin_x=-20)
    box = Box(100 + 4 * 10 + 1.9, -20 + 4 * 7 + 2.1, 4 * 1100, 4 * 30)
    expected = count_scores(WHOLE[10:1110, 8:38])
    np.testing.assert_array_equal(count_scores(stored, frame, box), expected)


def test_only_a_part_of_the_map_is_held_at_once():
    class Watched:
        shape = (3 * BLOCK, 2 * BLOCK)
        chunks = (300, 256)
        largest = 0

        def __getitem__(self, part):
            height, width = (each.stop - each.start for each in part)
            self.largest = max(self.largest, height * width)
            return np.zeros((height, width), np.float32)

    watched = Watched()
    assert count_scores(watched)[0] == 6 * BLOCK**2
    assert watched.largest <= 1.5 * BLOCK**2


def test_glass_that_nobody_asked_about_does_not_count():
    values = np.zeros((10, 10), np.float32)
    values[:2] = 0.5
    counts = count_scores(values, wanted=40)
    assert counts.sum() == 40
    assert counts[GRAIN // 2] == 20


@pytest.mark.parametrize(
    'box', [Box(0, 9000, 10, 10), Box(-9, 0, 4, 4), Box(4.1, 4.1, 1, 1)]
)
def test_a_field_without_a_pixel_is_refused(box):
    with pytest.raises(BadInputError, match='outside of the map'):
        count_scores(WHOLE, Frame(4, 4), box)
