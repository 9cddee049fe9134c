"""The user's choices in napari's Preferences, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari.settings import get_plugin_settings

from napari_wsol.settings import cache_folder, models_folder

__all__ = ['Preferences', 'read_preferences']

PLUGIN = 'napari-wsol'


@dataclass(frozen=True)
class Preferences:
    """What the manifest's ``configurations`` ask for, resolved.

    Parameters
    ----------
    device
        ``auto``, ``cuda``, ``mps`` or ``cpu``.
    models
        Folder with the user's models.
    cache
        Folder for maps while they are shown.
    """

    device: str
    models: Path
    cache: Path


def read_preferences() -> Preferences:
    """The preferences as they are now.

    Where napari does not know the plugin (a widget made by hand, without
    plugins), the defaults hold.
    """
    try:
        settings = get_plugin_settings(PLUGIN)
    except KeyError:
        return Preferences('auto', models_folder(), cache_folder())
    return Preferences(
        settings.computing.device,
        models_folder(settings.folders.models),
        cache_folder(settings.folders.cache),
    )
