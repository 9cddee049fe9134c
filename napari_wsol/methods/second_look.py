"""The classifier looks again: at the foreground, and at what is left."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from napari_wsol.methods.terms import (
    explicit_uncertainty,
    partial_cross_entropy,
    surrogate_uncertainty,
)
from napari_wsol.models.localizer import Localizer

Uncertainty = Literal['surrogate', 'explicit']


def foreground_loss(
    network: Localizer, images: Tensor, mask: Tensor, labels: Tensor
) -> Tensor:
    """The foreground decides: cross-entropy of ``images * mask``.

    ``images`` are ``(B, 3, H, W)`` normalised, so that what is hidden is
    mid-grey; ``mask`` is ``(B, 1, H, W)`` in [0, 1].
    """
    return partial_cross_entropy(network.masked_scores(images, mask), labels)


def background_loss(
    network: Localizer, images: Tensor, mask: Tensor, kind: Uncertainty
) -> Tensor:
    """The rest leaves unsure: uncertainty of ``images * (1 - mask)``."""
    scores = network.masked_scores(images, 1 - mask)
    if kind == 'surrogate':
        return surrogate_uncertainty(scores)
    return explicit_uncertainty(scores)
