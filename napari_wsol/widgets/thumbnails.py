"""Small pictures of images and fields, made in the background."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np
from PIL import Image
from qtpy.QtCore import QObject, Signal
from qtpy.QtGui import QImage, QPixmap

from napari_wsol.slides.geometry import Box
from napari_wsol.slides.slide import Slide

__all__ = ['SIDE', 'Thumbnails', 'thumbnail_name']

SIDE = 96
"""Length of a thumbnail's longer side in pixels."""

_MOST_KEPT = 1500
_MOST_WAITING = 200
_OPEN_SLIDES = 3
_IDLE_SECONDS = 1.0


def thumbnail_name(image: Path, box: Box | None) -> str:
    """Names the picture of an image or of a field of it."""
    told = repr((str(image), box)).encode()
    return hashlib.blake2b(told, digest_size=12).hexdigest()


class Thumbnails(QObject):
    """Hands out thumbnails and makes those that lack, newest wish first.

    One thread reads the images; it ends when nothing is wished for. What
    was wished for long ago (rows scrolled past) is forgotten.

    Parameters
    ----------
    parent
        Ends with it.
    """

    ready = Signal(str, object)
    """Name of a picture that was wished for; its pixels, None for none."""

    changed = Signal()
    """There are new pictures; told from the viewer's thread."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder: Path | None = None
        self._lent: dict[Path, Slide] = {}
        self._kept: OrderedDict[str, QPixmap | None] = OrderedDict()
        self._wishes: OrderedDict[str, _Wish] = OrderedDict()
        self._wake = threading.Condition()
        self._reader: threading.Thread | None = None
        self.ready.connect(self._take)

    def set_folder(self, folder: Path | None) -> None:
        """Keep pictures in a folder from now on; None keeps none."""
        with self._wake:
            self._wishes.clear()
            self._folder = folder
        self._kept.clear()

    def lend(self, image: Path, slide: Slide) -> None:
        """Read an image that has no file from a slide instead."""
        self._lent = {**self._lent, image: slide}

    def get(self, image: Path, box: Box | None) -> QPixmap | None:
        """The picture, or None for now; ``changed`` tells when it is there.

        Parameters
        ----------
        image
            The file.
        box
            A field of it in level-0 pixels, None for all of it.
        """
        name = thumbnail_name(image, box)
        if name in self._kept:
            self._kept.move_to_end(name)
            return self._kept[name]
        with self._wake:
            self._wishes[name] = _Wish(image, box, self._lent.get(image))
            self._wishes.move_to_end(name)
            while len(self._wishes) > _MOST_WAITING:
                self._wishes.popitem(last=False)
            self._wake.notify()
            if self._reader is None:
                self._reader = threading.Thread(
                    target=self._read, name='thumbnails', daemon=True
                )
                self._reader.start()
        return None

    def close(self) -> None:
        """Make no more pictures."""
        with self._wake:
            self._wishes.clear()
            self._wake.notify()

    def _take(self, name: str, pixels: np.ndarray | None) -> None:
        self._kept[name] = None if pixels is None else pixmap_of(pixels)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        self.changed.emit()

    def _read(self) -> None:
        slides: OrderedDict[Path, Slide] = OrderedDict()
        try:
            while True:
                with self._wake:
                    if not self._wishes:
                        self._wake.wait(_IDLE_SECONDS)
                    if not self._wishes:
                        self._reader = None
                        return
                    name, wish = self._wishes.popitem()
                    folder = self._folder
                pixels = wish.picture(name, folder, slides)
                try:
                    self.ready.emit(name, pixels)
                except RuntimeError:  # the widget is gone
                    return
        finally:
            for slide in slides.values():
                slide.close()


class _Wish:
    """A picture to be made."""

    def __init__(
        self, image: Path, box: Box | None, lent: Slide | None
    ) -> None:
        self._image = image
        self._box = box
        self._lent = lent

    def picture(
        self,
        name: str,
        folder: Path | None,
        slides: OrderedDict[Path, Slide],
    ) -> np.ndarray | None:
        """Read from the folder of pictures, else from the image.

        A file that cannot be read has no picture: what is wrong with it is
        said where it is opened or trained with.
        """
        kept = None if folder is None else folder / f'{name}.jpg'
        try:
            if kept is not None and kept.exists():
                return np.asarray(Image.open(kept).convert('RGB'))
            pixels = self._make(slides)
            if kept is not None:
                kept.parent.mkdir(exist_ok=True)
                part = kept.with_suffix('.part')
                Image.fromarray(pixels).save(part, 'JPEG', quality=88)
                part.replace(kept)
        except Exception:
            return None
        return pixels

    def _make(self, slides: OrderedDict[Path, Slide]) -> np.ndarray:
        from napari_wsol.slides.opening import open_slide

        slide = self._lent or slides.get(self._image)
        if slide is None:
            slide = slides[self._image] = open_slide(self._image)
        if slide is not self._lent:
            slides.move_to_end(self._image)
        while len(slides) > _OPEN_SLIDES:
            slides.popitem(last=False)[1].close()
        box = self._box or slide.box
        shrink = max(box.height, box.width) / SIDE
        return slide.read_resized(
            box,
            max(1, round(box.height / shrink)),
            max(1, round(box.width / shrink)),
        )


def pixmap_of(pixels: np.ndarray) -> QPixmap:
    """A picture from ``(H, W, 3)`` uint8."""
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    image = QImage(
        pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888
    )
    return QPixmap.fromImage(image)
