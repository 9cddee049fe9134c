import napari
import pytest

from napari_wsol.cli import demonstration, main
from napari_wsol.engine.messages import PredictRequest
from napari_wsol.widgets.session import session_of

pytestmark = pytest.mark.viewer


def test_demo_opens_the_sample_and_runs_the_model(
    make_napari_viewer, own_model, client, monkeypatch, qtbot
):
    viewer = make_napari_viewer()
    session_of(viewer, client)
    monkeypatch.setattr(demonstration, 'can_show_a_viewer', lambda: True)
    monkeypatch.setattr(demonstration, 'DEFAULT_MODEL', str(own_model))
    monkeypatch.setattr(napari, 'Viewer', lambda: viewer)
    monkeypatch.setattr(napari, 'run', lambda: None)
    assert main(['demo']) == 0
    names = [layer.name for layer in viewer.layers if layer.visible]
    assert names[0] == 'synthetic H&E'
    assert 'gland mask (truth)' not in names
    assert any('napari-wsol' in name for name in viewer.window.dock_widgets)
    qtbot.waitUntil(
        lambda: any(isinstance(r, PredictRequest) for r in client.requests)
    )
