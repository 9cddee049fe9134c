"""Small pictures, made in the background and kept in a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.thumbnails import SIDE, Thumbnails

pytestmark = pytest.mark.viewer


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image of 100 x 200 px, its right half red."""
    pixels = np.full((100, 200, 3), 200, np.uint8)
    pixels[:, 100:] = (200, 0, 0)
    Picture.fromarray(pixels).save(tmp_path / 'image.png')
    return tmp_path / 'image.png'


@pytest.fixture
def thumbnails(qapp, tmp_path):
    thumbnails = Thumbnails()
    thumbnails.set_folder(tmp_path / 'kept')
    yield thumbnails
    thumbnails.close()


def picture(thumbnails, qtbot, *wish):
    if thumbnails.get(*wish) is None:
        with qtbot.waitSignal(thumbnails.changed):
            pass
    return thumbnails.get(*wish)


def test_an_image_and_a_field_have_their_pictures(thumbnails, qtbot, image):
    whole = picture(thumbnails, qtbot, image, None)
    assert (whole.height(), whole.width()) == (SIDE // 2, SIDE)
    field = picture(thumbnails, qtbot, image, Box(0, 100, 50, 50))
    assert (field.height(), field.width()) == (SIDE, SIDE)
    colour = field.toImage().pixelColor(40, 40)
    assert colour.red() > 150
    assert colour.green() < 60


def test_pictures_are_kept_in_the_folder(thumbnails, qtbot, image, tmp_path):
    picture(thumbnails, qtbot, image, None)
    (kept,) = (tmp_path / 'kept').iterdir()
    assert kept.suffix == '.jpg'
    image.unlink()
    thumbnails.set_folder(tmp_path / 'kept')
    assert picture(thumbnails, qtbot, image, None) is not None


def test_what_cannot_be_read_has_no_picture(thumbnails, qtbot, tmp_path):
    assert picture(thumbnails, qtbot, tmp_path / 'gone.png', None) is None
    assert not (tmp_path / 'kept').exists()


def test_old_wishes_are_forgotten_for_new_ones(thumbnails, qtbot, image):
    for x in range(300):
        thumbnails.get(image, Box(0, x / 4, 50, 50))
    assert len(thumbnails._wishes) <= 200
