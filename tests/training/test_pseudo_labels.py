"""Which pixels of a map teach, and what is written of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from napari_wsol.methods.terms import IGNORE
from napari_wsol.models.card import Architecture, Normalization
from napari_wsol.models.localizer import Localizer
from napari_wsol.slides.geometry import Box
from napari_wsol.training.pseudo_labels import Bands, Teachers, sure_pixels
from napari_wsol.training.scanning import Scan, Scanner
from napari_wsol.training.views import View

NORMALIZATION = Normalization(mean=(0.5,) * 3, std=(0.5,) * 3)


@pytest.fixture(autouse=True)
def _folder_with_tissue(tmp_path, monkeypatch):
    """The image of ``scan``; another half of which is glass."""
    monkeypatch.chdir(tmp_path)
    image = np.full((40, 40, 3), (200, 120, 160), np.uint8)
    Image.fromarray(image).save('tissue.png')
    image[:20] = 245
    Image.fromarray(image).save('glass.png')


def scan(foreground, label=0, cells=None, classes=1, image='tissue.png'):
    """A scan of one view with the given ROI probability ``(h, w)``."""
    foreground = np.asarray(foreground, np.float32)
    pixel = [1 - foreground, foreground][: classes + 1]
    pixel += [np.zeros_like(foreground)] * (classes - 1)
    view = View(Path(image), None, Box(0, 0, 40, 40), label, ())
    return Scan(
        view,
        np.stack(pixel),
        np.zeros((2, 2, 2), np.float32) if cells is None else cells,
        np.zeros(3, np.float32),
    )


RAMP = np.linspace(0, 1, 100).reshape(10, 10)


def test_ranks_take_the_same_share_of_every_image():
    for faint in (1.0, 0.1):
        labels = sure_pixels(
            scan(RAMP * faint), Bands('rank', 0.2, 0.3), [0, 1]
        )
        assert (labels == 1).sum() == 20
        assert (labels == 0).sum() == 30
        assert labels[-1, -1] == 1
        assert labels[0, 0] == 0


def test_confidence_leaves_a_faint_image_alone():
    labels = sure_pixels(
        scan(0.3 + 0.3 * RAMP), Bands('confidence', 0.7, 0.2), [0, 1]
    )
    assert (labels == IGNORE).all()


def test_a_stretched_map_is_sure_at_both_of_its_ends():
    bands = Bands('stretched', 0.7, 0.3)
    labels = sure_pixels(scan(0.3 + 0.3 * RAMP), bands, [0, 1])
    assert (labels == 1).mean() == pytest.approx(0.3, abs=0.02)
    assert (labels == 0).mean() == pytest.approx(0.3, abs=0.02)


def test_a_fully_negative_image_is_background():
    labels = sure_pixels(scan(RAMP, label=0), Bands('rank', 0.2, 0.3), [1, 2])
    assert (labels == 0).all()


def test_foreground_has_the_class_of_the_image():
    labels = sure_pixels(
        scan(RAMP, label=2, classes=2), Bands('rank', 0.2, 0.3), [1, 2]
    )
    assert set(labels.ravel()) == {IGNORE, 0, 2}


@pytest.mark.parametrize(
    'bands',
    [Bands('rank', 0.2, 0.3), Bands('confidence', 0.2, 0.1)],
    ids=lambda bands: bands.kind,
)
def test_glass_is_background_whatever_a_map_says(bands):
    labels = sure_pixels(scan(1 - RAMP, image='glass.png'), bands, [0, 1])
    assert (labels[:5] == 0).all()
    assert (labels[5] == 1).all()


def test_ranks_are_among_the_tissue():
    labels = sure_pixels(
        scan(1 - RAMP, image='glass.png'), Bands('rank', 0.2, 0.4), [0, 1]
    )
    assert (labels[5:] == 1).sum() == 10
    assert (labels[5:] == 0).sum() == 20


def test_pooled_bands_are_among_the_tissue():
    """The upper half of the map lies on glass, and counts for nothing."""
    bands = Bands('pooled', 0.5, 0.5)
    found = bands.as_confidence([scan(1 - RAMP, image='glass.png')])
    assert found.foreground == pytest.approx(0.38, abs=0.02)
    assert found.background == pytest.approx(0.12, abs=0.02)


def test_without_a_label_each_pixel_has_its_own_class():
    labels = sure_pixels(
        scan(RAMP, label=IGNORE, classes=2), Bands('rank', 0.2, 0.3), [1, 2]
    )
    assert set(labels.ravel()) == {IGNORE, 0, 1}


def test_a_map_of_any_region_has_the_class_of_the_image():
    bands = Bands('rank', 0.2, 0.3)
    labels = sure_pixels(scan(RAMP, label=2), bands, [1, 2])
    assert set(labels.ravel()) == {IGNORE, 0, 2}


@pytest.mark.parametrize('classes', [1, 2])
def test_without_a_label_the_image_tells_what_the_map_does_not(classes):
    """Whatever channel of it happens to be the first."""
    said = scan(RAMP, label=IGNORE, classes=classes)
    if classes == 2:
        said.pixel[1:] = said.pixel[1:].mean(0)
    said = replace(said, logits=np.array([5, 0, 3], np.float32))
    labels = sure_pixels(said, Bands('rank', 0.2, 0.3), [1, 2])
    assert set(labels.ravel()) == {IGNORE, 0, 2}


def test_a_pixel_that_is_surer_than_the_image_keeps_its_class():
    said = scan(RAMP, label=IGNORE, classes=2)
    said.pixel[1:, 9, :5] = [[0.01], [0.98]]
    said.pixel[1:, 9, 5:] = [[0.5], [0.49]]
    said = replace(said, logits=np.array([0, 2, 0], np.float32))
    labels = sure_pixels(said, Bands('rank', 0.1, 0.3), [1, 2])
    assert labels[9].tolist() == [2] * 5 + [1] * 5


def test_the_class_map_is_that_of_the_image_class():
    cells = np.zeros((2, 2, 2), np.float32)
    cells[1, 0, 0] = 5.0
    bands = Bands('class-map', 0.7, 0.3)
    labels = sure_pixels(scan(RAMP, label=1, cells=cells), bands, [0, 1])
    assert labels[0, 0] == 2
    assert labels[-1, -1] == 0
    constant = sure_pixels(scan(RAMP, label=0, cells=cells), bands, [0, 1])
    assert (constant == 0).all()


@pytest.fixture
def views(tmp_path):
    """A bright and a dark image."""
    made = []
    for number, value in enumerate((230, 40)):
        path = tmp_path / f'{number}.png'
        Image.fromarray(np.full((64, 64, 3), value, np.uint8)).save(path)
        made.append(View(path, None, Box(0, 0, 64, 64), number, ()))
    return made


@pytest.fixture
def teachers():
    torch.manual_seed(0)
    networks = [
        Localizer(
            Architecture(
                encoder='test_efficientnet', channels=8, pixel_head='softmax'
            ),
            ('bright', 'dark'),
        ).eval()
        for _ in range(2)
    ]
    scanner = Scanner(NORMALIZATION, None, margin=32)
    return Teachers(networks, scanner, keep_wrong=True)


def test_a_finished_folder_is_not_made_again(teachers, views, tmp_path):
    folder = tmp_path / 'lessons'
    bands = Bands('rank', 0.3, 0.3)
    first = teachers.pseudo_labels(views, bands, folder)
    before = [view.pseudo.read_bytes() for view in first]
    again = Teachers([], teachers.scanner).pseudo_labels(views, bands, folder)
    assert again == first
    assert [view.pseudo.read_bytes() for view in again] == before


def test_pooled_shares_are_of_all_images_together(teachers, views, tmp_path):
    taught = teachers.pseudo_labels(
        views, Bands('pooled', 0.8, 0.5), tmp_path / 'pooled'
    )
    stored = np.concatenate(
        [np.asarray(Image.open(view.pseudo)).ravel() for view in taught]
    )
    assert (stored == 2).mean() == pytest.approx(0.4, abs=0.05)
    assert (stored == 1).mean() == pytest.approx(0.25, abs=0.05)


def test_pooled_shares_are_of_each_side_of_the_turn(teachers, views, tmp_path):
    """A map that turns above all of its values has no sure foreground."""
    taught = teachers.pseudo_labels(
        views, Bands('pooled', 0.8, 0.5, turns_at=0.999), tmp_path / 'pooled'
    )
    stored = np.concatenate(
        [np.asarray(Image.open(view.pseudo)).ravel() for view in taught]
    )
    assert (stored == 2).sum() == 0
    assert (stored == 1).mean() == pytest.approx(0.5, abs=0.05)


def test_wrongly_classified_images_do_not_teach(teachers, views, tmp_path):
    strict = Teachers(teachers.networks, teachers.scanner)
    taught = strict.pseudo_labels(
        views, Bands('rank', 0.3, 0.3), tmp_path / 'strict'
    )
    scans = [
        next(teachers.scanner.scan(teachers.networks[0], [view]))
        for view in views
    ]
    assert len(scans) == 2
    assert any(view.pseudo is None for view in taught)


def test_seed_maps_hold_the_probability(teachers, views, tmp_path):
    taught = teachers.seed_maps(views, tmp_path / 'seeds')
    for view in taught:
        stored = np.load(view.seeds)
        assert stored.shape == (16, 16)
        assert (stored.min(), stored.max()) == (0, 1)


def test_no_seeds_of_a_region_lie_on_glass(teachers, tmp_path):
    view = View(Path('glass.png'), None, Box(0, 0, 40, 40), 0, ())
    (taught,) = teachers.seed_maps([view], tmp_path / 'seeds')
    stored = np.load(taught.seeds)
    half = len(stored) // 2
    assert (stored[: half - 1] == 0).all()
    assert (stored[half + 1 :] > 0).any()


def test_bands_lie_around_the_threshold():
    same = Bands('confidence', 0.7, 0.3).as_confidence([])
    assert (same.foreground, same.background) == pytest.approx((0.7, 0.3))
    high = Bands('confidence', 0.7, 0.3, turns_at=0.75).as_confidence([])
    assert high.foreground == pytest.approx(0.875)
    assert high.background == pytest.approx(0.5625)
