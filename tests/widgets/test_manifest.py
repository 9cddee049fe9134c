"""What napari is told about the plugin, and what that costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from npe2 import PluginManifest
from npe2.manifest.utils import import_python_name

import napari_wsol

MANIFEST = Path(napari_wsol.__file__).with_name('napari.yaml')


@pytest.fixture(scope='module')
def manifest() -> PluginManifest:
    return PluginManifest.from_file(MANIFEST)


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, '-c', code],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_every_python_name_can_be_imported(manifest):
    manifest.validate_imports()
    for command in manifest.contributions.commands:
        assert callable(import_python_name(command.python_name))


def test_discovering_the_plugin_imports_none_of_its_modules():
    found = python(
        'import sys\n'
        'from npe2 import PluginManager\n'
        'manager = PluginManager.instance()\n'
        'manager.discover()\n'
        "manifest = manager.get_manifest('napari-wsol')\n"
        'manager.index_npe1_adapters()\n'
        'list(manager.iter_widgets())\n'
        "print([m for m in sys.modules if m.startswith('napari_wsol.')])"
    )
    assert found.strip() == '[]'


def test_slides_of_every_kind_reach_the_reader(manifest):
    (reader,) = manifest.contributions.readers
    for suffix in ('svs', 'ndpi', 'mrxs', 'ome.tif', 'ome.zarr'):
        assert f'*.{suffix}' in reader.filename_patterns
    assert reader.accepts_directories


def test_the_widgets_are_in_the_menus(manifest):
    localize, fine_tune, review = manifest.contributions.widgets
    assert localize.display_name == 'Localize'
    assert fine_tune.display_name == 'Fine-tune'
    assert review.display_name == 'Review'
    menus = manifest.contributions.menus
    (entry,) = menus['napari/layers/segment']
    assert [item.command for item in menus[entry.submenu]] == [
        localize.command,
        fine_tune.command,
        review.command,
    ]
    (entry,) = menus['napari/layers/annotate']
    assert menus[entry.submenu][0].command == fine_tune.command
    (entry,) = menus['napari/layers/measure']
    assert menus[entry.submenu][0].command == review.command


@pytest.mark.usefixtures('plugin_settings')
def test_preferences_have_defaults_and_can_be_changed(npe2pm, tmp_path):
    from napari.settings import get_plugin_settings

    from napari_wsol.settings import models_folder
    from napari_wsol.widgets.preferences import read_preferences

    assert read_preferences().device == 'auto'
    npe2pm.register(PluginManifest.from_file(MANIFEST))
    assert read_preferences().models == models_folder()
    settings = get_plugin_settings('napari-wsol')
    settings.computing.device = 'cpu'
    assert read_preferences().device == 'cpu'
    with pytest.raises(ValueError, match='device'):
        settings.computing.device = 'abacus'


@pytest.mark.usefixtures('plugin_settings')
def test_the_environment_goes_before_the_preference(
    npe2pm, tmp_path, monkeypatch
):
    from napari.settings import get_plugin_settings

    from napari_wsol.widgets.preferences import read_preferences

    npe2pm.register(PluginManifest.from_file(MANIFEST))
    settings = get_plugin_settings('napari-wsol')
    settings.folders.models = str(tmp_path / 'chosen')
    settings.folders.cache = '~/scratch'
    monkeypatch.setenv('NAPARI_WSOL_MODELS', str(tmp_path / 'told'))
    monkeypatch.delenv('NAPARI_WSOL_CACHE')
    preferences = read_preferences()
    assert preferences.models == tmp_path / 'told'
    assert preferences.cache == Path.home() / 'scratch'
    monkeypatch.delenv('NAPARI_WSOL_MODELS')
    assert read_preferences().models == tmp_path / 'chosen'


@pytest.mark.viewer
def test_the_widget_in_a_viewer_loads_no_torch(make_napari_viewer, client):
    from napari_wsol.widgets.localize import LocalizeWidget

    viewer = make_napari_viewer()
    widget = LocalizeWidget(viewer, client)
    viewer.window.add_dock_widget(widget, name='Localize')
    assert not {'torch', 'timm', 'torchvision'} & set(sys.modules)
