"""Which labelled fields look alike to an encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_wsol.errors import BadInputError, PixelSizeError
from napari_wsol.inference import nearest
from napari_wsol.inference.nearest import mean_features, nearest_fields
from napari_wsol.models.loading import LoadedModel
from napari_wsol.projects.items import Item
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.opening import open_slide
from napari_wsol.slides.pixel_size import PixelSize

from .conftest import exhaust

FIELD = Box(64, 64, 96, 96)


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """Blue, red and green tissue, 256 px."""
    rng = np.random.default_rng(0)
    paths = []
    for name, channel in (('blue', 2), ('red', 0), ('green', 1)):
        pixels = rng.integers(60, 160, (256, 256, 3), np.uint8)
        pixels[..., channel] += 90
        paths.append(tmp_path / f'{name}.png')
        Image.fromarray(pixels).save(paths[-1])
    return paths


@pytest.fixture
def items(images: list[Path]) -> list[Item]:
    """A field of each and, of the first, the whole; at 0.5 µm."""
    fields = [
        Item(f'i{number}', path, FIELD, path.stem, mpp=0.5, when=str(number))
        for number, path in enumerate(images)
    ]
    whole = Item('i8', images[0], None, 'whole', mpp=0.5, when='8')
    silent = Item('i9', images[0], Box(0, 0, 64, 64), mpp=0.5)
    return [*fields, whole, silent]


def asked(image, box, model, items, count=9):
    slide = open_slide(image, PixelSize(0.5, 0.5, 'a test'))
    _, (found, compared) = exhaust(
        nearest_fields(slide, box, model, items, count=count, device='cpu')
    )
    return found, compared


def test_the_nearest_field_of_one_is_itself(model, images, items):
    for image in images:
        found, compared = asked(image, FIELD, model, items)
        assert compared == len(found) == 4
        first = found[0]
        assert (first.image, first.box) == (str(image), FIELD)
        assert first.label == image.stem
        assert first.similarity == pytest.approx(1)
        told = [each.similarity for each in found]
        assert told == sorted(told, reverse=True)
        assert told[1] < 0.99999


def test_what_looks_alike_is_near(model, images, items):
    found, _ = asked(images[0], Box(10, 140, 80, 100), model, items, count=2)
    assert {each.label for each in found} == {'blue', 'whole'}
    assert next(e for e in found if e.label == 'whole').box is None


def test_features_have_length_one_whatever_the_size(model, images):
    slide = open_slide(images[0], PixelSize(0.5, 0.5, 'a test'))
    for box in (Box(100, 100, 3, 200), slide.box, Box(250, 250, 20, 20)):
        features = mean_features(slide, box, model)
        assert np.linalg.norm(features) == pytest.approx(1)


def test_features_are_computed_once(model, images, items, monkeypatch):
    seen = []

    def counting(slide, box, model):
        seen.append(box)
        return mean_features(slide, box, model)

    monkeypatch.setattr(nearest, 'mean_features', counting)
    first = asked(images[1], FIELD, model, items)
    assert len(seen) == 5
    again = asked(images[1], FIELD, model, items)
    assert len(seen) == 6
    assert first == again
    other = LoadedModel(model.card, model.network, 'b' * 64)
    asked(images[1], FIELD, other, items)
    assert len(seen) == 11


def test_what_cannot_be_read_is_left_out(model, images, items):
    images[1].unlink()
    images[2].write_text('no image')
    found, compared = asked(images[0], FIELD, model, items)
    assert compared == 2
    assert {each.label for each in found} == {'blue', 'whole'}


def test_only_the_latest_are_compared(model, images, items, monkeypatch):
    monkeypatch.setattr(nearest, 'MOST_COMPARED', 2)
    found, compared = asked(images[0], FIELD, model, items)
    assert compared == 2
    assert {each.label for each in found} == {'green', 'whole'}


def test_without_labels_there_is_nothing_to_compare(model, images, items):
    assert asked(images[0], FIELD, model, items[-1:]) == ((), 0)


def test_an_area_must_be_in_an_image_of_known_pixel_size(model, images, items):
    with pytest.raises(BadInputError, match=r'outside "blue\.png"'):
        asked(images[0], Box(300, 0, 9, 9), model, items)
    slide = open_slide(images[0])
    with pytest.raises(PixelSizeError, match='not known'):
        exhaust(nearest_fields(slide, FIELD, model, items, count=1))
