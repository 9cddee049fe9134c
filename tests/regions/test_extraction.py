import numpy as np
import pytest
import zarr
from made_maps import FRAME, finished, labelled, made_maps, regions_of
from made_masks import CUTS, MASKS
from skimage.measure import regionprops

from napari_wsol.errors import BadInputError
from napari_wsol.regions.extraction import extract
from napari_wsol.regions.region import COLUMNS, Frame
from napari_wsol.regions.stored import Maps

CLASSES = ('benign', 'malignant')


def random_maps(mask, seed=0):
    """Probabilities on the stored grain, from 0.5 on where marked."""
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 2048, mask.shape) / 4096
    probability = np.where(mask, low + 0.5, low)
    entropy = rng.integers(0, 4097, mask.shape) / 4096
    share = rng.integers(0, 4097, mask.shape) / 4096
    return probability, entropy, np.stack([share, 1 - share])


def table_of(values, chunk, threshold=0.5, frame=FRAME, side=1):
    maps = made_maps(*values, chunk=chunk)
    (table, _), _ = finished(
        extract(maps, threshold, frame, CLASSES, side=side)
    )
    return table


@pytest.mark.parametrize('mask', MASKS.values(), ids=MASKS)
def test_measurements_are_the_same_whatever_the_cut(mask):
    values = random_maps(mask)
    whole, *others = (table_of(values, chunk) for chunk in CUTS)
    for other in others:
        for name in COLUMNS:
            np.testing.assert_array_equal(
                getattr(other, name), getattr(whole, name), err_msg=name
            )


@pytest.mark.parametrize('mask', MASKS.values(), ids=MASKS)
def test_measurements_are_those_of_scikit_image_on_the_whole_mask(mask):
    values = random_maps(mask)
    table = table_of(values, (5, 4))
    maps = np.stack([*values[:2], *values[2]], axis=-1)
    expected = regionprops(labelled(mask), maps)
    assert table.number.tolist() == [each.label for each in expected]
    assert table.pixels.tolist() == [each.area for each in expected]
    boxes = zip(table.top, table.left, table.bottom, table.right, strict=True)
    assert list(boxes) == [each.bbox for each in expected]
    if not expected:
        return
    centres = np.array([each.centroid for each in expected]) + 0.5
    np.testing.assert_allclose(table.centre_y, 10 + 2 * centres[:, 0])
    np.testing.assert_allclose(table.centre_x, 20 + 4 * centres[:, 1])
    means = np.array([each.intensity_mean for each in expected])
    np.testing.assert_allclose(table.mean_probability, means[:, 0])
    np.testing.assert_allclose(table.mean_entropy, means[:, 1])
    np.testing.assert_array_equal(table.roi_class, means[:, 2:].argmax(1))
    highest = [each.intensity_max[0] for each in expected]
    np.testing.assert_array_equal(table.max_probability, highest)


@pytest.mark.parametrize('mask', MASKS.values(), ids=MASKS)
def test_axes_are_those_of_scikit_image_with_pixels_as_squares(mask):
    table, _ = regions_of(mask, (5, 4), Frame(1.0, 1.0))
    for index, each in enumerate(regionprops(labelled(mask))):
        # A square has a variance of its own, 1/12, which points have not.
        major = np.hypot(each.axis_major_length, 4 / np.sqrt(12))
        minor = np.hypot(each.axis_minor_length, 4 / np.sqrt(12))
        assert table.major_axis[index] == pytest.approx(major)
        assert table.minor_axis[index] == pytest.approx(minor)


def test_lengths_and_areas_are_in_um_where_the_pixel_size_is_known():
    # Pixels of 0.5 µm x 2 µm.
    table, _ = regions_of(np.ones((8, 3)), frame=FRAME)
    assert table.unit == 'µm'
    assert table.area.tolist() == [24.0]
    assert table.perimeter.tolist() == [2 * 4 + 2 * 6]
    assert table.major_axis[0] == pytest.approx(4 * 6 / np.sqrt(12))
    assert table.minor_axis[0] == pytest.approx(4 * 4 / np.sqrt(12))


def test_lengths_are_in_level_0_pixels_where_it_is_not():
    table, _ = regions_of(np.ones((8, 3)), frame=Frame(2.0, 4.0))
    assert table.unit == 'px'
    assert table.perimeter.tolist() == [2 * 16 + 2 * 12]
    assert table.major_axis[0] == pytest.approx(4 * 16 / np.sqrt(12))


def test_a_slanted_region_is_longer_than_wide():
    table, _ = regions_of(np.eye(40) + np.eye(40, k=1), frame=Frame(1.0, 1.0))
    assert table.major_axis[0] > 10 * table.minor_axis[0]


def test_the_class_is_that_of_the_highest_mean_not_of_most_pixels():
    first = np.array([[0.55, 0.55, 0.0]])
    values = np.ones((1, 3)), np.zeros((1, 3)), np.stack([first, 1 - first])
    assert table_of(values, (1, 1)).roi_class.tolist() == [1]


def test_what_is_measured_elsewhere_is_unknown():
    table, _ = regions_of([[1, 0, 1]])
    for name in ('haematoxylin', 'eosin', 'class_alone', 'entropy_without'):
        assert np.isnan(getattr(table, name)).tolist() == [True, True]


def test_the_threshold_moves_regions():
    values = random_maps(MASKS['noise 4'])
    for threshold in (0.0, 0.2, 0.7, 1.1):
        table = table_of(values, (5, 4), threshold)
        mask = (values[0] >= threshold) & (values[0] > 0)
        assert len(table) == labelled(mask).max()
        assert table.pixels.sum() == mask.sum()


def test_progress_ends_with_the_whole_map_and_all_regions():
    maps = made_maps(np.ones((20, 30)), chunk=(8, 8))
    _, events = finished(extract(maps, 0.5, FRAME, CLASSES, side=8))
    blocks = [each for each in events if each.unit == 'MP']
    assert len(blocks) == 3 * 4
    assert blocks[-1].done == pytest.approx(blocks[-1].total)
    assert blocks[-1].total == pytest.approx(20 * 30 / 1e6)
    assert (events[-1].done, events[-1].total) == (1, 1)
    assert all(each.rate > 0 and each.seconds_left >= 0 for each in events)


def test_closing_the_generator_stops_the_work():
    maps = made_maps(np.ones((20, 30)), chunk=(8, 8))
    work = extract(maps, 0.5, FRAME, CLASSES, side=8)
    next(work)
    work.close()
    assert list(work) == []


def test_a_damaged_chunk_is_told_of(tmp_path):
    array = zarr.create_array(
        str(tmp_path / 'map'), shape=(8, 8), chunks=(8, 8), dtype='float32'
    )
    array[...] = np.random.default_rng(0).random((8, 8))
    (tmp_path / 'map/c/0/0').write_bytes(b'not a chunk')
    maps = Maps(array, array)
    with pytest.raises(BadInputError, match='map.*Run the prediction again'):
        finished(extract(maps, 0.5, FRAME, CLASSES))
