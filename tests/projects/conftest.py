"""Projects of tiny images."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_wsol.projects.project import Project


def write_image(path: Path, side: int = 16) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((side, side, 3), (225, 150, 190), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def images(tmp_path) -> list[Path]:
    """Two images each of six patients, where people keep such things."""
    folder = tmp_path / 'Größe & Co' / 'my images'
    return [
        write_image(folder / f'case{patient}_{number}.png')
        for patient in range(1, 7)
        for number in range(2)
    ]


@pytest.fixture
def folder(images) -> Path:
    """Where the project shall be; there is none yet."""
    return images[0].parents[1] / 'mein Projekt'


@pytest.fixture
def project(folder):
    """An empty project of three classes."""
    made = Project.create(
        folder, classes=('benign', 'malignant'), negative_class='background'
    )
    yield made
    made.close()
