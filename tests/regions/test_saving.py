from dataclasses import replace

import numpy as np
import pytest
from made_maps import FRAME, regions_of
from made_masks import MASKS

from napari_wsol.errors import BadInputError, WsolError
from napari_wsol.regions.region import COLUMNS, Frame
from napari_wsol.regions.saving import load_regions, save_regions

OUTLINES = ('y', 'x', 'rings', 'regions')


@pytest.fixture
def regions():
    return regions_of(MASKS['laced'] & ~MASKS['comb'])


@pytest.mark.parametrize('name', ['laced', 'chequered', 'empty', 'one pixel'])
@pytest.mark.parametrize('frame', [FRAME, Frame(1.5, 1.25)], ids=['µm', 'px'])
def test_regions_come_back_as_they_were(tmp_path, name, frame):
    table, outlines = regions_of(MASKS[name], frame=frame)
    table = replace(table, roi_classes=('Drüse', 'b'))
    save_regions(tmp_path / 'regions.npz', table, outlines)
    found, found_outlines = load_regions(tmp_path / 'regions.npz')
    assert found.frame == found_outlines.frame == frame
    assert found.roi_classes == ('Drüse', 'b')
    for column in COLUMNS:
        kept = getattr(table, column)
        np.testing.assert_array_equal(getattr(found, column), kept)
        assert getattr(found, column).dtype == kept.dtype
    for part in OUTLINES:
        kept = getattr(outlines, part)
        np.testing.assert_array_equal(getattr(found_outlines, part), kept)
        assert getattr(found_outlines, part).dtype == kept.dtype


def test_some_regions_keep_their_numbers(tmp_path, regions):
    table, outlines = regions
    some = table.chosen(np.array([2, 0]))
    save_regions(tmp_path / 'some.npz', some, outlines)
    found, found_outlines = load_regions(tmp_path / 'some.npz')
    assert found.number.tolist() == [3, 1]
    assert found_outlines.polygon(3).equals(outlines.polygon(3))


def test_a_file_is_replaced_as_a_whole(tmp_path, regions):
    path = tmp_path / 'regions.npz'
    path.write_bytes(b'earlier')
    save_regions(path, *regions)
    assert [each.name for each in tmp_path.iterdir()] == ['regions.npz']
    assert len(load_regions(path)[0]) == len(regions[0])


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path, regions):
    (tmp_path / 'regions.npz').mkdir()
    with pytest.raises(WsolError, match='cannot be written'):
        save_regions(tmp_path / 'regions.npz', *regions)
    assert [each.name for each in tmp_path.iterdir()] == ['regions.npz']


@pytest.mark.parametrize('share', [0.0, 0.3, 0.9, 0.999])
def test_a_cut_off_file_is_refused(tmp_path, regions, share):
    path = tmp_path / 'regions.npz'
    save_regions(path, *regions)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(BadInputError, match=r'regions\.npz.*again'):
        load_regions(path)


def test_a_flipped_byte_is_refused_or_harmless(tmp_path, regions):
    path = tmp_path / 'regions.npz'
    save_regions(path, *regions)
    data = path.read_bytes()
    refused = 0
    for place in range(7, len(data), 101):
        flipped = bytearray(data)
        flipped[place] ^= 0xFF
        path.write_bytes(flipped)
        try:
            found, _ = load_regions(path)
        except BadInputError:
            refused += 1
        else:
            assert len(found) == len(regions[0])
    assert refused


def test_another_kind_of_file_is_refused(tmp_path):
    with pytest.raises(BadInputError, match='cannot be read as regions'):
        load_regions(tmp_path / 'missing.npz')
    np.savez(tmp_path / 'other.npz', values=np.ones(3))
    with pytest.raises(BadInputError, match='cannot be read as regions'):
        load_regions(tmp_path / 'other.npz')
    np.save(tmp_path / 'other.npy', np.ones(3))
    with pytest.raises(BadInputError, match='cannot be read as regions'):
        load_regions(tmp_path / 'other.npy')


def changed(path, **arrays):
    with np.load(path) as kept:
        known = dict(kept)
    assert set(arrays) <= set(known)
    np.savez(path, **(known | arrays))


@pytest.mark.parametrize(
    'arrays',
    [
        {'table/number': np.array([1, 2, 999])},
        {'table/pixels': np.ones(3)},
        {'outlines/y': np.zeros(4, np.int32)},
        {'outlines/rings': np.array([0, 4, 2])},
        {'frame': np.ones(3)},
        {'table/number': np.array([{}], dtype=object)},
    ],
    ids=lambda arrays: next(iter(arrays)),
)
def test_parts_that_do_not_fit_together_are_refused(tmp_path, regions, arrays):
    path = tmp_path / 'regions.npz'
    save_regions(path, *regions)
    changed(path, **arrays)
    with pytest.raises(BadInputError, match='cannot be read as regions'):
        load_regions(path)


def test_a_later_version_is_named(tmp_path, regions):
    path = tmp_path / 'regions.npz'
    save_regions(path, *regions)
    changed(path, format=np.array(7))
    with pytest.raises(BadInputError, match='version 7.*Update'):
        load_regions(path)
