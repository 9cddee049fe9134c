import numpy as np
import pytest
from PIL import Image

from napari_wsol.cohorts.task import SlideTask
from napari_wsol.inference.settings import PredictionSettings
from napari_wsol.slides.pixel_size import PixelSize

COLOURS = np.array([[225, 150, 190], [120, 70, 150]], np.uint8)


@pytest.fixture
def make_image(tmp_path):
    """Write an H&E-coloured image into a folder that names a patient."""

    def make(name, height=150, width=200, seed=0):
        rng = np.random.default_rng(seed)
        blobs = COLOURS[
            rng.integers(0, 2, (height // 16 + 1, width // 16 + 1))
        ]
        path = tmp_path / 'Jane Roe' / name
        path.parent.mkdir(exist_ok=True)
        pixels = blobs.repeat(16, 0).repeat(16, 1)[:height, :width]
        Image.fromarray(pixels).save(path)
        return path

    return make


@pytest.fixture
def output(tmp_path):
    return tmp_path / 'results'


@pytest.fixture
def make_task(untaught, output):
    """A task for an image of 0.5 µm/px."""

    def make(image, folder=output, threads=1, mpp=0.5, **settings):
        folder.mkdir(exist_ok=True)
        return SlideTask(
            image,
            folder,
            image.stem,
            untaught.path,
            untaught.card.sha256,
            PredictionSettings(tissue_only=False, device='cpu', **settings),
            PixelSize(mpp, mpp, 'entered by the user'),
            threads,
        )

    return make
