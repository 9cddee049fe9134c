"""What is hidden when another image is flown to, and comes back with it."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_wsol.widgets.flying import show_only
from napari_wsol.widgets.overlays import METADATA

pytestmark = pytest.mark.viewer

FLAT = np.zeros((8, 8))


@pytest.fixture
def viewer(qapp):
    """All of a viewer but its window."""
    return ViewerModel()


@pytest.fixture
def images(viewer):
    return [viewer.add_image(FLAT, name=name) for name in 'ab']


def result_of(viewer, image):
    facts = {'role': 'mask', 'source_id': str(image.unique_id)}
    return viewer.add_image(FLAT, metadata={METADATA: facts})


def test_results_go_and_come_back_with_their_image(viewer, images):
    one, other = images
    shown, hidden = result_of(viewer, one), result_of(viewer, one)
    hidden.visible = False
    users = viewer.add_points(np.zeros((1, 2)))
    show_only(viewer, other)
    assert other.visible
    assert users.visible
    assert not one.visible
    assert not shown.visible
    show_only(viewer, one)
    assert one.visible
    assert shown.visible
    assert not hidden.visible


def test_what_the_user_hides_afterwards_stays_hidden(viewer, images):
    one, other = images
    result = result_of(viewer, one)
    for image in (other, one):
        show_only(viewer, image)
    result.visible = False
    for image in (other, one):
        show_only(viewer, image)
    assert not result.visible


def test_in_a_grid_nothing_is_hidden(viewer, images):
    result = result_of(viewer, images[0])
    viewer.canvas.grid.enabled = True
    show_only(viewer, images[1])
    assert all(layer.visible for layer in (*images, result))
