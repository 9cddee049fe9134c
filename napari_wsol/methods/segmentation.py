"""A segmenter taught by pseudo-labelled pixels, some of which are wrong."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_wsol.methods.labels import (
    as_channels,
    cell_labels,
    is_negative,
    is_positive,
    pixel_labels,
    pixel_terms,
)
from napari_wsol.methods.method import Batch, Method, encoder_maps
from napari_wsol.methods.second_look import (
    Uncertainty,
    background_loss,
    foreground_loss,
)
from napari_wsol.methods.terms import IGNORE, partial_cross_entropy
from napari_wsol.models.localizer import Localizer, resize, without_margin


@dataclass
class Segmentation(Method):
    """Cross-entropy over labelled pixels, easy ones counting for more.

    Parameters
    ----------
    pixel_weight, field_weight
        Weight of the pseudo-labelled pixels, and of those of fields.
    easy_weighting
        Weight each pixel by how easy its label is under the network itself
        (OEEM, MICCAI 2022): a label that the rest of the data contradicts
        is likely wrong. Fields and fully negative images are certain: theirs
        count fully.
    masked_weight
        Weight of a second look of the classifier through the detached mask:
        sure of the foreground, unsure of the background (as in
        max-min uncertainty), so that image entropies keep their meaning.
    uncertainty
        Of the background: ``'surrogate'`` or ``'explicit'``.
    """

    pixel_weight: float = 1.0
    field_weight: float = 1.0
    easy_weighting: bool = True
    masked_weight: float = 0.0
    uncertainty: Uncertainty = 'surrogate'

    def terms(self, network: Localizer, batch: Batch) -> dict[str, Tensor]:
        """Pixels; the class of the whole image; the second look."""
        features = encoder_maps(network, batch)
        maps = network.localizer_maps(features)
        logits = resize(network.pixel_logits(maps), batch.images.shape[-2:])
        cells = network.classifier(features[-1])
        inner = without_margin(cells, batch.margin // network.class_stride)
        pixels = pixel_labels(network, batch)
        labels = as_channels(pixels, logits)
        weight = None
        if self.easy_weighting:
            certain = is_negative(network, batch.labels)[:, None, None]
            weight = easiness(logits, labels).masked_fill(certain, 1.0)
        terms = {
            'classifier': partial_cross_entropy(
                network.image_scores(inner), batch.labels
            ),
            **pixel_terms(
                logits,
                labels,
                batch.in_field,
                (self.pixel_weight, self.field_weight),
                weight,
            ),
        }
        if network.negative_class is not None:
            terms['cells'] = self.pixel_weight * partial_cross_entropy(
                network.evidence(cells), cell_labels(network, pixels)
            )
        positive = is_positive(network, batch.labels)
        if self.masked_weight and positive.any():
            images = without_margin(batch.images[positive], batch.margin)
            mask = without_margin(
                network.foreground(logits[positive]).detach(), batch.margin
            )
            terms['foreground'] = self.masked_weight * foreground_loss(
                network, images, mask, batch.labels[positive]
            )
            terms['background'] = self.masked_weight * background_loss(
                network, images, mask, self.uncertainty
            )
        return terms


def easiness(logits: Tensor, labels: Tensor) -> Tensor:
    """``(B, H, W)`` probability of each pixel's label, 1 on average.

    Detached; the mean is taken over the labelled pixels of each image. 0
    where there is no label (OEEM, MICCAI 2022). The classes of regions count
    as one: a map may be wrong about where a region is, while its class is
    that of the image. Told apart, one that a network knows less would count
    less and be forgotten.

    Parameters
    ----------
    logits, labels
        ``(B, K, H, W)`` and ``(B, H, W)``, ``IGNORE`` where unlabelled.
    """
    known = labels != IGNORE
    background = logits.detach().softmax(1)[:, 0]
    own = torch.where(labels == 0, background, 1 - background) * known
    mean = own.sum((1, 2)) / known.sum((1, 2)).clamp_min(1)
    return own / mean.clamp_min(1e-6)[:, None, None]
