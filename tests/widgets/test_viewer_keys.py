"""Whose keys they are."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QWidget

from napari_wsol.widgets.viewer_keys import ViewerKeys

pytestmark = pytest.mark.viewer


@pytest.fixture
def viewer(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    viewer.add_image(np.zeros((8, 8, 3), np.uint8))
    viewer.window._qt_window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is not None)
    return viewer


def form(viewer, heard, name):
    owner = QWidget()
    viewer.window.add_dock_widget(owner, name=name)
    return ViewerKeys(viewer, owner, {'A': lambda: heard.append(name)})


def press(viewer, qtbot):
    canvas = viewer.window._qt_viewer.canvas.native
    canvas.setFocus()
    qtbot.keyClick(canvas, Qt.Key.Key_A)


def test_the_form_that_listened_last_has_the_keys(viewer, qtbot):
    heard = []
    first, second = (form(viewer, heard, name) for name in ('one', 'two'))
    first.listen(True)
    press(viewer, qtbot)
    second.listen(True)
    press(viewer, qtbot)
    second.listen(False)
    press(viewer, qtbot)
    first.listen(False)
    press(viewer, qtbot)
    assert heard == ['one', 'two', 'one']
    first.leave()
    second.leave()


def test_who_paints_another_layer_keeps_the_keys(viewer, qtbot):
    heard = []
    keys = form(viewer, heard, 'one')
    keys.listen(True)
    viewer.add_labels(np.zeros((8, 8), int))
    press(viewer, qtbot)
    assert heard == []
    viewer.layers.selection.active = viewer.layers[0]
    press(viewer, qtbot)
    assert heard == ['one']
    keys.leave()
