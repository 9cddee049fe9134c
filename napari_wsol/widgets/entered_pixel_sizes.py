"""Keeps pixel sizes that were entered with the labels of their images."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from napari.qt.threading import create_worker
from qtpy.compat import isalive
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QPushButton

from napari_wsol.errors import WsolError
from napari_wsol.slides.opening import open_slide
from napari_wsol.widgets.image_in_hand import ImageInHand
from napari_wsol.widgets.labelling import Labelling

if TYPE_CHECKING:
    from napari_wsol.projects.project import Project

__all__ = ['EnteredPixelSizes']

_TYPING_MS = 900
"""An entry counts when nothing was typed for so long."""


class EnteredPixelSizes(QPushButton):
    """Notes an entry with the image's labels; offers it for others as well.

    It is to be seen where the project has other images without a pixel
    size.

    Parameters
    ----------
    labelling
        Holds the project.
    image
        The image whose pixel size is entered.
    """

    def __init__(self, labelling: Labelling, image: ImageInHand) -> None:
        super().__init__()
        self._labelling = labelling
        self._image = image
        self.setToolTip(
            'Images whose files state a pixel size themselves keep theirs.'
        )
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_TYPING_MS)
        self._timer.timeout.connect(self._note)
        self.clicked.connect(self.share)
        image.changed.connect(self._timer.start)
        image.changed.connect(self._offer)
        labelling.items_changed.connect(self._offer)
        labelling.project_changed.connect(self._offer)
        self._offer()

    def share(self) -> None:
        """Use the pixel size for all images whose files state none."""
        mpp = self._image.mpp
        if mpp is None:
            return
        self._note()
        self.setEnabled(False)
        worker = create_worker(
            _silent_images, self._unsized_images(), _start_thread=False
        )
        project = self._labelling.project

        def take(images: set[Path]) -> None:
            if isalive(self) and self._labelling.project is project:
                self.setEnabled(True)
                self._use(images, mpp)

        worker.returned.connect(take)
        worker.start()

    def _note(self) -> None:
        """Write what was entered for the image in hand to its labels."""
        mpp, path = self._image.mpp, self._image.path
        if mpp is None or path is None or not self._labelling.can_write:
            return
        self._set({path}, mpp, replace=True)

    def _use(self, images: set[Path], mpp: float) -> None:
        self._set(images, mpp, replace=False)
        count = len(images)
        self._labelling.said.emit(
            f'{mpp:g} µm per pixel holds for {count} more '
            f'{"image" if count == 1 else "images"} now.'
            if count
            else 'All other images state their pixel size themselves.',
            'fine',
        )
        self.hide()

    def _set(self, images: set[Path], mpp: float, replace: bool) -> None:
        keys = [
            item.key
            for item in self._labelling.items.values()
            if item.image in images
            and item.mpp != mpp
            and (replace or item.mpp is None)
        ]

        def note(project: Project) -> None:
            project.set_mpp(keys, mpp)

        if keys:
            self._labelling.attempt(note)

    def _unsized_images(self) -> set[Path]:
        """Images of the project for which no pixel size was entered."""
        items = self._labelling.items.values()
        return {item.image for item in items if item.mpp is None} - {
            self._image.path
        }

    def _offer(self) -> None:
        mpp = self._image.mpp
        lacking = len(self._unsized_images()) if mpp is not None else 0
        self.setVisible(bool(lacking) and self._labelling.can_write)
        if lacking:
            self.setText(f'Use {mpp:g} µm for all images that state none')


def _silent_images(images: Iterable[Path]) -> set[Path]:
    """The images whose files state no pixel size."""
    silent = set()
    for image in images:
        try:
            slide = open_slide(image)
        except (WsolError, OSError):
            continue
        if slide.pixel_size is None:
            silent.add(image)
        slide.close()
    return silent
