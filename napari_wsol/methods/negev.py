"""Negative evidence matters (MIDL 2022, arXiv 2201.02445)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from napari_wsol.errors import BadInputError
from napari_wsol.methods.affinity import colour_affinity
from napari_wsol.methods.labels import (
    among,
    as_channels,
    is_negative,
    is_positive,
    pixel_terms,
)
from napari_wsol.methods.method import Batch, Method, encoder_maps
from napari_wsol.methods.seeds import draw_seeds
from napari_wsol.methods.terms import (
    IGNORE,
    partial_cross_entropy,
    size_barrier,
)
from napari_wsol.models.activation_maps import stretched
from napari_wsol.models.localizer import Localizer, resize, without_margin

BARRIER_START, BARRIER_GROWTH, BARRIER_END = 1.0, 1.01, 10.0
"""t of the size term, and how it grows per epoch."""


@dataclass
class NegativeEvidence(Method):
    """A decoder taught by seeds of a frozen classifier, and by negatives.

    In each step a few foreground and background pixels of every image with
    a ROI are drawn anew from its class map (of its true class), and the
    decoder learns them by cross-entropy. A fully negative image is
    background in every pixel. The classifier is only read:
    the loop keeps it and the encoder frozen.

    Parameters
    ----------
    seeds
        n, foreground pixels, and as many background ones, per image.
    seed_size
        Side, in px, of the square that each becomes; odd.
    seed_weight
        lambda.
    pixel_weight, field_weight
        Weight of what pseudo-labels say of pixels, and of what fields do.
    size_weight
        Weight of a log-barrier that keeps some foreground and some
        background in each image with a ROI; off in the paper.
    affinity_weight, affinity_colour
        Weight of the agreement of neighbours alike in colour (off in the
        paper), and the distance of normalised colours at which likeness
        fades.
    """

    seeds: int = 1
    seed_size: int = 3
    seed_weight: float = 1.0
    pixel_weight: float = 1.0
    field_weight: float = 1.0
    size_weight: float = 0.0
    affinity_weight: float = 0.0
    affinity_colour: float = 0.3

    def __post_init__(self) -> None:
        if self.seeds < 1 or self.seed_size < 1 or self.seed_size % 2 == 0:
            raise BadInputError(
                f'{self.seeds} seeds of {self.seed_size} px cannot be drawn: '
                'give one seed or more, and an odd size.'
            )
        self.t = BARRIER_START

    def begin_epoch(self, network: Localizer, epoch: int) -> None:
        """Tighten the barrier."""
        del network
        self.t = min(BARRIER_END, BARRIER_START * BARRIER_GROWTH**epoch)

    def terms(self, network: Localizer, batch: Batch) -> dict[str, Tensor]:
        """Seeds, fully negative images and fields, at full resolution."""
        features = encoder_maps(network, batch)
        coarse = network.pixel_logits(network.localizer_maps(features))
        logits = _core(resize(coarse, batch.images.shape[-2:]), batch)
        negative = is_negative(network, batch.labels)
        known = _core(batch.pixels, batch)
        known = known.masked_fill(negative[:, None, None], IGNORE)
        terms = {
            'seeds': self.seed_weight
            * partial_cross_entropy(
                logits, self._seeds(network, batch, features[-1], logits)
            ),
            **pixel_terms(
                logits,
                as_channels(known, logits),
                _core(batch.in_field, batch),
                (self.pixel_weight, self.field_weight),
            ),
        }
        if network.negative_class is not None:
            nothing = torch.full_like(known, IGNORE)
            terms['negatives'] = partial_cross_entropy(
                logits, nothing.masked_fill(negative[:, None, None], 0)
            )
        positive = is_positive(network, batch.labels)
        if self.size_weight and positive.any():
            mask = network.foreground(logits[positive])
            terms['size'] = self.size_weight * size_barrier(mask, self.t) / 2
        if self.affinity_weight:
            colours = functional.interpolate(
                batch.images, coarse.shape[-2:], mode='area'
            )
            terms['affinity'] = self.affinity_weight * colour_affinity(
                coarse.softmax(1), colours, self.affinity_colour
            )
        return terms

    def _seeds(
        self, network: Localizer, batch: Batch, last: Tensor, logits: Tensor
    ) -> Tensor:
        """``(B, H, W)`` drawn labels, as channels of ``logits``."""
        if batch.seeds is not None:
            localization = _core(batch.seeds, batch)
        else:
            localization = stretched(
                _core(class_map(network, last, batch), batch)
            )
        drawn = draw_seeds(localization, self.seeds, self.seed_size)
        roi = among(network.roi, batch.labels)[:, None, None]
        drawn = torch.where(drawn == 1, roi + 1, drawn)
        return as_channels(drawn.masked_fill(roi == IGNORE, IGNORE), logits)


def class_map(network: Localizer, last: Tensor, batch: Batch) -> Tensor:
    """The classifier's map of each image's own class, without gradient.

    ``(B, H, W)`` as large as the images; of any class where an image has no
    label. No ReLU.
    """
    with torch.no_grad():
        cells = network.classifier(last)
        own = batch.labels.clamp_min(0)[:, None, None, None]
        own = own.expand(-1, 1, *cells.shape[-2:])
        return resize(cells.gather(1, own), batch.images.shape[-2:])[:, 0]


def _core(maps: Tensor, batch: Batch) -> Tensor:
    return without_margin(maps, batch.margin)
