import numpy as np
import pytest
from made_maps import labelled
from made_masks import CUTS, MASKS
from scipy import ndimage

from napari_wsol.regions.labelling import Seams, cut, marked


def labelled_in_blocks(mask, chunk):
    seams = Seams(mask.shape)
    parts, first = np.zeros(mask.shape, np.int32), []
    for block in cut(mask.shape, chunk, 1):
        labels, count = ndimage.label(mask[block.place], output=np.int32)
        height, width = block.shape
        around = seams.join(block, labels, count)
        parts[block.place] = around[1 : height + 1, 1 : width + 1]
        for part in range(1, count + 1):
            y, x = np.argwhere(labels == part)[0]
            first.append((y + block.top) * mask.shape[1] + x + block.left)
    number = seams.numbers(np.array(first, np.int64))
    return np.concatenate([[0], number])[parts]


@pytest.mark.parametrize('chunk', CUTS, ids=str)
@pytest.mark.parametrize('mask', MASKS.values(), ids=MASKS)
def test_labels_are_those_of_the_whole_mask_whatever_the_cut(mask, chunk):
    found = labelled_in_blocks(mask, chunk)
    np.testing.assert_array_equal(found, labelled(mask))


def test_blocks_cover_a_map_once():
    seen = np.zeros((23, 31), int)
    for block in cut(seen.shape, (4, 6), 8):
        seen[block.place] += 1
        assert block.shape == seen[block.place].shape
    assert (seen == 1).all()


def test_a_block_is_made_of_whole_chunks():
    blocks = list(cut((100, 100), (4, 6), 9))
    assert {block.top % 12 for block in blocks} == {0}
    assert {block.left % 12 for block in blocks} == {0}
    assert blocks[0].shape == (12, 12)


def test_a_chunk_larger_than_a_block_is_not_divided():
    assert [block.shape for block in cut((50, 50), (64, 64), 8)] == [(50, 50)]


def test_the_threshold_itself_is_marked_and_zero_never():
    probability = np.array([[0.0, 0.25, 0.5, 1.0, np.nan]])
    assert marked(probability, 0.5).tolist() == [[0, 0, 1, 1, 0]]
    assert marked(probability, 0.0).tolist() == [[0, 1, 1, 1, 0]]
