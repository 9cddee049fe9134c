import numpy as np
import pytest

from napari_wsol.errors import BadInputError
from napari_wsol.slides.arrays import ArraySlide
from napari_wsol.slides.opening import open_slide
from napari_wsol.slides.refusal import is_fluorescent, require_brightfield


def test_a_missing_file(tmp_path):
    with pytest.raises(BadInputError, match='There is no file .*nowhere.svs'):
        open_slide(tmp_path / 'nowhere.svs')


@pytest.mark.parametrize('suffix', ['svs', 'tif', 'png', 'ndpi', 'mrxs'])
def test_an_empty_file(tmp_path, suffix):
    path = tmp_path / f'empty.{suffix}'
    path.touch()
    with pytest.raises(BadInputError, match=r'is empty \(0 bytes\)'):
        open_slide(path)


@pytest.mark.parametrize('name', ['notes.pdf', 'fake.svs', 'fake.png'])
def test_what_is_no_image(tmp_path, name):
    path = tmp_path / name
    path.write_text('Dear colleague, this is no image at all.')
    with pytest.raises(
        BadInputError, match=f'"{name}" is in no format .* OME-Zarr'
    ):
        open_slide(path)


def image_of(colours):
    """Shares of a 200 x 200 image in some colours, with noise."""
    counts = np.rint(np.array([c[0] for c in colours]) * 40_000).astype(int)
    pixels = np.repeat([c[1] for c in colours], counts, axis=0)
    noise = np.random.default_rng(0).integers(-6, 7, pixels.shape)
    pixels = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    return pixels[:40_000].reshape(200, 200, 3)


@pytest.mark.parametrize(
    'colours',
    [
        [(1, (245, 245, 245))],
        [(1, (90, 40, 110))],
        [(0.5, (60, 25, 80)), (0.5, (120, 50, 110))],
        [(0.8, (0, 0, 0)), (0.2, (200, 140, 180))],
        [(0.7, (0, 0, 0)), (0.25, (240, 240, 240)), (0.05, (90, 50, 120))],
    ],
    ids=['glass', 'dense', 'very dark', 'black border', 'border and glass'],
)
def test_brightfield_is_accepted(colours):
    require_brightfield(ArraySlide('h&e', [image_of(colours)]))


@pytest.mark.parametrize(
    'colours',
    [
        [(0.7, (3, 3, 8)), (0.3, (10, 20, 200))],
        [(0.9, (5, 5, 5)), (0.1, (180, 10, 15))],
        [(0.8, (5, 5, 20)), (0.1, (10, 190, 10)), (0.1, (150, 10, 30))],
        [(0.995, (4, 4, 4)), (0.005, (255, 255, 255))],
        [(1, (0, 0, 0))],
    ],
    ids=['DAPI', 'TRITC', 'two dyes', 'sparse', 'nothing'],
)
def test_fluorescence_is_refused(colours):
    with pytest.raises(BadInputError, match='looks like fluorescence'):
        require_brightfield(ArraySlide('glow', [image_of(colours)]))


def test_a_large_level_is_only_sampled():
    read = []

    class Watched(ArraySlide):
        def read_level(self, level, y, x, height, width):
            read.append(height * width)
            return super().read_level(level, y, x, height, width)

    image = np.broadcast_to(np.uint8(230), (20_000, 20_000, 3))
    require_brightfield(Watched('large', [image]))
    assert sum(read) < 2_000_000


def test_half_dark_is_not_enough():
    assert not is_fluorescent(
        np.array([[0, 0, 0], [10, 20, 200], [10, 20, 200]], np.uint8)
    )
