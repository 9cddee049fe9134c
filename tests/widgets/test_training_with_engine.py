"""The training panel with the real engine: killed, gone on with, kept."""

from __future__ import annotations

import os
import signal
import sys

import numpy as np
import pytest
from PIL import Image

from napari_wsol.projects import lineage
from napari_wsol.projects.project import Project
from napari_wsol.widgets.session import session_of
from napari_wsol.widgets.training_panel import TrainingPanel

pytestmark = [pytest.mark.viewer, pytest.mark.slow]

PATIENCE_MS = 240_000

TINY = {
    'method': 'cam',
    'encoder': 'test_efficientnet',
    'weights': 'random',
    'crop': '64',
    'margin': '0',
    'batch': '2',
    'epochs': '12',
    'mpp': '1.0',
    'device': 'cpu',
    'precision': 'float32',
    'threads': '1',
}


@pytest.fixture
def images(tmp_path):
    """Six images of as many patients, dark and light."""
    generator = np.random.default_rng(0)
    paths = [tmp_path / f'p{number}.png' for number in range(6)]
    for number, path in enumerate(paths):
        pixels = generator.integers(80, 120, (64, 64, 3), np.uint8)
        Image.fromarray(pixels + np.uint8(60 * (number % 2))).save(path)
    return paths


@pytest.fixture
def project(tmp_path, images):
    with Project.create(
        tmp_path / 'project', classes=['dark', 'light']
    ) as project:
        keys = project.add_images(images, mpp=1.0)
        project.set_label(keys[::2], 'dark')
        project.set_label(keys[1::2], 'light')
        yield project


@pytest.mark.skipif(sys.platform == 'win32', reason='POSIX signals')
def test_a_training_outlives_its_engine_and_is_kept(
    make_napari_viewer, project, images, qtbot
):
    viewer = make_napari_viewer()
    viewer.open(images[0], plugin='napari')
    session = session_of(viewer)
    panel = TrainingPanel(viewer, session)
    viewer.window.add_dock_widget(panel, name='Train')
    panel.set_project(project)
    for name, text in TINY.items():
        panel.setup.form.enter(name, text)
    assert panel.setup.form.problem == ''

    def wait(condition) -> None:
        qtbot.waitUntil(lambda: bool(condition()), timeout=PATIENCE_MS)

    wait(panel.setup._start.isEnabled)
    panel.train()
    wait(lambda: panel.learning.curves.names or not panel.is_training)
    assert panel.is_training, panel.outcome.text
    os.kill(session.client.trainer.pid, signal.SIGKILL)
    wait(lambda: not panel.is_training)
    assert 'go on with it below' in panel.outcome.text
    (run,) = (row.objectName() for row in panel.unfinished.rows)
    panel.resume(run)
    wait(lambda: 'Learning: p0' in viewer.layers or not panel.is_training)
    wait(lambda: not panel.is_training)
    assert panel.promotion.is_open, panel.outcome.text
    wait(lambda: not panel.is_looking)
    assert [layer.name for layer in viewer.layers] == ['p0', 'After: p0']
    for layer in viewer.layers:
        np.testing.assert_allclose(
            layer.data_to_world((-0.5, -0.5)), (-0.5, -0.5)
        )
    panel.promotion.keep('first')
    (version,) = lineage.versions(project)
    assert project.parent == version.path
    assert not list((project.folder / 'runs').iterdir())
    assert 'torch' not in sys.modules
