"""The main contrast of a tissue, and the side of it that holds islands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from napari_wsol.methods.terms import IGNORE
from napari_wsol.models.localizer import Localizer, resize
from napari_wsol.training.scanning import Scanner
from napari_wsol.training.views import View, pixel_classes

MOST_VIEWS = 500

GLASS = 0.9
"""Of full brightness in the darkest channel, from which a cell is glass."""

FINER = 4
"""Times finer than its cells the map is looked at, for what is connected."""


@dataclass(frozen=True)
class Contrast:
    """A line through the encoder's features, and what lies at its ends.

    Parameters
    ----------
    weight, bias
        ``(C,)`` and scalar: cells of a map ``f`` are at ``weight @ f + bias``,
        with mean 0 and standard deviation 1 over the tissue.
    marked_connected, rest_connected
        Share of its side that the largest connected piece holds, in the mean
        image: of the marked side, and of the other.
    """

    weight: Tensor
    bias: Tensor
    marked_connected: float
    rest_connected: float


def mark_by_contrast(
    network: Localizer, scanner: Scanner, views: Sequence[View]
) -> Contrast:
    """Let a localizer mark one side of the tissue's main contrast.

    The contrast is the first principal axis of the encoder's features at the
    localizer's stride, over the tissue of all images. Which side is marked is
    told by fully negative images and fields, which have less of it than
    fields with regions or than the tissue. Without any, regions of interest
    are taken to be islands in what surrounds them: the side that falls into
    pieces is marked, and no label is looked at. No step is random.

    Parameters
    ----------
    network
        With neck 'map', pixel logits and one modality. Its localizer's
        weights are set: the probability of the region of interest, whatever
        its class, is the logistic function of the place on the axis, in
        standard deviations.
    """
    level = network.encoder.strides.index(network.stride)
    maps, tissue = [], []
    chosen = views[:: max(1, len(views) // MOST_VIEWS)]
    for view in chosen:
        image, features = scanner.features(network, view)
        here = features[level]
        maps.append(here)
        tissue.append(_is_tissue(image, scanner, tuple(here.shape[-2:])))
    weight, bias = _principal_axis(
        torch.cat(
            [
                each.flatten(1).T[inside]
                for each, inside in zip(maps, tissue, strict=True)
            ]
        )
    )
    places = [torch.einsum('chw,c->hw', each, weight) for each in maps]
    high, low = (
        float(np.mean([largest_share(sign * each) for each in places]))
        for sign in (1, -1)
    )
    negative, region = _mean_places(network, chosen, places)
    if region is None:
        region = -float(bias)
    if (low < high) if negative is None else (negative > region):
        weight, bias, high, low = -weight, -bias, low, high
    convolution = network.localizer.to_modalities
    classes = network.pixel_channels - 1
    with torch.no_grad():
        convolution.weight.zero_()
        convolution.weight[1:] = weight[:, None, None]
        assert convolution.bias is not None
        convolution.bias[:1] = 0
        convolution.bias[1:] = bias - math.log(classes)
    return Contrast(weight, bias, high, low)


def _mean_places(
    network: Localizer, views: Sequence[View], places: Sequence[Tensor]
) -> tuple[float | None, float | None]:
    """Where fully negative images and fields lie on the axis, and regions.

    None without any; of regions, fields alone tell.
    """
    negative: list[Tensor] = []
    region: list[Tensor] = []
    for view, place in zip(views, places, strict=True):
        height, width = place.shape
        classes = pixel_classes(view, view.region, height, width, network.roi)
        if view.label != IGNORE and view.label not in network.roi:
            classes[:] = 0
        negative.append(place[torch.from_numpy(classes == 0)])
        region.append(place[torch.from_numpy(classes > 0)])
    return _mean(torch.cat(negative)), _mean(torch.cat(region))


def _mean(cells: Tensor) -> float | None:
    return float(cells.mean()) if len(cells) else None


def largest_share(place: Tensor) -> float:
    """Of the upper half of a map ``(h, w)``, what its largest piece holds."""
    height, width = place.shape
    finer = resize(place[None, None], (FINER * height, FINER * width))[0, 0]
    upper = (finer >= finer.median()).numpy()
    pieces, count = ndimage.label(upper)
    if count == 0:
        return 1.0
    return float(np.bincount(pieces.ravel())[1:].max() / upper.sum())


def _principal_axis(cells: Tensor) -> tuple[Tensor, Tensor]:
    """Of ``(N, C)``: the axis of most variance once channels vary equally."""
    mean, deviation = cells.mean(0), cells.std(0).clamp_min(1e-6)
    scaled = (cells - mean) / deviation
    values, axes = torch.linalg.eigh(scaled.T @ scaled / len(scaled))
    weight = axes[:, -1] / deviation / values[-1].clamp_min(1e-12).sqrt()
    return weight, -(weight @ mean)


def _is_tissue(
    image: Tensor, scanner: Scanner, size: tuple[int, ...]
) -> Tensor:
    """``(cells,)`` whether a cell is darker than glass; all if none is."""
    std = torch.tensor(scanner.normalization.std)[:, None, None]
    mean = torch.tensor(scanner.normalization.mean)[:, None, None]
    height, width = size
    colour = functional.adaptive_avg_pool2d(
        image.cpu() * std + mean, (height, width)
    )
    tissue = colour.amin(0).flatten() < GLASS
    return tissue if tissue.any() else torch.ones_like(tissue)
