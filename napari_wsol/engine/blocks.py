"""Pixels of images that exist only in the viewer, on request of the engine.

The viewer hands out one block at a time; what is copied is the block, never
the image. A request is the block's level and rectangle and the image's key;
the answer is an error text, empty where all is well, then the pixels.
"""

from __future__ import annotations

import itertools
import struct
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_wsol.engine.messages import FileImage, ImageSource, ViewerImage
from napari_wsol.errors import WsolError
from napari_wsol.slides.arrays import ArraySlide
from napari_wsol.slides.colour import RGB
from napari_wsol.slides.slide import Slide

if TYPE_CHECKING:
    from napari_wsol.engine.door import Link

LARGEST_SIDE = 2048
"""Side of the largest block that is handed out, in pixels of its level."""

SAMPLE_SIDE = 32
SAME_COLOUR = 3.0
"""Mean difference, of 255, up to which two decoders show the same image."""

_RECTANGLE = struct.Struct('!5q')


class BlockService:
    """Hands out blocks of arrays that live in this process.

    All methods may be called from any thread.
    """

    def __init__(self) -> None:
        self._slides: dict[str, Slide] = {}
        self._numbers = itertools.count(1)
        self._closing = threading.Event()

    def register(
        self, key: str, levels: Sequence[Any], *, name: str = ''
    ) -> ViewerImage:
        """Make an image known to the engine under a key.

        Parameters
        ----------
        levels
            NumPy, Dask or Zarr arrays, finest first, ``(H, W, 3)`` or
            ``(H, W, 4)``, uint8 or float in 0..1. They are kept, not copied.
        name
            What the user calls the image; the key where empty.

        Raises
        ------
        BadInputError
            Where the arrays are no RGB image.
        """
        slide = ArraySlide(name or key, levels)
        self._slides[key] = slide
        return ViewerImage(key, slide.name, slide.level_shapes)

    def unregister(self, key: str) -> None:
        """Forget an image and let go of its arrays; unknown keys are fine."""
        self._slides.pop(key, None)

    def image_source(
        self, levels: Sequence[Any], *, name: str, path: Path | None = None
    ) -> ImageSource:
        """How the engine shall get at an image that the viewer shows.

        Its file where there is one that holds the same pixels: the engine
        then reads it without the viewer's help. Else the arrays are
        registered, and the caller unregisters the key when he is done.

        May open the file, so call it from a worker thread.

        Raises
        ------
        BadInputError
            Where the image is not RGB.
        """
        shown = ArraySlide(name, levels)
        if path is not None and _file_shows(path, shown):
            return FileImage(str(path.absolute()))
        key = f'{next(self._numbers)}: {name}'
        return self.register(key, levels, name=name)

    def serve(self, link: Link) -> None:
        """Answer requests until the other end closes or the service does."""
        try:
            while not self._closing.is_set():
                if link.poll(0.2):
                    self._answer(link, link.recv_bytes())
        except (EOFError, OSError):
            return

    def close(self) -> None:
        """Stop serving and let go of all arrays."""
        self._closing.set()
        self._slides.clear()

    def _answer(self, link: Link, request: bytes) -> None:
        try:
            pixels = self._read(request)
        except WsolError as error:
            link.send_bytes(str(error).encode())
        else:
            link.send_bytes(b'')
            link.send_bytes(pixels.data.cast('B'))

    def _read(self, request: bytes) -> RGB:
        key = request[_RECTANGLE.size :].decode()
        level, y, x, height, width = _RECTANGLE.unpack_from(request)
        slide = self._slides.get(key)
        if slide is None:
            raise WsolError(
                'The image was closed in the viewer. Open it again to go on.'
            )
        if max(height, width) > LARGEST_SIDE:
            raise WsolError(
                f'A block of {height} x {width} px of "{slide.name}" is more '
                f'than the viewer hands out at once ({LARGEST_SIDE} px).'
            )
        pixels = slide.read_level(level, y, x, height, width)
        return np.ascontiguousarray(pixels)


class BlockReader:
    """The engine's way to images in the viewer; safe from several threads.

    Parameters
    ----------
    connect
        Opens a connection to the viewer's block service; called when the
        first block is asked for.
    """

    def __init__(self, connect: Callable[[], Link]) -> None:
        self._connect = connect
        self._link: Link | None = None
        self._lock = threading.Lock()

    def read(
        self, key: str, level: int, y: int, x: int, height: int, width: int
    ) -> RGB:
        """A rectangle of one level, in that level's pixels.

        Large rectangles are fetched in several blocks.

        Returns
        -------
        ``(height, width, 3)`` uint8.

        Raises
        ------
        WsolError
            Where the viewer cannot give the pixels, and why.
        """
        if max(height, width) <= LARGEST_SIDE:
            return self._fetch(key, level, y, x, height, width)
        pixels = np.empty((height, width, 3), np.uint8)
        for top, bottom in _cuts(y, height):
            for left, right in _cuts(x, width):
                pixels[top - y : bottom - y, left - x : right - x] = (
                    self._fetch(
                        key, level, top, left, bottom - top, right - left
                    )
                )
        return pixels

    def _fetch(
        self, key: str, level: int, y: int, x: int, height: int, width: int
    ) -> RGB:
        request = _RECTANGLE.pack(level, y, x, height, width) + key.encode()
        try:
            with self._lock:
                if self._link is None:
                    self._link = self._connect()
                self._link.send_bytes(request)
                problem = self._link.recv_bytes()
                pixels = b'' if problem else self._link.recv_bytes()
        except (EOFError, OSError) as error:
            raise WsolError(
                'The viewer gives no more pixels of the image: it was closed.'
            ) from error
        if problem:
            raise WsolError(problem.decode())
        return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)


def _cuts(start: int, length: int) -> list[tuple[int, int]]:
    """Where to cut a stretch so that cuts fall on multiples of the side."""
    stop = start + length
    first = start - start % LARGEST_SIDE + LARGEST_SIDE
    edges = [start, *range(first, stop, LARGEST_SIDE), stop]
    return list(itertools.pairwise(edges))


def _file_shows(path: Path, shown: Slide) -> bool:
    """Whether a file holds the pixels that the viewer shows.

    A layer may show one of several images of its file, or pixels that were
    changed since; size and five places of the finest level are compared.
    """
    from napari_wsol.slides.opening import open_slide

    try:
        slide = open_slide(path)
    except (WsolError, OSError):
        return False
    try:
        return slide.shape == shown.shape and all(
            _same_colours(slide, shown, down, right)
            for down, right in ((1, 1), (1, 3), (2, 2), (3, 1), (3, 3))
        )
    except WsolError:
        return False
    finally:
        slide.close()


def _same_colours(a: Slide, b: Slide, down: int, right: int) -> bool:
    """Whether two images of one size agree at some quarters of their sides."""
    height, width = a.shape
    y, x = height * down // 4, width * right // 4
    place = (
        0,
        y,
        x,
        min(SAMPLE_SIDE, height - y),
        min(SAMPLE_SIDE, width - x),
    )
    here = a.read_level(*place).astype(np.int16)
    there = b.read_level(*place).astype(np.int16)
    return float(np.abs(here - there).mean()) <= SAME_COLOUR
