from dataclasses import replace

import numpy as np
import pytest
import zarr
from made_maps import FRAME, finished, labelled, regions_of
from made_masks import MASKS
from ome_zarr_models.v05.image_label import ImageLabel

from napari_wsol.errors import BadInputError, WsolError
from napari_wsol.regions.label_image import write_labels
from napari_wsol.regions.region import Frame


def written(image, mask, frame=FRAME, **settings):
    mask = np.asarray(mask)
    table, outlines = regions_of(mask, frame=frame)
    work = write_labels(image, table, outlines, mask.shape, (8, 6), **settings)
    _, events = finished(work)
    return zarr.open_group(str(image), mode='r'), events


@pytest.mark.parametrize('name', ['laced', 'noise 3', 'empty', 'full'])
def test_values_are_the_numbers_of_regions(tmp_path, name):
    group, events = written(tmp_path / 'made.zarr', MASKS[name])
    found = group['labels/regions/0']
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found[...], labelled(MASKS[name]))
    assert events[-1].done == events[-1].total


def test_coarser_levels_take_every_other_pixel(tmp_path):
    mask = np.random.default_rng(0).random((9, 1301)) < 0.4
    group, _ = written(tmp_path / 'made.zarr', mask)
    labels = labelled(mask)
    levels = [group[f'labels/regions/{level}'][...] for level in range(3)]
    np.testing.assert_array_equal(levels[1], labels[::2, ::2])
    np.testing.assert_array_equal(levels[2], labels[::4, ::4])


def test_the_label_image_is_valid_ngff(tmp_path):
    group, _ = written(tmp_path / 'made.zarr', MASKS['comb'])
    found = ImageLabel.from_zarr(group['labels/regions'])
    properties = found.ome_attributes.image_label.properties
    assert [each.label_value for each in properties] == [1]
    assert group['labels'].attrs['ome']['labels'] == ['regions']


def test_labels_lie_where_the_map_lies(tmp_path):
    frame = Frame(2.0, 4.0, 10.0, 20.0, 0.25, 0.5)
    group, _ = written(tmp_path / 'made.zarr', MASKS['comb'], frame)
    image = group['labels/regions'].attrs['ome']['multiscales'][0]
    scale, shift = image['datasets'][0]['coordinateTransformations']
    assert scale['scale'] == [0.5, 2.0]
    assert shift['translation'] == [(10 + 0.5) * 0.25, (20 + 1.5) * 0.5]


def test_other_labels_of_the_image_stay(tmp_path):
    group = zarr.create_group(str(tmp_path / 'made.zarr'))
    group.attrs['mine'] = 1
    mask = group.create_group('labels').create_group('mask')
    mask.attrs['kept'] = True
    group['labels'].attrs['ome'] = {'version': '0.5', 'labels': ['mask']}
    for _ in range(2):
        group, _ = written(tmp_path / 'made.zarr', MASKS['comb'])
    assert group['labels'].attrs['ome']['labels'] == ['mask', 'regions']
    assert group['labels/mask'].attrs['kept']
    assert group.attrs['mine'] == 1


def test_labels_are_listed_once_they_are_whole(tmp_path):
    table, outlines = regions_of(MASKS['comb'])
    work = write_labels(
        tmp_path / 'made.zarr', table, outlines, (17, 17), (8, 6)
    )
    next(work)
    work.close()
    group = zarr.open_group(str(tmp_path / 'made.zarr'), mode='r')
    assert group['labels'].attrs['ome']['labels'] == []


def test_regions_that_the_table_leaves_out_are_no_label(tmp_path):
    table, outlines = regions_of([[1, 0, 1]])
    some = replace(table.chosen(np.array([1])), roi_classes=('gland',))
    finished(
        write_labels(tmp_path / 'made.zarr', some, outlines, (1, 3), (8, 8))
    )
    group = zarr.open_group(str(tmp_path / 'made.zarr'), mode='r')
    assert group['labels/regions/0'][...].tolist() == [[0, 0, 2]]


def test_what_is_no_group_is_left_alone(tmp_path):
    zarr.create_array(
        str(tmp_path / 'array.zarr'), shape=(2, 2), dtype='uint8'
    )
    with pytest.raises(BadInputError, match=r'array\.zarr'):
        written(tmp_path / 'array.zarr', MASKS['comb'])
    (tmp_path / 'file.zarr').write_text('mine')
    with pytest.raises(WsolError, match=r'file\.zarr'):
        written(tmp_path / 'file.zarr', MASKS['comb'])
    assert (tmp_path / 'file.zarr').read_text() == 'mine'
