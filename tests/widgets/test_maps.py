"""Maps and masks from a result's store."""

from __future__ import annotations

import numpy as np
import zarr

from napari_wsol.widgets import maps
from napari_wsol.widgets.maps import (
    StoredMap,
    mask_levels,
    open_maps,
    open_stored,
)

from .conftest import MAP_SHAPE, ramp, write_store


def test_maps_and_marked_area(tmp_path):
    write_store(tmp_path / 'a.zarr', ramp())
    found = open_maps(tmp_path / 'a.zarr')
    assert found.classes is None
    np.testing.assert_allclose(found.probability[0], ramp(), atol=1e-6)
    np.testing.assert_allclose(found.entropy[0], 1 - ramp(), atol=1e-6)
    for threshold in (0.0, 0.33, 0.5, 1.0):
        expected = (found.probability[0] >= np.float32(threshold)).sum()
        assert found.area.count(threshold) == expected


def test_without_classes_the_mask_is_1(tmp_path):
    write_store(tmp_path / 'a.zarr', ramp())
    (mask,) = mask_levels(open_maps(tmp_path / 'a.zarr'), 0.5)
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, ramp() >= 0.5)


def test_with_classes_the_mask_is_the_most_probable(tmp_path):
    top = np.zeros((2, *MAP_SHAPE))
    top[0, :5], top[1, 5:] = 0.9, 0.9
    write_store(tmp_path / 'a.zarr', ramp(), top)
    (mask,) = mask_levels(open_maps(tmp_path / 'a.zarr'), 0.5)
    np.testing.assert_array_equal(mask[:5], (ramp() >= 0.5)[:5])
    np.testing.assert_array_equal(mask[5:], 2 * (ramp() >= 0.5)[5:])


def test_large_maps_stay_on_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(maps, 'SMALL', 10)
    top = np.zeros((2, *MAP_SHAPE))
    top[1] = 1
    write_store(tmp_path / 'a.zarr', ramp(), top, levels=2)
    found = open_maps(tmp_path / 'a.zarr')
    masks = mask_levels(found, 0.5)
    assert len(masks) == len(found.entropy) == 2
    assert all(isinstance(mask, StoredMap) for mask in masks)
    np.testing.assert_array_equal(masks[0], 2 * (ramp() >= 0.5))
    np.testing.assert_array_equal(
        masks[0][2:4, 7:], 2 * (ramp() >= 0.5)[2:4, 7:]
    )


def test_a_map_that_is_being_written_is_read_anew(tmp_path):
    write_store(tmp_path / 'a.zarr', ramp())
    found = open_stored(tmp_path / 'a.zarr')
    (mask,) = mask_levels(found, 0.5)
    before = mask[:, :]
    zarr.open_array(tmp_path / 'a.zarr/probability/0', mode='r+')[:] = 1
    np.testing.assert_array_equal(before, ramp() >= 0.5)
    assert mask[:, :].all()
    assert (found.probability[0][3:5, 2] == 1).all()


def test_a_map_on_the_disk_is_indexed_like_an_array(tmp_path):
    top = np.zeros((2, *MAP_SHAPE))
    top[1] = 1
    write_store(tmp_path / 'a.zarr', ramp(), top)
    (mask,) = mask_levels(open_stored(tmp_path / 'a.zarr'), 0.5)
    whole = np.asarray(mask)
    assert mask.shape == whole.shape
    for key in (0, -1, slice(2, 5), (slice(None), 3), (slice(1, 3), slice(4))):
        np.testing.assert_array_equal(mask[key], whole[key])
        assert mask[key].dtype == np.uint8
