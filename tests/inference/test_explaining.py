"""Why a region was marked, of models whose reasons are known."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from napari_wsol.errors import (
    BadInputError,
    OutOfMemoryError,
    PixelSizeError,
)
from napari_wsol.inference.explaining import KINDS, MOST, crop_around, explain
from napari_wsol.inference.masking import inside_of
from napari_wsol.inference.summary import entropy
from napari_wsol.models.activation_maps import map_of_features, stretched
from napari_wsol.models.card import ModelCard, Normalization
from napari_wsol.models.loading import LoadedModel
from napari_wsol.projects.items import Item
from napari_wsol.slides.arrays import ArraySlide
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.pixel_size import PixelSize

from .conftest import exhaust, loaded

HALF = PixelSize(0.5, 0.5, 'a test')


class RedNetwork(nn.Module):
    """Says red by the mean red that it is shown; hidden pixels have none."""

    stride, class_stride, roi = 8, 32, (1,)

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer('pixel_temperature', torch.ones(()))
        self.largest_batch = 10**6

    def encoder(self, images: Tensor) -> list[Tensor]:
        return [F.avg_pool2d(images, side) for side in (8, 32)]

    def classifier(self, features: Tensor) -> Tensor:
        red = 20 * features[:, :1]
        return torch.cat([0 * red, red], 1)

    def localizer_maps(self, features: list[Tensor]) -> Tensor:
        return features[0]

    def pixel_logits(self, maps: Tensor) -> Tensor:
        red = 8 * maps[:, :1]
        return torch.cat([0 * red + 2, red], 1)

    def masked_maps(self, images: Tensor, mask: Tensor) -> Tensor:
        if len(images) > self.largest_batch:
            raise torch.OutOfMemoryError('CUDA out of memory.')
        mask = F.interpolate(mask, size=images.shape[-2:], mode='bilinear')
        return self.classifier(self.encoder(images * mask)[-1])

    def image_scores(self, maps: Tensor) -> Tensor:
        return maps.flatten(2).mean(2)

    def pool(self, cells: Tensor) -> Tensor:
        return cells.mean(0)


@pytest.fixture
def red(card: ModelCard) -> LoadedModel:
    """Works at 1 µm; nothing is what has no red."""
    black = Normalization(mean=(0, 0, 0), std=(1, 1, 1))
    changes = {
        'classes': ('background', 'red'),
        'normalization': black,
        'mpp': 1.0,
    }
    return loaded(card.model_copy(update=changes), RedNetwork())


SQUARE = shapely.box(1280, 512, 1408, 640)
"""Four cells of the red model, in level-0 pixels of 0.5 µm."""


@pytest.fixture
def spot() -> ArraySlide:
    """1,200 x 2,000 px of blue noise, a red square and some red dust."""
    rng = np.random.default_rng(0)
    pixels = np.zeros((1200, 2000, 3), np.uint8)
    pixels[..., 2] = rng.integers(0, 255, pixels.shape[:2])
    pixels[..., 0] = rng.integers(0, 4, pixels.shape[:2])
    pixels[512:640, 1280:1408, 0] = 230
    return ArraySlide('spot', [pixels], HALF)


def asked(slide: Any, model: LoadedModel, region: Any, items: Any = ()) -> Any:
    return exhaust(
        explain(slide, model, region, items, device='cpu', precision='float32')
    )


def odds(part: Any) -> float:
    """Of red against background: linear in what is shown."""
    background, red = part.probabilities
    return float(np.log(red / background))


def test_the_region_and_what_is_left_make_up_the_crop(spot, red):
    _, found = asked(spot, red, SQUARE)
    assert odds(found.whole) > odds(found.alone) > odds(found.without) > 0
    assert odds(found.alone) + odds(found.without) == pytest.approx(
        odds(found.whole), rel=1e-4
    )
    for part in (found.whole, found.alone, found.without):
        assert sum(part.probabilities) == pytest.approx(1)
        assert part.entropy == pytest.approx(
            entropy(np.array(part.probabilities))
        )


def test_holes_of_a_region_are_not_in_it(spot, red):
    hole = shapely.box(1312, 544, 1376, 608)
    _, found = asked(spot, red, SQUARE.difference(hole))
    _, full = asked(spot, red, SQUARE)
    assert odds(found.alone) == pytest.approx(0.75 * odds(full.alone), rel=0.1)
    crop = crop_around(SQUARE, spot, red)
    ring, core = (
        inside_of(each, crop) for each in (SQUARE.difference(hole), hole)
    )
    np.testing.assert_array_equal(ring + core, inside_of(SQUARE, crop))
    assert core.sum() == 32 * 32


def test_the_answer_follows_what_counts(spot, red):
    events, found = asked(spot, red, SQUARE)
    curves = found.curves
    assert len(curves.shares) == 21
    assert (np.diff(curves.deletion) < 0).all()
    assert (np.diff(curves.insertion) > 0).all()
    assert (np.diff(curves.random) > 0).all()
    whole = found.whole.probabilities[1]
    assert curves.deletion[0] == curves.insertion[-1] == curves.random[-1]
    assert curves.deletion[0] == pytest.approx(whole)
    assert curves.deletion[-1] == curves.insertion[0] == 0.5
    assert curves.deletion_area < curves.random_area < curves.insertion_area
    assert events[-1].done == events[-1].total


def test_maps_lie_where_the_evidence_is(spot, red):
    _, found = asked(spot, red, SQUARE)
    assert [kind for kind, _ in found.maps] == list(KINDS)
    for _, values in found.maps:
        assert values.dtype == np.float32
        assert (values.min(), values.max()) == (0, 1)
        y, x = np.unravel_index(values.argmax(), values.shape)
        step_y, step_x = found.step(values)
        assert (step_y, step_x) == (64, 64)
        at = shapely.Point(
            found.crop.x + (x + 0.5) * step_x,
            found.crop.y + (y + 0.5) * step_y,
        )
        assert SQUARE.buffer(32).contains(at)


def test_a_crop_is_of_bounded_size_about_the_region(spot, red):
    crop = crop_around(SQUARE, spot, red)
    assert crop.shape == (384, 384)
    assert crop.box == Box(192, 960, 768, 768)
    corner = crop_around(shapely.box(1900, 1150, 2010, 1203), spot, red)
    assert corner.box == Box(1200 - 768, 2000 - 768, 768, 768)
    wide = crop_around(shapely.box(100, 100, 1500, 200), spot, red)
    assert wide.shape == (384, MOST)
    assert wide.box == Box(0, 32, 768, 1536)
    ring = shapely.Point(1000, 600).buffer(590)
    assert crop_around(ring, spot, red).shape == (608, MOST)


def test_of_a_region_that_is_too_large_a_part_is_looked_at(red):
    pixels = np.full((32, 6000, 3), 90, np.uint8)
    slide = ArraySlide('strip', [pixels], HALF)
    bent = shapely.box(0, 0, 5900, 32)
    crop = crop_around(bent, slide, red)
    assert crop.shape == (32, MOST)
    assert crop.box.width == 2 * MOST
    _, found = asked(slide, red, bent)
    assert not found.is_whole
    _, found = asked(slide, red, shapely.box(5900, -2, 6004, 40))
    assert found.is_whole


def test_a_region_between_pixel_centres_has_one(spot, red):
    dot = shapely.box(1300.1, 600.1, 1300.2, 600.2)
    inside = inside_of(dot, crop_around(dot, spot, red))
    assert inside.sum() == 1


def test_memory_that_runs_out_halves_the_batch(spot, red):
    _, plenty = asked(spot, red, SQUARE)
    red.network.largest_batch = 1
    _, little = asked(spot, red, SQUARE)
    assert little.curves == plenty.curves
    assert little.alone == plenty.alone
    red.network.largest_batch = 0
    with pytest.raises(OutOfMemoryError, match='too little memory'):
        asked(spot, red, SQUARE)


def test_a_real_network_is_asked_as_for_foreground_and_background(
    slide, model
):
    region = shapely.box(100, 50, 240, 200)
    _, found = asked(slide, model, region)
    network = model.network
    assert found.target in ('benign', 'malignant')
    target = found.classes.index(found.target)
    assert found.whole.probabilities[target] == max(
        found.whole.probabilities[1:]
    )
    assert found.crop == Box(0, 0, 300, 384)
    pixels = slide.read_resized(found.crop, 288, 384)
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255 - 0.5
    mask = torch.from_numpy(
        inside_of(region, crop_around(region, slide, model))
    )[None, None]
    for shown, part in (
        (torch.ones_like(mask), found.whole),
        (mask, found.alone),
        (1 - mask, found.without),
    ):
        with torch.inference_mode():
            expected = network.masked_scores(image, shown).softmax(1)[0]
        np.testing.assert_allclose(part.probabilities, expected, atol=1e-4)
    with torch.inference_mode():
        hidden = network.masked_scores(image, 0 * mask).softmax(1)[0]
        features = network.encoder(image)[-1]
    assert found.curves.deletion[-1] == pytest.approx(
        float(hidden[target]), abs=1e-4
    )
    for kind, values in found.maps:
        raw = map_of_features(network, features, target, kind)
        np.testing.assert_allclose(values, stretched(raw)[0], atol=2e-3)


def test_what_has_no_region_of_interest_is_not_the_target(slide, model):
    bias = model.network.classifier.to_modalities.bias
    bias.data.view(3, -1)[0] += 20
    _, found = asked(slide, model, shapely.box(100, 50, 240, 200))
    assert found.whole.probabilities[0] > 0.99
    assert found.negative_class == 'background'
    assert found.target in ('benign', 'malignant')


def test_labelled_fields_are_told_and_all_of_it_is_small(
    slide, model, tmp_path
):
    path = tmp_path / 'field.png'
    pixels = slide.read_level(0, 0, 0, *slide.shape)
    Image.fromarray(pixels).save(path)
    items = [
        Item('i1', path, Box(50, 100, 150, 140), 'benign', mpp=0.5),
        Item('i2', path, Box(0, 300, 90, 90), 'malignant', mpp=0.5),
        Item('i3', path, Box(0, 0, 90, 90), mpp=0.5),
    ]
    region = shapely.box(100, 50, 240, 200)
    events, found = asked(slide, model, region, items)
    assert [each.label for each in found.nearest] == ['benign', 'malignant']
    assert found.nearest[0].similarity == pytest.approx(1, abs=1e-5)
    assert (found.compared, found.labelled) == (2, 2)
    assert {event.unit for event in events} == {'looks', 'fields'}
    kept = pickle.dumps(found)
    assert len(kept) < 2**20
    assert pickle.loads(kept).curves == found.curves


def test_what_cannot_be_looked_at_is_said(spot, red):
    with pytest.raises(BadInputError, match='outside the image "spot"'):
        asked(spot, red, shapely.box(3000, 0, 3010, 10))
    unknown = ArraySlide('spot', [spot.read_level(0, 0, 0, 64, 64)], None)
    with pytest.raises(PixelSizeError, match='not known'):
        asked(unknown, red, shapely.box(0, 0, 20, 20))
    anywhere = replace(red, card=red.card.model_copy(update={'mpp': None}))
    _, found = asked(unknown, anywhere, shapely.box(0, 0, 20, 20))
    assert found.crop == Box(0, 0, 64, 64)
