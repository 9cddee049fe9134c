"""A crop that a model sees through masks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import shapely
import torch
from torch import Tensor

from napari_wsol.inference.crops import Crop
from napari_wsol.inference.devices import resolve_precision
from napari_wsol.inference.explanation import FloatMap
from napari_wsol.inference.memory import is_out_of_memory, plan_batch
from napari_wsol.inference.settings import PrecisionChoice
from napari_wsol.inference.summary import class_probabilities
from napari_wsol.models.loading import LoadedModel

Floats = npt.NDArray[np.float64]

MOST_AT_ONCE = 64
"""Masks, however much memory there is."""


def inside_of(region: shapely.Polygon, crop: Crop) -> FloatMap:
    """Which working pixels of a crop have their centre in a region.

    1 or 0, ``(H, W)``; at least the pixel about a point of the region.
    """
    (height, width), box = crop.shape, crop.box
    y = box.y + (np.arange(height) + 0.5) * box.height / height
    x = box.x + (np.arange(width) + 0.5) * box.width / width
    shapely.prepare(region)
    inside = np.asarray(shapely.contains_xy(region, x[None], y[:, None]))
    if not inside.any():
        point = region.representative_point()
        inside[np.abs(y - point.y).argmin(), np.abs(x - point.x).argmin()] = 1
    return inside.astype(np.float32)


class Seen:
    """One crop as a model sees it, whole or through masks.

    Parameters
    ----------
    image
        ``(1, 3, H, W)``, normalised.

    Attributes
    ----------
    batch
        Masks that fit into memory at once.
    """

    def __init__(
        self, model: LoadedModel, image: Tensor, precision: PrecisionChoice
    ) -> None:
        self._model = model
        device = model.network.pixel_temperature.device
        self._image = image.to(device)
        self._precision = resolve_precision(precision, device)
        height, width = image.shape[-2:]
        self.batch = plan_batch(device, (height, width), MOST_AT_ONCE)

    def __call__(self, masks: FloatMap) -> Floats:
        """Class probabilities ``(B, K)`` of the crop through each mask.

        Where memory runs out, ``batch`` is halved.

        Parameters
        ----------
        masks
            ``(B, h, w)``, 1 where the crop is shown, at any resolution.
        """
        found: list[Floats] = []
        while len(found) < len(masks):
            part = masks[len(found) : len(found) + self.batch]
            try:
                found += self._answers(torch.from_numpy(part)[:, None])
            except (RuntimeError, MemoryError) as error:
                if self.batch == 1 or not is_out_of_memory(error):
                    raise
                self.batch //= 2
        return np.stack(found)

    @torch.inference_mode()
    def localized(self) -> tuple[Tensor, FloatMap]:
        """The encoder's last map, and the ROI probability ``(h, w)``."""
        network = self._model.network
        features = network.encoder(self._image)
        logits = network.pixel_logits(network.localizer_maps(features))
        pixel = (logits.float() / network.pixel_temperature).softmax(1)
        roi = (1 - pixel[0, 0]).cpu().numpy()
        return features[-1], np.asarray(roi, np.float32)

    @torch.inference_mode()
    def _answers(self, masks: Tensor) -> list[Floats]:
        images = self._image.expand(len(masks), -1, -1, -1)
        with torch.autocast(
            images.device.type,
            dtype=self._precision,
            enabled=self._precision != torch.float32,
        ):
            maps = self._model.network.masked_maps(images, masks.to(images))
        cells = maps.float().flatten(2).cpu().numpy()
        return [class_probabilities(each, self._model) for each in cells]
