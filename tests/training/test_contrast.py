"""The main contrast of a tissue, and which side of it is marked."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from napari_wsol.models.card import Architecture, Normalization
from napari_wsol.models.localizer import Localizer
from napari_wsol.slides.geometry import Box
from napari_wsol.training.contrast import largest_share, mark_by_contrast
from napari_wsol.training.scanning import Scanner
from napari_wsol.training.views import LabelledField, View

SIDE = 256


def islands(rng, ground, island):
    """An image of textured discs on a ground, and where the discs are."""
    y, x = np.mgrid[:SIDE, :SIDE]
    mask = np.zeros((SIDE, SIDE), bool)
    for cy in (48, 128, 208):
        for cx in (48, 128, 208):
            near = rng.integers(-8, 9, 2)
            mask |= (y - cy - near[0]) ** 2 + (x - cx - near[1]) ** 2 < 30**2
    pixels = np.where(mask[..., None], island, ground).astype(np.int64)
    pixels = pixels + rng.integers(-15, 16, (SIDE, SIDE, 1))
    return pixels.clip(0, 255).astype(np.uint8), mask


def localizer(classes, negative_class=None):
    torch.manual_seed(0)
    architecture = Architecture(
        encoder='test_efficientnet',
        neck='map',
        stride=8,
        modalities=1,
        pixel_head='softmax',
    )
    return Localizer(architecture, classes, negative_class).eval()


@pytest.fixture
def network():
    return localizer(('a', 'b'))


@pytest.fixture
def scanner():
    normalization = Normalization(mean=(0.5,) * 3, std=(0.5,) * 3)
    return Scanner(normalization, None, margin=32)


@pytest.mark.parametrize('swapped', [False, True])
def test_islands_are_marked_whatever_their_colour(
    network, scanner, tmp_path, swapped
):
    rng = np.random.default_rng(0)
    colours = [(220, 160, 200), (90, 50, 130)]
    ground, island = reversed(colours) if swapped else colours
    views, masks = [], []
    for number in range(4):
        pixels, mask = islands(rng, ground, island)
        path = tmp_path / f'{number}.png'
        Image.fromarray(pixels).save(path)
        views.append(View(path, None, Box(0, 0, SIDE, SIDE), number % 2, ()))
        masks.append(mask)
    contrast = mark_by_contrast(network, scanner, views)
    assert contrast.marked_connected < contrast.rest_connected
    for scan, mask in zip(scanner.scan(network, views), masks, strict=True):
        marked = np.kron(1 - scan.pixel[0], np.ones((8, 8)))
        assert marked[mask].mean() > marked[~mask].mean() + 0.2
    again = mark_by_contrast(network, scanner, views)
    assert torch.equal(contrast.weight, again.weight)


def test_what_varies_most_need_not_be_the_contrast(network, scanner, tmp_path):
    """Here it is the light, from one side to the other: no side is islands."""
    rng = np.random.default_rng(0)
    views, masks = [], []
    for number in range(4):
        pixels, mask = islands(rng, (200, 160, 190), (200, 120, 210))
        light = np.linspace(0.3, 1, SIDE)[:, None, None]
        path = tmp_path / f'{number}.png'
        Image.fromarray((pixels * light).astype(np.uint8)).save(path)
        views.append(View(path, None, Box(0, 0, SIDE, SIDE), number % 2, ()))
        masks.append(mask)
    mark_by_contrast(network, scanner, views)
    for scan, mask in zip(scanner.scan(network, views), masks, strict=True):
        marked = np.kron(1 - scan.pixel[0], np.ones((8, 8)))
        assert marked[mask].mean() > marked[~mask].mean() + 0.2


def test_fully_negative_images_tell_which_side_is_marked(scanner, tmp_path):
    """Here the connected ground is the region, and bare discs are not."""
    network = localizer(('none', 'a', 'b'), 'none')
    rng = np.random.default_rng(0)
    views, masks = [], []
    for number in range(4):
        pixels, mask = islands(rng, (220, 160, 200), (90, 50, 130))
        if number < 2:
            pixels[:] = (90, 50, 130)
            pixels += rng.integers(0, 15, pixels.shape, np.uint8)
        path = tmp_path / f'{number}.png'
        Image.fromarray(pixels).save(path)
        label = 0 if number < 2 else number - 1
        views.append(View(path, None, Box(0, 0, SIDE, SIDE), label, ()))
        masks.append(mask)
    mark_by_contrast(network, scanner, views)
    scans = list(scanner.scan(network, views))
    for scan, mask in zip(scans[2:], masks[2:], strict=True):
        assert scan.pixel.shape[0] == 3
        marked = np.kron(1 - scan.pixel[0], np.ones((8, 8)))
        assert marked[~mask].mean() > marked[mask].mean() + 0.2


def test_fully_negative_fields_tell_which_side_is_marked(scanner, tmp_path):
    """One field on a disc says that discs are no region."""
    network = localizer(('none', 'a', 'b'), 'none')
    rng = np.random.default_rng(0)
    pixels, mask = islands(rng, (220, 160, 200), (90, 50, 130))
    path = tmp_path / 'one.png'
    Image.fromarray(pixels).save(path)
    fields = (LabelledField(Box(112, 112, 32, 32), 0),)
    view = View(path, None, Box(0, 0, SIDE, SIDE), 1, fields)
    for number, expected in ((0, False), (1, True)):
        field = replace(fields[0], label=number)
        mark_by_contrast(network, scanner, [replace(view, fields=(field,))])
        (scan,) = scanner.scan(network, [view])
        marked = np.kron(1 - scan.pixel[0], np.ones((8, 8)))
        found = marked[mask].mean() > marked[~mask].mean()
        assert bool(found) is expected


def test_the_axis_has_unit_spread(network, scanner, tmp_path):
    rng = np.random.default_rng(1)
    path = tmp_path / 'one.png'
    Image.fromarray(islands(rng, (220, 160, 200), (90, 50, 130))[0]).save(path)
    view = View(path, None, Box(0, 0, SIDE, SIDE), 0, ())
    contrast = mark_by_contrast(network, scanner, [view])
    _, features = scanner.features(network, view)
    place = torch.einsum('chw,c->hw', features[2], contrast.weight)
    place = place + contrast.bias
    assert float(place.mean()) == pytest.approx(0, abs=1e-3)
    assert float(place.std()) == pytest.approx(1, abs=0.05)


def test_largest_share_tells_islands_from_their_ground():
    dots = torch.zeros(2, 32, 2, 32)
    dots[:, 4:28, :, 4:28] = 1.0
    comb = torch.zeros(32, 32)
    comb[::4] = 1.0
    comb[:, 0] = 1.0
    assert largest_share(comb) == pytest.approx(1.0)
    assert largest_share(dots.reshape(64, 64)) == pytest.approx(0.25)
