"""Neighbours of one colour are of one class."""

from __future__ import annotations

import torch
from torch import Tensor

OFFSETS = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 3), (3, 0), (3, 3), (3, -3))
"""Neighbours, in cells: half of the eight at distances 1 and 3."""


def colour_affinity(
    probability: Tensor, images: Tensor, sigma: float
) -> Tensor:
    """Mean disagreement of neighbours, weighted by likeness of colour.

    ``exp(-|dI|^2 / 2 sigma^2) (1 - sum_k p_k q_k)`` over pairs of
    neighbours: the energy of a dense CRF (Tang et al., ECCV 2018) kept to a
    few offsets, so that it costs little.

    Parameters
    ----------
    probability
        ``(B, K, h, w)`` class probabilities.
    images
        ``(B, 3, h, w)`` normalised colours of the same cells.
    sigma
        Distance of colours, in units of ``images``, at which likeness
        fades.
    """
    losses = []
    height, width = images.shape[-2:]
    for down, right in OFFSETS:
        if down >= height or abs(right) >= width:
            continue
        p, q = _pair(probability, down, right)
        here, there = _pair(images, down, right)
        distance = (here - there).square().sum(1)
        likeness = torch.exp(-distance / (2 * sigma**2))
        losses.append((likeness * (1 - (p * q).sum(1))).mean())
    return torch.stack(losses).mean()


def _pair(maps: Tensor, down: int, right: int) -> tuple[Tensor, Tensor]:
    """Views of maps such that equal indices are ``(down, right)`` apart."""
    height, width = maps.shape[-2:]
    left, shift = max(0, -right), max(0, right)
    first = maps[..., : height - down, left : width - shift]
    second = maps[..., down:, left + right : width - shift + right]
    return first, second
