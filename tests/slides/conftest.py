"""Small images and files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

RGB = npt.NDArray[np.uint8]


@pytest.fixture
def texture() -> Callable[[int, int], RGB]:
    """Pale, smooth, random colours, as of tissue out of focus."""

    def make(height: int, width: int) -> RGB:
        noise = np.random.default_rng(0).integers(
            110, 250, (height // 5 + 2, width // 5 + 2, 3), np.uint8
        )
        image = Image.fromarray(noise).resize((width, height))
        return np.array(image)

    return make


@pytest.fixture
def save_png(tmp_path: Path) -> Callable[..., Path]:
    def save(image: Image.Image, name: str = 'image.png', **kw) -> Path:
        image.save(tmp_path / name, **kw)
        return tmp_path / name

    return save
