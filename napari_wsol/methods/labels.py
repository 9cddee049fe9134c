"""What the labels of a batch say to each head of the network."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from napari_wsol.methods.method import Batch
from napari_wsol.methods.terms import IGNORE, partial_cross_entropy
from napari_wsol.models.localizer import Localizer


def is_positive(network: Localizer, labels: Tensor) -> Tensor:
    """``(B,)`` whether an image is labelled with a class that has a ROI."""
    roi = torch.tensor(network.roi, device=labels.device)
    return torch.isin(labels, roi)


def is_negative(network: Localizer, labels: Tensor) -> Tensor:
    """``(B,)`` whether an image is labelled with the fully negative class."""
    if network.negative_class is None:
        return torch.zeros_like(labels, dtype=torch.bool)
    return labels == network.classes.index(network.negative_class)


def among(classes: list[int], labels: Tensor) -> Tensor:
    """Labels as positions in ``classes``; ``IGNORE`` for the others."""
    moved = torch.full_like(labels, IGNORE)
    for position, label in enumerate(classes):
        moved[labels == label] = position
    return moved


def localizer_labels(network: Localizer, labels: Tensor) -> Tensor:
    """``(B,)`` image labels as channels of the localizer's maps.

    A class-map head has the classes in their order, a softmax head the fully
    negative class first. A softmax head without one does not tell classes
    apart: ``IGNORE`` throughout.
    """
    if network.by_class_maps:
        return labels
    if network.negative_class is None:
        return torch.full_like(labels, IGNORE)
    negative = network.classes.index(network.negative_class)
    return among([negative, *network.roi], labels)


def pixel_labels(network: Localizer, batch: Batch) -> Tensor:
    """``(B, H, W)``: fully negative images are background in every pixel."""
    negative = is_negative(network, batch.labels)[:, None, None]
    return batch.pixels.masked_fill(negative, 0)


FEW_PIXELS = 4096
"""Pixels of fields in a batch with which they count half: seven fields of
24 px.
"""


def pixel_terms(
    logits: Tensor,
    labels: Tensor,
    in_field: Tensor,
    weights: tuple[float, float],
    easiness: Tensor | None = None,
) -> dict[str, Tensor]:
    """What labelled pixels teach: ``'fields'``, and ``'pixels'`` beside them.

    Each is a mean of its own: fields are always right but small, so that
    among the pseudo-labels around them they would hardly count. Where a batch
    has few of their pixels (``FEW_PIXELS``) they count for less: a handful of
    corrections should not outweigh everything else.

    Parameters
    ----------
    logits, labels
        ``(B, K, H, W)``, and ``(B, H, W)`` as channels of them.
    in_field
        ``(B, H, W)``, as in ``Batch``.
    weights
        Of the term of pixels, and of that of fields.
    easiness
        ``(B, H, W)`` weight of each pixel that lies in no field.
    """
    pixel_weight, field_weight = weights
    beside = labels.masked_fill(in_field, IGNORE)
    within = labels.masked_fill(~in_field, IGNORE)
    count = (within != IGNORE).sum()
    return {
        'pixels': pixel_weight
        * partial_cross_entropy(logits, beside, easiness),
        'fields': field_weight
        * (count / (count + FEW_PIXELS))
        * partial_cross_entropy(logits, within),
    }


def as_channels(labels: Tensor, logits: Tensor) -> Tensor:
    """Pixel classes as channels of ``logits`` (B, K, H, W).

    With one channel for every ROI, all ROI classes are that one.
    """
    return labels.clamp_max(logits.shape[1] - 1)


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
