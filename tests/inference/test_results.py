"""The card and the picture of a result."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_wsol.errors import BadInputError, WsolError
from napari_wsol.inference.inmemory import probability_of
from napari_wsol.inference.picture import render, save_picture
from napari_wsol.inference.predicting import predict
from napari_wsol.inference.results import read_card, write_card
from napari_wsol.inference.settings import Prediction, PredictionSettings
from napari_wsol.models.loading import LoadedModel
from napari_wsol.slides.arrays import ArraySlide

from .conftest import exhaust

EVERYWHERE = PredictionSettings(tissue_only=False, precision='float32')


@pytest.fixture
def prediction(
    slide: ArraySlide, tiny_model: LoadedModel, tmp_path: Path
) -> Prediction:
    store = tmp_path / 'test.zarr'
    return exhaust(predict(slide, tiny_model, store, EVERYWHERE))[1]


def test_card_comes_back_as_it_was(
    prediction: Prediction, tmp_path: Path
) -> None:
    path = tmp_path / 'test.json'
    write_card(path, prediction)
    assert read_card(path) == prediction
    assert not list(tmp_path.glob('*.partial'))


def test_card_names_no_folder(prediction: Prediction, tmp_path: Path) -> None:
    path = tmp_path / 'test.json'
    write_card(path, prediction)
    text = path.read_text()
    assert str(tmp_path) not in text
    entries = json.loads(text)
    assert list(entries['class_probabilities']) == list(prediction.classes)
    assert entries['mpp_source'] == 'a test'
    assert {'torch', 'zarr'} <= entries['versions'].keys()


def test_card_from_before_fields_is_read(
    prediction: Prediction, tmp_path: Path
) -> None:
    path = tmp_path / 'test.json'
    write_card(path, prediction)
    entries = json.loads(path.read_text())
    assert entries['top_probabilities'].keys() == set(prediction.classes)
    for name in ('n_fields', 'n_top_fields', 'top_probabilities'):
        del entries[name]
    path.write_text(json.dumps(entries))
    assert read_card(path) == replace(
        prediction, n_fields=0, n_top_fields=0, top_probabilities=None
    )


@pytest.mark.parametrize(
    'text', ['', '[]', '{"format_version": 9}', '{"format_version": 1}']
)
def test_damaged_card_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / 'bad.json'
    path.write_text(text)
    with pytest.raises(BadInputError, match=r'bad\.json'):
        read_card(path)


def test_card_in_no_folder_cannot_be_written(
    prediction: Prediction, tmp_path: Path
) -> None:
    with pytest.raises(WsolError, match='cannot be written'):
        write_card(tmp_path / 'nowhere' / 'test.json', prediction)


def test_picture_shows_four_panels_with_legends(
    slide: ArraySlide, prediction: Prediction, tmp_path: Path
) -> None:
    save_picture(tmp_path / 'a.png', slide, prediction)
    assert (tmp_path / 'a.png').stat().st_size > 1000

    pixels = np.asarray(render(slide, prediction, panel=200))
    height, width = 120, 200
    panels = [
        pixels[28 : 28 + height, 16 + k * 216 : 16 + k * 216 + width]
        for k in range(4)
    ]
    np.testing.assert_array_equal(
        panels[0], slide.read_resized(slide.box, height, width)
    )
    assert all(panel.std() > 5 for panel in panels)
    assert (pixels[-60:] != 255).any()


def test_maps_in_memory_are_those_of_the_store(
    slide: ArraySlide, tiny_model: LoadedModel, prediction: Prediction
) -> None:
    probability, result = probability_of(slide, tiny_model, EVERYWHERE)
    assert probability.shape == (38, 63)
    assert (probability >= 0.5).mean() == prediction.foreground_fraction
    same = {'store': '', 'seconds': 0.0}
    assert replace(result, **same) == replace(prediction, **same)


def test_cards_and_pictures_load_no_torch() -> None:
    code = (
        'import sys, napari_wsol.inference.results, '
        'napari_wsol.inference.picture; assert "torch" not in sys.modules'
    )
    subprocess.run([sys.executable, '-c', code], check=True)
