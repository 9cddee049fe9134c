"""The Localize widget in a real viewer, with a stand-in for the engine."""

from __future__ import annotations

import numpy as np
import pytest

from napari_wsol.engine.messages import Cancelled, Failed
from napari_wsol.inference.settings import Progress
from napari_wsol.widgets.localize import LocalizeWidget
from napari_wsol.widgets.overlays import METADATA, is_overlay

pytestmark = pytest.mark.viewer

MICRONS = {'scale': (0.5, 0.5), 'units': 'um'}


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def open_widget(viewer, client, own_model, qtbot):
    """Docks the widget, waits for the engine's devices."""

    def open_it() -> LocalizeWidget:
        widget = LocalizeWidget(viewer, client)
        viewer.window.add_dock_widget(widget, name='Localize')
        widget.model.use('tiny')
        return widget

    return open_it


def overlays(viewer):
    return {
        layer.metadata[METADATA]['role']: layer
        for layer in viewer.layers
        if is_overlay(layer)
    }


def run(widget, viewer, qtbot):
    """Press Run and wait for the layers."""
    widget.panel._button.click()
    qtbot.waitUntil(lambda: widget.panel._button.text() == 'Run')


def test_a_run_shows_three_layers(open_widget, viewer, tissue, qtbot):
    viewer.add_image(tissue, name='tissue', **MICRONS)
    widget = open_widget()
    run(widget, viewer, qtbot)
    found = overlays(viewer)
    assert set(found) == {'mask', 'probability', 'entropy'}
    for role in ('probability', 'entropy'):
        assert tuple(found[role].contrast_limits) == (0, 1)
    np.testing.assert_array_equal(
        found['mask'].data, found['probability'].data >= 0.5
    )
    assert not widget.result.isHidden()
