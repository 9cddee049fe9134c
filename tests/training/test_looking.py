"""One look of a network that has learned nothing."""

import numpy as np
import pytest
from tiny_project import make_model, write_image

from napari_wsol.slides.geometry import Box
from napari_wsol.training import looking
from napari_wsol.training.looking import look_at, map_of, within_reach
from napari_wsol.training.views import opened


@pytest.fixture(scope='module')
def model():
    return make_model()


@pytest.fixture(scope='module')
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp('image') / 'image.png'
    return write_image(path, stripes=True)


def test_a_look_tells_classes_entropies_and_a_map(model, image):
    box = Box(8, 16, 64, 32)
    look = look_at(model, image, 1.0, box)
    assert sum(look.probabilities) == pytest.approx(1)
    assert look.map.shape == (8, 4)
    assert look.marked == pytest.approx((look.map >= 0.5).mean())
    assert look.features.ndim == 1
    for value in (
        look.entropy,
        look.entropy_foreground,
        look.entropy_background,
    ):
        assert 0 <= value <= 1
    found, area = map_of(model, image, 1.0, box)
    np.testing.assert_array_equal(found, look.map)
    assert area == box


def test_what_is_too_large_for_one_piece_is_run_over(
    model, image, monkeypatch
):
    monkeypatch.setattr(looking, 'LARGEST_LOOK', 64 * 64)
    look = look_at(model, image, 1.0)
    assert look.map is None
    assert sum(look.probabilities) == pytest.approx(1)
    slide = opened(image, 1.0)
    middle = within_reach(slide, Box(-50, 0, 300, 96), 1.0)
    assert middle == Box(16, 16, 64, 64)
