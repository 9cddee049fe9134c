import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_wsol.errors import BadInputError, WsolError
from napari_wsol.inference.colours import CLASS_COLOURS
from napari_wsol.slides.geometry import Box
from napari_wsol.training.pseudo_label_files import (
    read_pseudo_labels,
    write_pseudo_labels,
)

NAMES = ('background', 'benign', 'malignant')


@pytest.fixture
def labels() -> np.ndarray:
    return np.random.default_rng(0).integers(-1, 3, (5, 7))


@pytest.fixture
def path(tmp_path: Path, labels: np.ndarray) -> Path:
    folder = tmp_path / 'run' / 'pseudo-labels-1'
    folder.mkdir(parents=True)
    path = folder / '00003-née.pseudo.png'
    image = tmp_path / 'data' / 'née.png'
    write_pseudo_labels(path, labels, image, Box(8, 16, 40, 56.5), NAMES)
    return path


def test_what_is_written_is_read(path, labels, tmp_path):
    found = read_pseudo_labels(path)
    np.testing.assert_array_equal(found.values, labels + 1)
    assert found.values.dtype == np.uint8
    assert found.names == NAMES
    assert found.image == tmp_path / 'data' / 'née.png'
    assert found.region == Box(8, 16, 40, 56.5)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_the_pixels_of_the_file_are_the_classes_plus_one(path, labels):
    with Image.open(path) as picture:
        np.testing.assert_array_equal(np.asarray(picture), labels + 1)


def test_any_viewer_shows_the_colours_of_classes_over_clear_grey(path, labels):
    with Image.open(path) as picture:
        shown = np.asarray(picture.convert('RGBA'))
    assert (shown[labels == 1] == (*CLASS_COLOURS[0], 255)).all()
    assert (shown[labels == 2] == (*CLASS_COLOURS[1], 255)).all()
    red, _, blue, alpha = shown[labels == 0].T
    assert (blue > red).all()
    assert (alpha == 255).all()
    assert (shown[labels == -1, 3] < 128).all()
    assert len(np.unique(shown[labels == -1, :3])) == 1


def test_a_run_that_moves_with_its_data_still_finds_them(path, tmp_path):
    moved = tmp_path.with_name(tmp_path.name + '-moved')
    tmp_path.rename(moved)
    found = read_pseudo_labels(moved / path.relative_to(tmp_path))
    assert found.image == moved / 'data' / 'née.png'


def test_other_images_are_refused_in_words(tmp_path, path):
    plain = tmp_path / 'plain.pseudo.png'
    Image.new('L', (3, 3)).save(plain)
    with pytest.raises(BadInputError, match='holds no pseudo-labels'):
        read_pseudo_labels(plain)
    path.write_bytes(path.read_bytes()[:-40])
    for bad in (path, tmp_path / 'missing.pseudo.png'):
        with pytest.raises(BadInputError, match=re.escape(bad.name)):
            read_pseudo_labels(bad)


def test_a_place_that_cannot_be_written_is_told(tmp_path, labels):
    path = tmp_path / 'no folder' / 'a.pseudo.png'
    with pytest.raises(WsolError, match='cannot be written'):
        write_pseudo_labels(path, labels, path, Box(0, 0, 5, 7), NAMES)
