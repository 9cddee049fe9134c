"""Max-min uncertainty (IEEE TMI 41(3), 2022), in both of its regimes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from napari_wsol.methods.method import Batch, Method
from napari_wsol.methods.terms import (
    IGNORE,
    explicit_uncertainty,
    foreground_barrier,
    partial_cross_entropy,
    size_barrier,
    surrogate_uncertainty,
)
from napari_wsol.models.localizer import Localizer, resize, without_margin


@dataclass
class MaxMinUncertainty(Method):
    """Foreground that decides, background that leaves the classifier unsure.

    Minimises ``H(y, p(X+)) + H(y, p_loc) + lambda R(p(X-))`` plus a barrier
    on sizes (TMI, eq. 5-9). Without a fully negative class, both regions are
    everywhere: the barrier keeps either from vanishing. With one, its images
    and fields are background in every pixel, and only the foreground of the
    other images is kept from vanishing.

    Parameters
    ----------
    uncertainty
        ``'surrogate'`` (SEM) or ``'explicit'`` (EEM).
    background_weight
        lambda. The published 1e-7 leaves R without effect; with 1 and an
        attached mask the mask becomes an adversarial texture.
    barrier_start, barrier_growth, barrier_end
        t of the log-barrier and how it grows per epoch.
    sigma_start, sigma_step, sigma_end
        The threshold inside the class-map mask, per epoch.
    pixel_weight
        Weight of what fields and pseudo-labels say of pixels.
    detach_background
        Whether the background's uncertainty stops at the mask and teaches
        the classifier alone.
    """

    uncertainty: Literal['surrogate', 'explicit'] = 'surrogate'
    background_weight: float = 1e-7
    barrier_start: float = 5.0
    barrier_growth: float = 1.01
    barrier_end: float = 10.0
    sigma_start: float = 0.15
    sigma_step: float = 0.001
    sigma_end: float = 0.2
    pixel_weight: float = 1.0
    detach_background: bool = False

    def __post_init__(self) -> None:
        self.t = self.barrier_start

    def begin_epoch(self, network: Localizer, epoch: int) -> None:
        """Tighten the barrier and raise sigma."""
        self.t = min(
            self.barrier_end, self.barrier_start * self.barrier_growth**epoch
        )
        network.sigma.fill_(
            min(self.sigma_end, self.sigma_start + self.sigma_step * epoch)
        )

    def terms(self, network: Localizer, batch: Batch) -> dict[str, Tensor]:
        """Classification of whole, foreground, background; sizes; fields."""
        features = network.encoder(batch.images)
        maps = network.localizer_maps(features)
        logits = resize(network.pixel_logits(maps), batch.images.shape[-2:])
        mask = network.foreground(logits)
        cells = network.classifier(features[-1])
        terms = {
            'classifier': partial_cross_entropy(
                network.image_scores(
                    without_margin(cells, batch.margin // network.class_stride)
                ),
                batch.labels,
            )
        }
        inner = without_margin(maps, batch.margin // network.stride)
        terms.update(self._localizer_terms(network, inner, batch.labels))
        positive = is_positive(network, batch.labels)
        terms.update(
            self._masked_terms(
                network,
                batch.images[positive],
                mask[positive],
                batch.labels[positive],
            )
        )
        pixels = pixel_labels(network, batch)
        terms['pixels'] = self.pixel_weight * partial_cross_entropy(
            logits, pixels
        )
        if network.negative_class is not None:
            terms['cells'] = self.pixel_weight * partial_cross_entropy(
                cells, cell_labels(network, pixels)
            )
        return terms

    def _localizer_terms(
        self, network: Localizer, maps: Tensor, labels: Tensor
    ) -> dict[str, Tensor]:
        """The image's class from the localizer's own maps (ROI classes)."""
        if network.by_class_maps:
            scores = network.image_scores(maps)
            return {'localizer': partial_cross_entropy(scores, labels)}
        if network.negative_class is None or len(network.roi) < 2:
            return {}
        scores = network.image_scores(maps[:, 1:])
        return {
            'localizer': partial_cross_entropy(
                scores, among(network.roi, labels)
            )
        }

    def _masked_terms(
        self,
        network: Localizer,
        images: Tensor,
        mask: Tensor,
        labels: Tensor,
    ) -> dict[str, Tensor]:
        """Second look at images that hold a ROI, through the mask."""
        if len(images) == 0:
            return {}
        terms = {
            'foreground': partial_cross_entropy(
                network.masked_scores(images, mask), labels
            )
        }
        if self.background_weight:
            hidden = mask.detach() if self.detach_background else mask
            scores = network.masked_scores(images, 1 - hidden)
            unsure = (
                surrogate_uncertainty
                if self.uncertainty == 'surrogate'
                else explicit_uncertainty
            )
            terms['background'] = self.background_weight * unsure(scores)
        if network.negative_class is None:
            terms['size'] = size_barrier(mask, self.t)
        else:
            terms['size'] = foreground_barrier(mask, self.t)
        return terms


def is_positive(network: Localizer, labels: Tensor) -> Tensor:
    """``(B,)`` whether an image is labelled with a class that has a ROI."""
    roi = torch.tensor(network.roi, device=labels.device)
    return torch.isin(labels, roi)


def among(classes: list[int], labels: Tensor) -> Tensor:
    """Labels as positions in ``classes``; ``IGNORE`` for the others."""
    moved = torch.full_like(labels, IGNORE)
    for position, label in enumerate(classes):
        moved[labels == label] = position
    return moved


def pixel_labels(network: Localizer, batch: Batch) -> Tensor:
    """``(B, H, W)``: fully negative images are background in every pixel."""
    if network.negative_class is None:
        return batch.pixels
    negative = network.classes.index(network.negative_class)
    is_negative = (batch.labels == negative)[:, None, None]
    return torch.where(
        is_negative, torch.zeros_like(batch.pixels), batch.pixels
    )


def cell_labels(network: Localizer, pixels: Tensor) -> Tensor:
    """Pixel classes ``(B, H, W)`` -> class indices of the classifier's cells.

    A cell has a label where at least half of its pixels have it and none has
    another. Only for a network with a fully negative class, whose pixel
    channels are [it, *ROI classes].
    """
    assert network.negative_class is not None
    negative = network.classes.index(network.negative_class)
    order = torch.tensor([negative, *network.roi], device=pixels.device)
    each = torch.stack([pixels == i for i in range(len(order))], 1).float()
    share = functional.avg_pool2d(each, network.class_stride)
    most, which = share.max(1)
    known = (most >= 0.5) & (share.sum(1) == most)
    return torch.where(known, order[which], torch.full_like(which, IGNORE))
