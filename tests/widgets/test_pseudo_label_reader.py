"""Pseudo-labels of a run, opened as napari opens them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_wsol.inference.colours import CLASS_COLOURS
from napari_wsol.slides.geometry import Box
from napari_wsol.training.pseudo_label_files import write_pseudo_labels
from napari_wsol.widgets.reader import get_reader

REGION = Box(16, 8, 32, 40)
STRIDE = 8


@pytest.fixture
def labels() -> np.ndarray:
    labels = np.zeros((4, 5), int)
    labels[1, 3], labels[0, 0] = 1, -1
    return labels


@pytest.fixture
def path(tmp_path: Path, labels: np.ndarray) -> Path:
    """Labels of a part of an image of 0.5 µm per pixel."""
    image = tmp_path / 'data' / 'tissue.tif'
    image.parent.mkdir()
    tifffile.imwrite(
        image,
        np.full((64, 64, 3), 200, np.uint8),
        photometric='rgb',
        tile=(16, 16),
        resolution=(20000, 20000),
        resolutionunit='CENTIMETER',
    )
    path = tmp_path / 'run' / '00000-tissue.pseudo.png'
    path.parent.mkdir()
    write_pseudo_labels(path, labels, image, REGION, ('background', 'gland'))
    return path


def test_labels_come_over_their_image(path):
    image, labels = get_reader(str(path))(str(path))
    assert image[2] == 'image'
    assert image[1]['name'] == 'tissue.tif'
    assert labels[2] == 'labels'
    assert labels[1]['name'] == '00000-tissue pseudo-labels'
    np.testing.assert_allclose(labels[1]['scale'], (4, 4))
    assert tuple(map(str, labels[1]['units'])) == ('micrometer', 'micrometer')


def test_without_the_image_the_labels_come_alone(path):
    (path.parents[1] / 'data' / 'tissue.tif').unlink()
    [(values, attributes, kind)] = get_reader(str(path))(str(path))
    assert kind == 'labels'
    assert values.shape == (4, 5)
    np.testing.assert_allclose(attributes['scale'], (STRIDE, STRIDE))
    np.testing.assert_allclose(attributes['translate'], (19.5, 11.5))


def test_other_images_are_left_to_napari(tmp_path):
    plain = tmp_path / 'a.png'
    Image.new('L', (3, 3)).save(plain)
    assert get_reader(str(plain)) is None


@pytest.mark.viewer
def test_the_viewer_opens_them_in_place_with_names_and_colours(
    make_napari_viewer, path
):
    viewer = make_napari_viewer()
    image, labels = viewer.open(str(path), plugin='napari-wsol')
    assert viewer.layers.index(labels) > viewer.layers.index(image)
    # Row 1, column 3 of the labels: level-0 pixels 24-31 and 32-39.
    for place, value in (((24, 32), 2), ((31, 39), 2), ((23, 32), 1)):
        world = image.data_to_world(place)
        assert labels.get_value(world, world=True) == value
    shown = labels.colormap.map(np.array([0, 2]))
    assert shown[0][3] == pytest.approx(64 / 255, abs=0.01)
    np.testing.assert_allclose(
        shown[1][:3], np.array(CLASS_COLOURS[0]) / 255, atol=0.01
    )
    inside = image.data_to_world((28, 36))
    assert 'gland' in labels.get_status(inside, world=True)['value']
