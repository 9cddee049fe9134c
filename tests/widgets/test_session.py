"""One engine per viewer, for as long as widgets use it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from qtpy.QtWidgets import QWidget

from napari_wsol.widgets import session
from napari_wsol.widgets.preferences import Preferences
from napari_wsol.widgets.session import Session, session_of


class Viewer:
    """Can be referred to weakly, as napari's can."""


@pytest.fixture
def ours(client, tmp_path):
    return Session(client, Preferences('auto', tmp_path, tmp_path / 'cache'))


def test_the_engine_lives_while_widgets_do(qtbot, ours, client):
    one, two = QWidget(), QWidget()
    farewells = []
    ours.attach(one, lambda: farewells.append('one'))
    ours.attach(two, lambda: farewells.append('two'))
    assert client.started == 1
    scratch = ours.scratch
    (scratch / 'a.npz').touch()
    one.deleteLater()
    qtbot.waitUntil(lambda: farewells == ['one'])
    assert client.closed == 0
    two.deleteLater()
    qtbot.waitUntil(lambda: client.closed == 1)
    qtbot.waitUntil(lambda: not scratch.exists())
    assert farewells == ['one', 'two']
    assert ours.ended


def test_maps_of_a_viewer_that_died_are_removed(qtbot, ours, monkeypatch):
    cache = ours.preferences.cache
    dead = subprocess.Popen([sys.executable, '-c', ''])
    dead.wait()
    prefix = session._prefix()
    left = cache / f'{prefix}{dead.pid}-abc'
    alive = cache / f'{prefix}{os.getppid()}-abc'
    elsewhere = cache / f'viewer-another-computer-{dead.pid}-abc'
    for folder in (left, alive, elsewhere):
        folder.mkdir(parents=True)
    widget = QWidget()
    qtbot.addWidget(widget)
    ours.attach(widget, lambda: None)
    assert not left.exists()
    assert alive.exists()
    assert elsewhere.exists()


@pytest.mark.usefixtures('plugin_settings')
def test_a_viewer_has_one_session_at_a_time(client):
    viewer, other = Viewer(), Viewer()
    first = session_of(viewer, client)
    assert session_of(viewer) is first
    assert session_of(other, client) is not first
    first.ended = True
    assert session_of(viewer, client) is not first
