"""The results that are shown over images, known to every widget."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from psygnal import Signal

if TYPE_CHECKING:
    from napari.layers import Image, Layer

    from napari_wsol.inference.settings import Prediction
    from napari_wsol.slides.pixel_size import PixelSize
    from napari_wsol.widgets.maps import ResultMaps
    from napari_wsol.widgets.overlays import Overlays

__all__ = ['ShownResult', 'ShownResults']


@dataclass(frozen=True)
class ShownResult:
    """A prediction with its maps, and the layers that show it.

    Parameters
    ----------
    model
        Folder of the model that made it.
    """

    source: Image
    result: Prediction
    maps: ResultMaps
    overlays: Overlays
    model: Path
    pixel_size: PixelSize | None

    @property
    def threshold(self) -> float:
        """Where the mask is cut now."""
        return self.overlays.threshold


class ShownResults:
    """The last result of each image."""

    changed = Signal(object)
    """An image layer has a new result, or none any more."""

    threshold_changed = Signal(object)
    """The mask over an image layer is cut elsewhere."""

    def __init__(self) -> None:
        self._results: WeakKeyDictionary[Layer, ShownResult] = (
            WeakKeyDictionary()
        )

    def put(self, shown: ShownResult) -> None:
        """Note the result that is now shown over its image."""
        self._results[shown.source] = shown
        self.changed.emit(shown.source)

    def remove(self, image: Layer) -> None:
        """Forget the result of an image, over which another is made."""
        if self._results.pop(image, None) is not None:
            self.changed.emit(image)

    def of(self, image: Layer | None) -> ShownResult | None:
        """The result of an image layer, if there is one."""
        return None if image is None else self._results.get(image)

    def cut(self, image: Layer, threshold: float) -> None:
        """Mark where the ROI probability reaches a threshold."""
        shown = self.of(image)
        if shown is not None and shown.threshold != threshold:
            shown.overlays.set_threshold(threshold)
            self.threshold_changed.emit(image)
