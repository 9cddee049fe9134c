import numpy as np
import pytest
from made_maps import regions_of

from napari_wsol.regions.labelling import Block
from napari_wsol.regions.measuring import merged, table, tally
from napari_wsol.regions.region import Frame

NUMBER = np.array([1], np.int32)


def tally_of(mask, top, left, width):
    mask = np.asarray(mask, np.int32)
    height, wide = mask.shape
    block = Block(top, left, top + height, left + wide)
    return tally(block, width, mask, 1, [mask, mask])


def test_a_region_that_lies_far_out_keeps_its_shape():
    # So far that the sums of squares wrap around.
    mask = [[1, 1, 1, 0], [0, 0, 1, 1]]
    _, outlines = regions_of(mask, frame=Frame(1.0, 1.0))
    near, far = (
        table(
            merged([tally_of(mask, place, place, 2**31)], NUMBER),
            2**31,
            outlines,
            ('gland',),
        )
        for place in (0, 2**31 - 5)
    )
    assert far.top[0] == far.left[0] == 2**31 - 5
    assert far.centre_y[0] == near.centre_y[0] + 2**31 - 5
    assert far.major_axis[0] == near.major_axis[0]
    assert far.minor_axis[0] == near.minor_axis[0]


def test_parts_of_a_region_add_up():
    first = tally_of([[1, 1], [0, 1]], 2, 4, 100)
    second = tally_of([[0, 1], [1, 1]], 2, 6, 100)
    whole = tally_of([[1, 1, 0, 1], [0, 1, 1, 1]], 2, 4, 100)
    found = merged([second, first], np.array([1, 1], np.int32))
    for name in ('moments', 'values', 'highest', 'least', 'most'):
        np.testing.assert_array_equal(
            getattr(found, name), getattr(whole, name)
        )


def test_a_square_has_its_own_axes():
    found, _ = regions_of(np.ones((6, 6)), frame=Frame(1.0, 1.0))
    assert found.major_axis[0] == pytest.approx(4 * 6 / np.sqrt(12))
    assert found.minor_axis[0] == pytest.approx(found.major_axis[0])
    assert found.circularity[0] == pytest.approx(np.pi / 4)
