"""Where things are kept: environment, then preference, then the usual."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_wsol.settings import cache_folder, models_folder


@pytest.mark.parametrize(
    ('folder', 'variable'),
    [
        (models_folder, 'NAPARI_WSOL_MODELS'),
        (cache_folder, 'NAPARI_WSOL_CACHE'),
    ],
)
def test_the_first_that_is_set_counts(folder, variable, monkeypatch):
    monkeypatch.setenv(variable, '/told')
    assert folder('/chosen') == Path('/told')
    monkeypatch.setenv(variable, '  ')
    assert folder(' /chosen ') == Path('/chosen')
    assert folder('~/mine') == Path.home() / 'mine'
    assert 'napari-wsol' in folder().parts


def test_models_and_cache_are_apart(monkeypatch):
    monkeypatch.delenv('NAPARI_WSOL_MODELS')
    monkeypatch.delenv('NAPARI_WSOL_CACHE')
    assert models_folder() != cache_folder()
