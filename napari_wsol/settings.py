"""Where models, reviews and intermediate results are kept on this machine.

The environment variables ``NAPARI_WSOL_MODELS``, ``NAPARI_WSOL_REVIEWS`` and
``NAPARI_WSOL_CACHE`` go before the user's preference, which goes before the
platform's usual place.
"""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

__all__ = ['cache_folder', 'models_folder', 'reviews_folder']

MODELS_VARIABLE = 'NAPARI_WSOL_MODELS'
REVIEWS_VARIABLE = 'NAPARI_WSOL_REVIEWS'
CACHE_VARIABLE = 'NAPARI_WSOL_CACHE'

_APP = 'napari-wsol'


def models_folder(preference: str = '') -> Path:
    """The user's own models, one folder each; it need not exist yet.

    Parameters
    ----------
    preference
        What the user chose in napari's preferences; empty for the default.
    """
    return _chosen(MODELS_VARIABLE, preference) or (
        user_data_path(_APP, appauthor=False) / 'models'
    )


def reviews_folder() -> Path:
    """What was decided on regions, one file per image; need not exist yet."""
    return _chosen(REVIEWS_VARIABLE, '') or (
        user_data_path(_APP, appauthor=False) / 'reviews'
    )


def cache_folder(preference: str = '') -> Path:
    """Where results live while the viewer shows them; need not exist yet.

    Parameters
    ----------
    preference
        What the user chose in napari's preferences; empty for the default.
    """
    return _chosen(CACHE_VARIABLE, preference) or user_cache_path(
        _APP, appauthor=False
    )


def _chosen(variable: str, preference: str) -> Path | None:
    for value in (os.environ.get(variable, ''), preference):
        if value.strip():
            return Path(value.strip()).expanduser()
    return None
