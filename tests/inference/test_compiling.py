"""Compiling changes but the last bits of what a network says."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_wsol.inference import compiling, computing
from napari_wsol.inference.predicting import predict
from napari_wsol.inference.settings import PredictionSettings, Progress
from napari_wsol.models.loading import LoadedModel
from napari_wsol.slides.arrays import ArraySlide

from .conftest import exhaust

SETTINGS = PredictionSettings(tissue_only=False, precision='float32')


def maps(store: Path) -> np.ndarray:
    return zarr.open_array(store / 'probability' / '0')[:]


@pytest.mark.skipif(not shutil.which('g++'), reason='needs a C++ compiler')
def test_a_compiled_network_says_the_same(
    slide: ArraySlide,
    tiny_model: LoadedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv('TORCHINDUCTOR_CACHE_DIR', str(tmp_path / 'kernels'))
    compiling.compiled_looks.cache_clear()
    told, _ = exhaust(
        predict(
            slide,
            tiny_model,
            tmp_path / 'compiled.zarr',
            replace(SETTINGS, compiled=True, classify=False),
        )
    )
    exhaust(predict(slide, tiny_model, tmp_path / 'plain.zarr', SETTINGS))
    found, expected = (
        maps(tmp_path / name) for name in ('compiled.zarr', 'plain.zarr')
    )
    assert expected.std() > 0.01
    assert np.abs(found - expected).max() < 1e-3
    assert 'Compiling' in next(
        event.message for event in told if isinstance(event, Progress)
    )
    assert any((tmp_path / 'kernels').rglob('*.so'))


def test_what_cannot_be_compiled_runs_as_it_is(
    slide: ArraySlide,
    tiny_model: LoadedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*about: object) -> None:
        raise RuntimeError('no such header: Python.h')

    monkeypatch.setattr(
        computing,
        'compiled_looks',
        lambda: replace(compiling.PLAIN, glance=refuse),
    )
    store = tmp_path / 'a.zarr'
    settings = replace(SETTINGS, compiled=True)
    _, result = exhaust(predict(slide, tiny_model, store, settings))
    exhaust(predict(slide, tiny_model, tmp_path / 'plain.zarr', SETTINGS))
    assert [note for note in result.notes if 'Python.h' in note]
    np.testing.assert_array_equal(maps(store), maps(tmp_path / 'plain.zarr'))
    assert not zarr.open_group(store).attrs['napari_wsol']['compiled']


def test_a_run_stays_compiled_or_plain(
    slide: ArraySlide,
    tiny_model: LoadedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []
    monkeypatch.setattr(
        computing,
        'compiled_looks',
        lambda: asked.append(1) or compiling.PLAIN,
    )
    store = tmp_path / 'a.zarr'
    settings = replace(SETTINGS, batch=1)
    run = predict(
        slide,
        tiny_model,
        store,
        replace(settings, compiled=True),
        fingerprint_of_image='x',
    )
    for _ in range(6):
        next(run)
    run.close()
    assert len(asked) == 1
    exhaust(
        predict(slide, tiny_model, store, settings, fingerprint_of_image='x')
    )
    assert len(asked) == 2
