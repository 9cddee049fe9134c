"""The terms that the methods' losses are made of."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

IGNORE = -1
"""Label of images and pixels that carry none."""


def surrogate_uncertainty(logits: Tensor) -> Tensor:
    """Cross-entropy of the uniform law, in nats: smallest when unsure.

    ``(B, C)`` -> scalar, ``-mean_b (1/C) sum_c log p_c`` (TMI's SEM, there in
    bits; MM19's conditional-entropy term).
    """
    return -logits.log_softmax(-1).mean()


def explicit_uncertainty(logits: Tensor) -> Tensor:
    """Negative entropy, in nats: smallest when unsure (TMI's EEM).

    ``(B, C)`` -> scalar, ``mean_b sum_c p_c log p_c``.
    """
    log_p = logits.log_softmax(-1)
    return (log_p.exp() * log_p).sum(-1).mean()


def extended_log_barrier(f: Tensor, t: float) -> Tensor:
    """Barrier for ``f <= 0`` that is finite, and has a slope, beyond it.

    ``-(1/t) log(-f)`` where ``f <= -1/t**2``, its tangent elsewhere
    (Kervadec et al. 2019; TMI eq. 8). Elementwise.
    """
    bound = 1 / t**2
    inside = -torch.log((-f).clamp_min(bound)) / t
    outside = t * f - math.log(bound) / t + 1 / t
    return torch.where(f <= -bound, inside, outside)


def size_barrier(mask: Tensor, t: float) -> Tensor:
    """Both the mask and its complement are to have some area (TMI, ASC).

    ``mask`` is ``(B, 1, H, W)`` in [0, 1]; sizes are in pixels.
    """
    foreground = mask.sum((1, 2, 3))
    background = (1 - mask).sum((1, 2, 3))
    return (
        extended_log_barrier(-foreground, t)
        + extended_log_barrier(-background, t)
    ).mean()


def foreground_barrier(mask: Tensor, t: float) -> Tensor:
    """The mask is to have some area; ``(B, 1, H, W)``, sizes in pixels."""
    return extended_log_barrier(-mask.sum((1, 2, 3)), t).mean()


def area_barrier(mask: Tensor, low: float, high: float, t: float) -> Tensor:
    """The mask is to cover between ``low`` and ``high`` of each image.

    ``mask`` is ``(B, 1, H, W)`` in [0, 1]; areas are shares of the image.
    With 0 and 1 the slopes are those of ``size_barrier``, unless nearly
    nothing or everything is covered.
    """
    area = mask.mean((1, 2, 3))
    return (
        extended_log_barrier(low - area, t)
        + extended_log_barrier(area - high, t)
    ).mean()


def partial_cross_entropy(
    logits: Tensor, labels: Tensor, weight: Tensor | None = None
) -> Tensor:
    """Mean cross-entropy over what is labelled, 0 (never NaN) where nothing.

    Parameters
    ----------
    logits, labels
        ``(B, K, ...)`` and ``(B, ...)``; ``IGNORE`` marks the unlabelled.
    weight
        ``(B, ...)`` weight of each labelled element.
    """
    known = (labels != IGNORE).to(logits.dtype)
    loss = F.cross_entropy(
        logits, labels, ignore_index=IGNORE, reduction='none'
    )
    if weight is not None:
        known = known * weight
    return (loss * known).sum() / known.sum().clamp_min(1e-6)
