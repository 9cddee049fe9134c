"""PNG, JPEG and BMP images, held in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import BmpImagePlugin, Image, JpegImagePlugin, PngImagePlugin

from napari_wsol.slides.colour import RGB, over_white
from napari_wsol.slides.pixel_size import printing_note
from napari_wsol.slides.refusal import refusal, unreadable
from napari_wsol.slides.slide import Slide

LARGEST = 500 * 10**6
"""Pixels above which an image has to be tiled to be read."""

_READERS = {
    b'\x89PNG': PngImagePlugin.PngImageFile,
    b'\xff\xd8\xff': JpegImagePlugin.JpegImageFile,
    b'BM': BmpImagePlugin.BmpImageFile,
}
_GRAYSCALE = {'1', 'L', 'LA', 'La', 'I', 'F'}
_BIT_DEPTH_IN_PNG = 24


class RasterSlide(Slide):
    """A PNG, JPEG or BMP file, in the orientation its pixels are stored.

    Palettes become RGB and opacity is laid over white. A resolution tag is
    no pixel size: these formats speak of printing.

    Raises
    ------
    BadInputError
        Where the file is damaged, too large, grayscale, CMYK or 16-bit.
    """

    def __init__(self, path: Path) -> None:
        self._pixels, note = _decode(path)
        super().__init__(
            path.name,
            (self._pixels.shape[:2],),
            None,
            path=path,
            metadata={'format': 'raster'},
            pixel_size_note=note,
        )

    @property
    def held_bytes(self) -> int:
        """All of the image's pixels."""
        return self._pixels.nbytes

    def read_level(
        self, level: int, y: int, x: int, height: int, width: int
    ) -> RGB:
        """Pixels of the image, ``(height, width, 3)`` uint8."""
        return self._pixels[y : y + height, x : x + width]


def is_raster(head: bytes) -> bool:
    """Whether a file that begins so is PNG, JPEG or BMP."""
    return _reader(head) is not None


def _reader(head: bytes) -> type[Any] | None:
    for magic, reader in _READERS.items():
        if head.startswith(magic):
            return reader
    return None


def _decode(path: Path) -> tuple[RGB, str]:
    with path.open('rb') as file:
        head = file.read(_BIT_DEPTH_IN_PNG + 1)
        file.seek(0)
        reader = _reader(head)
        assert reader is not None, 'is_raster comes first'
        try:
            image: Image.Image = reader(file, str(path))
        except Exception as error:
            raise unreadable(path.name, error) from error
        if image.width * image.height > LARGEST:
            raise refusal(
                path.name,
                f'{image.width} x {image.height} pixels large, too much for '
                'a format without tiles; save it as a tiled, pyramidal TIFF',
            )
        if problem := _problem(image.mode, head):
            raise refusal(path.name, problem)
        try:
            return _rgb(image), _print_resolution(image)
        except Exception as error:
            raise unreadable(path.name, error) from error


def _problem(mode: str, head: bytes) -> str | None:
    sixteen = mode.startswith('I;16') or (
        head.startswith(b'\x89PNG') and head[_BIT_DEPTH_IN_PNG] == 16
    )
    if mode in _GRAYSCALE or mode.startswith('I;16'):
        return f'{"16" if sixteen or mode == "I" else "8"}-bit grayscale'
    if sixteen:
        return '16 bits per colour'
    if mode == 'CMYK':
        return 'CMYK, colours for printing'
    return None


def _rgb(image: Image.Image) -> RGB:
    if image.mode == 'P':
        clear = 'transparency' in image.info
        image = image.convert('RGBA' if clear else 'RGB')
    elif image.mode not in ('RGB', 'RGBA'):
        image = image.convert('RGBA' if 'A' in image.mode else 'RGB')
    return over_white(np.array(image))


def _print_resolution(image: Image.Image) -> str:
    dpi = image.info.get('dpi')
    if not dpi or not all(float(value) > 0 for value in dpi):
        return ''
    return printing_note(float(dpi[0]))
