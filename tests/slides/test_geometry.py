import pytest

from napari_wsol.slides.geometry import Box


def test_edges_and_overlap():
    box = Box(10, 20, 30, 40)
    assert (box.bottom, box.right) == (40, 60)
    assert box.intersection(Box(0, 50, 15, 50)) == Box(10, 50, 5, 10)
    assert box.intersection(Box(40, 20, 5, 5)) is None


@pytest.mark.parametrize('size', [(0, 5), (5, 0), (-1, 5)])
def test_a_box_has_a_size(size):
    with pytest.raises(ValueError, match='positive size'):
        Box(0, 0, *size)
