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

AXES = 3
"""Principal axes among which the main contrast is looked for: the first
ones vary about as much as each other, so that their order is chance."""

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

    def turned(self) -> Contrast:
        """The same line with its other side marked."""
        return Contrast(
            -self.weight,
            -self.bias,
            self.rest_connected,
            self.marked_connected,
        )


def mark_by_contrast(
    network: Localizer, scanner: Scanner, views: Sequence[View]
) -> Contrast:
    """Let a localizer mark one side of the tissue's main contrast.

    The contrast is a principal axis of the encoder's features at the
    localizer's stride, over the tissue of all images. Which one, and which
    side of it is marked, is told by fully negative images and fields: they
    lie farthest from fields with regions, or from the tissue. Without any,
    regions of interest are taken to be islands in what surrounds them: of
    the first axes it is the one whose sides differ most in falling into
    pieces, and the side that does is marked; no label is looked at. No step
    is random.

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
    cells = torch.cat(
        [
            each.flatten(1).T[inside]
            for each, inside in zip(maps, tissue, strict=True)
        ]
    )
    candidates = [
        _candidate(network, chosen, maps, weight, bias)
        for weight, bias in zip(*_principal_axes(cells), strict=True)
    ]
    ahead, main = max(candidates, key=lambda found: abs(found[0]))
    main = main if ahead > 0 else main.turned()
    convolution = network.localizer.to_modalities
    classes = network.pixel_channels - 1
    with torch.no_grad():
        convolution.weight.zero_()
        convolution.weight[1:] = main.weight[:, None, None]
        assert convolution.bias is not None
        convolution.bias[:1] = 0
        convolution.bias[1:] = main.bias - math.log(classes)
    return main


def _candidate(
    network: Localizer,
    views: Sequence[View],
    maps: Sequence[Tensor],
    weight: Tensor,
    bias: Tensor,
) -> tuple[float, Contrast]:
    """How far one axis tells regions on its upper side, and that side."""
    places = [torch.einsum('chw,c->hw', each, weight) for each in maps]
    high, low = (
        float(np.mean([largest_share(sign * each) for each in places]))
        for sign in (1, -1)
    )
    told = _told_ahead(network, views, places, -float(bias))
    found = Contrast(weight, bias, high, low)
    return (low - high if told is None else told), found


def _told_ahead(
    network: Localizer,
    views: Sequence[View],
    places: Sequence[Tensor],
    centre: float,
) -> float | None:
    """How far regions lie above fully negative images and fields.

    Of regions, fields alone tell; without any, the tissue, whose mean is at
    ``centre``, stands for them. None where nothing is known to be negative.
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
    below, above = _mean(torch.cat(negative)), _mean(torch.cat(region))
    if below is None:
        return None
    return (centre if above is None else above) - below


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


def _principal_axes(cells: Tensor) -> tuple[Tensor, Tensor]:
    """Of ``(N, C)``: the axes of most variance once channels vary equally.

    Returns
    -------
    tuple of Tensor
        Weights ``(AXES, C)`` and biases ``(AXES,)``, of unit spread.
    """
    mean, deviation = cells.mean(0), cells.std(0).clamp_min(1e-6)
    scaled = (cells - mean) / deviation
    values, axes = torch.linalg.eigh(scaled.T @ scaled / len(scaled))
    values, axes = values.flip(0)[:AXES], axes.flip(1)[:, :AXES]
    weights = (axes / values.clamp_min(1e-12).sqrt()).T / deviation
    return weights, -(weights @ mean)


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
