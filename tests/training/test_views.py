"""What a crop shows and what is known of its pixels."""

import numpy as np
import pytest
from PIL import Image

from napari_wsol.models.card import Normalization
from napari_wsol.slides.geometry import Box
from napari_wsol.training.augmentation import ColourJitter
from napari_wsol.training.batches import Sampler
from napari_wsol.training.table import Row
from napari_wsol.training.views import (
    LabelledField,
    View,
    make_views,
    pixel_classes,
    tissue_in,
)

CLASSES = ('background', 'benign', 'malignant')
PLAIN = Normalization(mean=(0, 0, 0), std=(1, 1, 1))
STILL = ColourJitter(0, 0, 0)


@pytest.fixture
def image(tmp_path):
    """128 px square whose colour tells the place: red = x, green = y."""
    y, x = np.mgrid[:128, :128]
    pixels = np.stack([x, y, np.full_like(x, 200)], -1).astype(np.uint8)
    path = tmp_path / 'ramp.png'
    Image.fromarray(pixels).save(path)
    return path


def test_rows_of_one_image_become_one_view(image):
    rows = (
        Row(image, 'benign', mpp=1.0),
        Row(image, 'background', field=Box(0, 0, 16, 16), mpp=1.0),
        Row(image, 'unheard of', mpp=1.0),
    )
    (view,) = make_views(rows, CLASSES, mpp=1.0, crop=64)
    assert view.label == 1
    assert view.fields == (LabelledField(Box(0, 0, 16, 16), 0),)
    assert view.region == Box(0, 0, 128, 128)


def test_fields_of_a_large_image_are_sampled_around(image):
    rows = (Row(image, 'benign', field=Box(100, 100, 8, 8), mpp=1.0),)
    (view,) = make_views(rows, CLASSES, mpp=1.0, crop=16)
    assert view.label == -1
    assert view.region == Box(96, 96, 16, 16)


def test_fields_are_painted_where_they_lie(image):
    view = View(
        image,
        1.0,
        Box(0, 0, 128, 128),
        1,
        (
            LabelledField(Box(0, 0, 32, 32), 2),
            LabelledField(Box(96, 96, 32, 32), 0),
        ),
    )
    classes = pixel_classes(view, view.region, 64, 64, [1, 2])
    assert (classes[:16, :16] == 2).all()
    assert (classes[48:, 48:] == 0).all()
    assert (classes == -1).sum() == 64 * 64 - 2 * 256


def test_fields_win_over_pseudo_labels(image, tmp_path):
    pseudo = tmp_path / 'pseudo.png'
    Image.fromarray(np.full((32, 32), 2, np.uint8)).save(pseudo)
    view = View(
        image,
        1.0,
        Box(0, 0, 128, 128),
        1,
        (LabelledField(Box(0, 0, 64, 64), 0),),
        pseudo=pseudo,
    )
    classes = pixel_classes(view, view.region, 128, 128, [1, 2])
    assert (classes[:64, :64] == 0).all()
    assert (classes[64:] == 1).all()


def test_tissue_lies_where_the_region_shows_it(tmp_path):
    pixels = np.full((64, 64, 3), (200, 120, 160), np.uint8)
    pixels[:, :32] = 245
    path = tmp_path / 'half.png'
    Image.fromarray(pixels).save(path)
    whole = View(path, None, Box(0, 0, 64, 64), 0, ())
    assert tissue_in(whole, 16, 16)[:, 10:].all()
    assert not tissue_in(whole, 16, 16)[:, :6].any()
    right = View(path, None, Box(0, 40, 64, 24), 0, ())
    assert tissue_in(right, 8, 8).all()


def test_where_no_tissue_is_found_all_counts(tmp_path):
    path = tmp_path / 'glass.png'
    Image.fromarray(np.full((64, 64, 3), 245, np.uint8)).save(path)
    view = View(path, None, Box(0, 0, 64, 64), 0, ())
    assert tissue_in(view, 8, 8).all()


def sampler(view, **changes):
    settings = {'crop': 64, 'margin': 32, 'batch': 2, 'colour': STILL}
    return Sampler([view] * 4, PLAIN, [1, 2], 1.0, **{**settings, **changes})


def test_pixels_and_their_labels_move_together(image):
    """Whatever the turn and the zoom, a field's label lies on the field."""
    view = View(
        image,
        1.0,
        Box(0, 0, 128, 128),
        1,
        (LabelledField(Box(0, 0, 128, 64), 2),),
    )
    checked = 0
    for batch in sampler(view, scale=1.3).epoch(0):
        x = (batch.images[:, 0] * 255).round()
        known = batch.pixels == 2
        assert (batch.in_field == known).all()
        assert (x[known] <= 66).all()
        checked += int(known.sum())
    assert checked > 0


def test_the_margin_carries_no_label(image):
    view = View(
        image,
        1.0,
        Box(0, 0, 128, 128),
        1,
        (LabelledField(Box(0, 0, 128, 128), 2),),
    )
    batch = next(sampler(view).epoch(0))
    assert batch.images.shape == (2, 3, 128, 128)
    assert (batch.pixels[:, 32:-32, 32:-32] == 2).all()
    assert (batch.pixels == 2).sum() == 2 * 64 * 64


def test_an_epoch_is_the_same_for_the_same_seed(image):
    view = View(image, 1.0, Box(0, 0, 128, 128), 1, ())
    first = [b.images for b in sampler(view).epoch(3)]
    again = [b.images for b in sampler(view).epoch(3)]
    other = [b.images for b in sampler(view).epoch(4)]
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert not all((a == b).all() for a, b in zip(first, other, strict=True))


def test_still_colours_stay(image):
    view = View(image, 1.0, Box(0, 0, 128, 128), 1, ())
    batch = next(sampler(view, scale=1).epoch(0))
    blue = batch.images[:, 2] * 255
    assert blue.min() > 198
    assert blue.max() < 202
