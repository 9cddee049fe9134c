"""What is kept of a chunk: ROI probability, entropy, mask, class maps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Map = npt.NDArray[np.float32] | npt.NDArray[np.uint8]

PROBABILITY = 'probability'
ENTROPY = 'entropy'
CLASSES = 'class_probability'
MASK = 'labels/mask'

GRAIN = 4096
"""Kept values are multiples of 1 / GRAIN: finer bits are noise."""


@dataclass(frozen=True)
class ChunkMaps:
    """The maps of one chunk by name, and what they add to the whole.

    Parameters
    ----------
    maps
        ``probability`` and ``entropy`` ``(h, w)`` float32 in [0, 1],
        ``labels/mask`` ``(h, w)`` uint8 and, where the localizer tells ROI
        classes apart, ``class_probability`` ``(C, h, w)``: of each class,
        given that the pixel is ROI.
    wanted, foreground
        Map pixels that count, and those of them that the mask marks.
    """

    maps: dict[str, Map]
    wanted: int
    foreground: int


def chunk_maps(
    pixel: Floats, wanted: npt.NDArray[np.bool_], threshold: float
) -> ChunkMaps:
    """The maps of one chunk; what is not wanted is background.

    Parameters
    ----------
    pixel
        ``(K, H, W)`` probabilities, channel 0 being background.
    wanted
        ``(h, w)``, at the image's end smaller than the chunk.
    threshold
        ROI probability from which a pixel is marked.
    """
    height, width = wanted.shape
    pixel = pixel[:, :height, :width]
    roi = np.clip(1 - pixel[0], 0, 1)
    probability = np.where(wanted, _rounded(roi), np.float32(0))
    mask = wanted & (probability >= threshold)
    maps: dict[str, Map] = {
        PROBABILITY: probability,
        ENTROPY: np.where(wanted, _rounded(_entropy(roi)), np.float32(0)),
    }
    label = np.uint8(1)
    if len(pixel) > 2:
        given_roi = pixel[1:] / np.maximum(
            pixel[1:].sum(0), np.finfo(np.float32).tiny
        )
        maps[CLASSES] = np.where(wanted, _rounded(given_roi), np.float32(0))
        label = (pixel[1:].argmax(0) + 1).astype(np.uint8)
    maps[MASK] = np.where(mask, label, np.uint8(0))
    return ChunkMaps(maps, int(wanted.sum()), int(mask.sum()))


def halved(name: str, values: Map) -> Map:
    """A map half as fine along y and x; odd ends are repeated.

    Probabilities and entropies are averaged. A mask takes the third of each
    four sorted values: foreground where at least two are.
    """
    height, width = values.shape[-2:]
    around = [(0, 0)] * (values.ndim - 2) + [(0, height % 2), (0, width % 2)]
    even = np.pad(values, around, mode='edge')
    corners = np.stack([even[..., y::2, x::2] for y in (0, 1) for x in (0, 1)])
    if name == MASK:
        return np.asarray(np.sort(corners, axis=0)[2])
    return _rounded(corners.mean(0, dtype=np.float32))


def _rounded(values: Floats) -> Floats:
    grain = np.float32(GRAIN)
    return np.asarray(np.round(values * grain) / grain, np.float32)


def _entropy(probability: Floats) -> Floats:
    """Of a yes or no, in [0, 1] (bits)."""
    tiny = np.finfo(np.float32).tiny
    other = 1 - probability
    terms = probability * np.log(np.maximum(probability, tiny))
    terms += other * np.log(np.maximum(other, tiny))
    return np.asarray(-terms / np.float32(math.log(2)), np.float32)
