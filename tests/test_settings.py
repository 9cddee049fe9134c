"""Where things are kept: environment, then preference, then the usual."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_wsol.settings import (
    cache_folder,
    models_folder,
    reviews_folder,
)


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


def test_models_reviews_and_cache_are_apart(monkeypatch):
    monkeypatch.delenv('NAPARI_WSOL_MODELS')
    monkeypatch.delenv('NAPARI_WSOL_REVIEWS')
    monkeypatch.delenv('NAPARI_WSOL_CACHE')
    assert len({models_folder(), reviews_folder(), cache_folder()}) == 3


def test_reviews_may_be_kept_elsewhere(monkeypatch):
    monkeypatch.setenv('NAPARI_WSOL_REVIEWS', '/told')
    assert reviews_folder() == Path('/told')
