"""Min-max entropy with recursive erasing (arXiv 1907.12934, 2019)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from napari_wsol.methods.labels import (
    as_channels,
    is_positive,
    localizer_labels,
    pixel_labels,
    pixel_terms,
)
from napari_wsol.methods.method import Batch, Method
from napari_wsol.methods.second_look import background_loss, foreground_loss
from napari_wsol.methods.terms import IGNORE, partial_cross_entropy
from napari_wsol.models.localizer import Localizer, resize, without_margin

SIGMA = 0.5
"""Where the mask turns, on the stretched map."""


@dataclass(frozen=True)
class Pass:
    """One look of the localizer at images, the trusted ROI being erased.

    Parameters
    ----------
    images
        ``(B, 3, H, W)`` as they were looked at.
    features
        The encoder's maps of them.
    logits
        ``(B, K, H, W)`` pixel logits.
    losses
        ``(B,)`` cross-entropy of the localizer, 0 without a label.
    trust
        ``(B,)`` in [0, 1], how far this pass's mask is believed.
    region
        ``(B, 1, H, W)`` in [0, 1], all that was believed so far (detached).
    """

    images: Tensor
    features: list[Tensor]
    logits: Tensor
    losses: Tensor
    trust: Tensor
    region: Tensor


@dataclass
class MinMaxEntropy(Method):
    """A foreground of low, and a background of high, conditional entropy.

    Minimises ``CE(p_loc, y) + CE(p(X+), y) + H(uniform, p(X-))``, all
    weights 1. The mask is detached: the classifier's losses reach the
    localizer through the shared encoder alone. From ``erase_from`` on the
    region is gathered by recursive erasing (see ``erasing``).

    Parameters
    ----------
    erasings
        U, at most as many passes of the localizer; 0 never erases.
    erasing_decay
        sigma_e: a pass is trusted by ``exp(-t / sigma_e)`` at most.
    erase_from
        First epoch, from 0, with erasing.
    pixel_weight, field_weight
        Weight of what pseudo-labels and fully negative images say of
        pixels, and of what fields do.

    Notes
    -----
    The paper back-propagates each pass of the localizer at once. As masks
    are detached, no pass reaches the parameters through another: the sum of
    all passes' losses has the same gradients in one backward (and holds U
    graphs in memory).

    Ours, not the paper's: the ``classifier`` term on the whole image, since
    the model reports its class; and fully negative images. These have no
    region: they are background in every pixel, never erased (their trust
    is 0), and are not shown to the classifier through a mask.
    """

    erasings: int = 4
    erasing_decay: float = 10.0
    erase_from: int = 1
    pixel_weight: float = 1.0
    field_weight: float = 1.0

    def __post_init__(self) -> None:
        self.is_erasing = self.erasings > 0 and self.erase_from <= 0

    def begin_epoch(self, network: Localizer, epoch: int) -> None:
        """Start erasing when it is time; the mask turns at one half."""
        self.is_erasing = self.erasings > 0 and epoch >= self.erase_from
        network.sigma.fill_(SIGMA)

    def terms(self, network: Localizer, batch: Batch) -> dict[str, Tensor]:
        """Classification of whole, foreground, background; fields."""
        if self.is_erasing:
            passes = list(
                erasing(network, batch, self.erasings, self.erasing_decay)
            )
            region = passes[-1].region
        else:
            passes = [next(erasing(network, batch, 1, self.erasing_decay))]
            region = network.foreground(passes[0].logits).detach()
        first = passes[0]
        cells = without_margin(
            network.classifier(first.features[-1]),
            batch.margin // network.class_stride,
        )
        labelled = (batch.labels != IGNORE).sum().clamp_min(1)
        losses = torch.stack([each.losses.sum() for each in passes])
        terms = {
            'classifier': partial_cross_entropy(
                network.image_scores(cells), batch.labels
            ),
            'localizer': losses.sum() / labelled,
            **pixel_terms(
                first.logits,
                as_channels(pixel_labels(network, batch), first.logits),
                batch.in_field,
                (self.pixel_weight, self.field_weight),
            ),
        }
        positive = is_positive(network, batch.labels)
        if positive.any():
            images, region = batch.images[positive], region[positive]
            terms['foreground'] = foreground_loss(
                network, images, region, batch.labels[positive]
            )
            terms['background'] = background_loss(
                network, images, region, 'surrogate'
            )
        return terms


def erasing(
    network: Localizer, batch: Batch, times: int, decay: float
) -> Iterator[Pass]:
    """Look, erase what was found as far as it is trusted, look again.

    Ends after ``times`` passes, or earlier once no image is trusted any
    more. A pass is trusted by ``exp(-t / decay)`` times the probability of
    the predicted class, and not at all where the prediction is wrong or
    ever was, or the loss is above that of the first pass. Images that hold
    no ROI, or carry no label, are never trusted.
    """
    images = batch.images
    targets = localizer_labels(network, batch.labels)
    history = is_positive(network, batch.labels)
    region = torch.zeros_like(images[:, :1])
    first: Tensor | None = None
    for t in range(times):
        with _range_learned(network, learned=first is None):
            features = network.encoder(images)
            maps = network.localizer_maps(features)
            logits = resize(network.pixel_logits(maps), images.shape[-2:])
        inner = without_margin(maps, batch.margin // network.stride)
        scores = network.image_scores(inner)
        losses = functional.cross_entropy(
            scores, targets, ignore_index=IGNORE, reduction='none'
        )
        if first is None:
            first = losses.detach()
        sure, predicted = scores.detach().softmax(1).max(1)
        history = history & (predicted == targets)
        trust = math.exp(-t / decay) * sure * history * (losses <= first)
        mask = network.foreground(logits).detach()
        region = torch.maximum(region, trust[:, None, None, None] * mask)
        yield Pass(images, features, logits, losses, trust, region)
        if not history.any():
            return
        erased = images * (1 - region)
        images = torch.where(trust[:, None, None, None] > 0, erased, images)


@contextmanager
def _range_learned(network: Localizer, *, learned: bool) -> Iterator[None]:
    """Whether the running range of maps follows what is looked at.

    It stands for the image's own range at inference, where nothing is
    erased.
    """
    if network.range is None or learned:
        yield
        return
    momentum, network.range.momentum = network.range.momentum, 0.0
    try:
        yield
    finally:
        network.range.momentum = momentum
