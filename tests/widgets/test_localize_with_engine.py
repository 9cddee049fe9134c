"""The Localize widget with its engine and the bundled model."""

from __future__ import annotations

import os
import signal
import sys

import numpy as np
import pytest

from napari_wsol.errors import WsolError
from napari_wsol.models.library import DEFAULT_MODEL, find_model
from napari_wsol.widgets.localize import LocalizeWidget
from napari_wsol.widgets.overlays import is_overlay

pytestmark = [pytest.mark.viewer, pytest.mark.slow]

PATIENCE_MS = 240_000


@pytest.fixture(autouse=True)
def _bundled_model():
    try:
        find_model(DEFAULT_MODEL)
    except WsolError as error:
        pytest.skip(str(error))


def test_a_crash_of_the_engine_costs_the_job_only(
    make_napari_viewer, tissue, qtbot
):
    viewer = make_napari_viewer()
    image = np.kron(tissue, np.ones((8, 8, 1), np.uint8))
    layer = viewer.add_image(image, scale=(1, 1), units='um', rotate=20)
    widget = LocalizeWidget(viewer)
    viewer.window.add_dock_widget(widget, name='Localize')
    widget.model.use(DEFAULT_MODEL)
    widget.panel.tissue_only = False
    qtbot.waitUntil(lambda: widget.engine_is_ready, timeout=PATIENCE_MS)
    engine = widget._session.client
    qtbot.wait(1000)  # until it was asked for earlier results
    qtbot.waitUntil(
        lambda: widget._earlier.running.job is None, timeout=PATIENCE_MS
    )
    os.kill(engine.pid, signal.SIGSTOP)
    widget.run()
    qtbot.wait(2000)  # until the request is on its way
    os.kill(engine.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: not widget.is_running, timeout=PATIENCE_MS)
    assert widget.panel._button.text() == 'Run'
    assert 'ended' in widget.panel._message.text()
    assert not any(map(is_overlay, viewer.layers))
    widget.run()
    qtbot.waitUntil(lambda: not widget.is_running, timeout=PATIENCE_MS)
    found = list(filter(is_overlay, viewer.layers))
    assert len(found) == 4
    for each in found:
        corner = each.data_to_world((-0.5, -0.5))
        np.testing.assert_allclose(
            corner, layer.data_to_world((-0.5, -0.5)), atol=1e-9
        )
    assert 'torch' not in sys.modules
