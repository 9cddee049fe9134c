"""Activation maps of whole images: stretched once, however cut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr

from napari_wsol.errors import BadInputError
from napari_wsol.inference import class_maps
from napari_wsol.inference.inmemory import maps_of
from napari_wsol.inference.maps import MASK, PROBABILITY
from napari_wsol.inference.predicting import predict
from napari_wsol.inference.results import read_card, write_card
from napari_wsol.inference.settings import (
    Begun,
    PredictionSettings,
    Progress,
)
from napari_wsol.models.activation_maps import map_of_features, stretched
from napari_wsol.models.card import ModelCard
from napari_wsol.models.loading import LoadedModel
from napari_wsol.models.localizer import Localizer
from napari_wsol.slides.arrays import ArraySlide
from napari_wsol.slides.geometry import Box

from .conftest import exhaust, loaded, untaught

KINDS = ('cam', 'grad-cam', 'grad-cam++', 'layer-cam')

MALIGNANT = 2

MAPPED = PredictionSettings(
    tissue_only=False, precision='float32', map='grad-cam++'
)


@pytest.fixture
def model(card: ModelCard) -> LoadedModel:
    """Sees malignant everywhere; tiles of 128 px."""
    network = untaught(card)
    lean_to(network, MALIGNANT)
    small = card.model_copy(update={'tile': 128, 'halo': 96, 'threshold': 0.9})
    return loaded(small, network)


def lean_to(network: Localizer, target: int) -> None:
    """Add evidence for a class to every cell."""
    bias = network.classifier.to_modalities.bias
    assert bias is not None
    bias.data.view(len(network.classes), -1)[target] += 10


def one_pass(slide: ArraySlide, network: Localizer, kind: str) -> np.ndarray:
    """The map of the image read at once, mirrored around."""
    pixels = slide.read_level(0, 0, 0, *slide.shape)
    height, width = slide.shape
    around = ((96, 96 + -height % 32), (96, 96 + -width % 32), (0, 0))
    pixels = np.pad(pixels, around, mode='reflect')
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        features = network.encoder(images - 0.5)[-1][..., 3:-3, 3:-3]
    raw = map_of_features(network, features, MALIGNANT, kind)
    return stretched(raw)[0].numpy()


@pytest.mark.parametrize('kind', KINDS)
def test_tiles_give_what_one_pass_gives(
    slide: ArraySlide, model: LoadedModel, kind: str
) -> None:
    settings = replace(MAPPED, map=kind)
    maps, result = maps_of(slide, model, settings)
    found = maps[PROBABILITY]
    assert found.shape == (10, 16)
    assert np.abs(found - one_pass(slide, model.network, kind)).max() < 0.01
    assert (found.min(), found.max()) == (0, 1)
    np.testing.assert_array_equal(maps[MASK], found >= 0.5)
    assert (result.step_y, result.step_x) == (32, 32)
    assert (result.map, result.threshold) == (kind, 0.5)


def test_the_answer_is_the_classifiers(
    slide: ArraySlide, model: LoadedModel
) -> None:
    _, mapped = maps_of(slide, model, MAPPED)
    _, localized = maps_of(slide, model, replace(MAPPED, map='localizer'))
    assert mapped.class_probabilities == pytest.approx(
        localized.class_probabilities, abs=1e-3
    )
    assert mapped.entropy_image == pytest.approx(
        localized.entropy_image, abs=1e-3
    )
    assert mapped.entropy_foreground is not None
    assert mapped.entropy_background is not None
    assert localized.threshold == 0.9
    settings = replace(MAPPED, classify=False, threshold=0.7)
    _, bare = maps_of(slide, model, settings)
    assert bare.class_probabilities is None
    assert bare.threshold == 0.7
    assert 0 < bare.foreground_fraction < mapped.foreground_fraction


def test_a_fully_negative_image_has_an_empty_map(
    slide: ArraySlide, model: LoadedModel
) -> None:
    lean_to(model.network, 0)
    lean_to(model.network, 0)
    maps, result = maps_of(slide, model, MAPPED)
    assert not maps[PROBABILITY].any()
    assert result.foreground_fraction == 0


def test_only_what_was_asked_for_counts(
    slide: ArraySlide, model: LoadedModel
) -> None:
    asked = replace(MAPPED, boxes=(Box(0, 0, 96, 160),))
    maps, _ = maps_of(slide, model, asked)
    found = maps[PROBABILITY]
    assert (found[:3, :5].min(), found[:3, :5].max()) == (0, 1)
    assert not found[3:].any()
    assert not found[:, 5:].any()


def test_a_stopped_run_resumes_to_the_same_bits(
    slide: ArraySlide, model: LoadedModel, tmp_path: Path
) -> None:
    def start(name: str):
        return predict(
            slide,
            model,
            tmp_path / name,
            replace(MAPPED, batch=2),
            fingerprint_of_image='x',
        )

    def maps(name: str) -> np.ndarray:
        return zarr.open_array(tmp_path / name / 'probability' / '0')[:]

    events, whole = exhaust(start('whole'))
    steps = [event for event in events if isinstance(event, Progress)]
    first = [step for step in steps if step.message == 'First look']
    assert 2 * len(first) == len(steps)
    for stop_after in (1, len(first) + 2):
        name = f'stopped-{stop_after}'
        run = start(name)
        seen = 0
        while seen < stop_after:
            seen += isinstance(next(run), Progress)
        run.close()
        _, resumed = exhaust(start(name))
        np.testing.assert_array_equal(maps(name), maps('whole'))
        assert resumed.entropy_foreground == whole.entropy_foreground
    events, again = exhaust(start('whole'))
    assert [type(event) for event in events] == [Begun]
    assert again.class_probabilities == whole.class_probabilities


def test_each_map_is_a_run_of_its_own(
    slide: ArraySlide, model: LoadedModel, tmp_path: Path
) -> None:
    store = tmp_path / 'a.zarr'
    for kind in ('cam', 'layer-cam'):
        settings = replace(MAPPED, map=kind)
        _, result = exhaust(
            predict(slide, model, store, settings, fingerprint_of_image='x')
        )
        assert not result.notes
        found = zarr.open_array(store / 'probability' / '0')[:]
        expected = one_pass(slide, model.network, kind)
        assert np.abs(found - expected).max() < 0.01
    write_card(tmp_path / 'a.json', result)
    assert read_card(tmp_path / 'a.json').map == 'layer-cam'


def test_what_does_not_fit_is_refused_in_words(
    slide: ArraySlide, model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(class_maps, 'LARGEST', 1000)
    with pytest.raises(BadInputError, match=r'"test" is too large.*smaller'):
        maps_of(slide, model, MAPPED)
