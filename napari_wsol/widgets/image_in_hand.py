"""Which image is being labelled: the one that is active in the viewer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.compat import isalive
from qtpy.QtCore import QObject, Signal

from napari_wsol.widgets.choose_image import ImageChooser
from napari_wsol.widgets.images import METADATA, image_path
from napari_wsol.widgets.in_view import usable_images
from napari_wsol.widgets.labelling import Labelling
from napari_wsol.widgets.overlays import image_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ['ImageInHand']


class ImageInHand(QObject):
    """The image that labels speak of, its file and its pixel size.

    It follows the active layer; a result or the fields of an image stand
    for the image.

    Parameters
    ----------
    viewer
        Its active layer is followed.
    labelling
        Remembers pixel sizes that were entered before.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer, labelling: Labelling) -> None:
        super().__init__(labelling)
        self._viewer = viewer
        self._labelling = labelling
        self.chooser = ImageChooser(viewer)
        self.chooser.changed.connect(self._take)
        labelling.project_changed.connect(self._take)
        viewer.layers.selection.events.active.connect(self._follow)
        self._follow()

    @property
    def layer(self) -> Image | None:
        """The image layer."""
        return self.chooser.layer

    @property
    def path(self) -> Path | None:
        """Its file; None where it exists only in the viewer."""
        return None if self.layer is None else image_path(self.layer)

    @property
    def open_paths(self) -> list[Path]:
        """Files of all images that are open and can be labelled."""
        paths = map(image_path, usable_images(self._viewer))
        return [path for path in paths if path is not None]

    @property
    def mpp(self) -> float | None:
        """µm per pixel to note with its labels.

        None where nobody knows, and where the file states it itself.
        """
        size = self.chooser.pixel_size
        if size is None or not size.is_plausible:
            return None
        in_file = self.layer.metadata.get(METADATA, {}).get('mpp')
        if in_file is not None and np.allclose(
            in_file, (size.y, size.x), rtol=1e-3
        ):
            return None
        return size.mpp

    @property
    def why_not(self) -> str:
        """Why it cannot be labelled; empty where it can."""
        if self.layer is None:
            return 'Open an image or slide first, or drop it on the canvas.'
        if self.path is None:
            return (
                f'"{self.layer.name}" exists only in the viewer, so a label '
                'on it would be lost. Save it first (File, Save Selected '
                'Layers..., as TIFF), open the saved file and label that.'
            )
        return ''

    def field_sides(self, side: float) -> tuple[float, float] | None:
        """Height and width in pixels of a field of so many µm.

        None where the pixel size is not known.
        """
        size = self.chooser.pixel_size
        if size is None or not size.is_plausible:
            return None
        return side / size.y, side / size.x

    def leave(self) -> None:
        """Follow the viewer no more."""
        self._viewer.layers.selection.events.active.disconnect(self._follow)

    def _follow(self, event: Any = None) -> None:
        """Take the image in hand that the active layer is, or is of."""
        if not isalive(self):
            return
        self.chooser.reset_choices()
        active = self._viewer.layers.selection.active
        active = image_of(self._viewer, active)
        if active is not None:
            self.chooser.choose(active)

    def _take(self) -> None:
        """Use a pixel size that was entered for this file before."""
        path = self.path
        if path is not None and self.chooser.pixel_size is None:
            mpp = self._labelling.mpp_of(path)
            if mpp is not None:
                self.chooser.enter(f'{mpp:g}')
                return
        self.changed.emit()
