"""From class maps to class scores."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from napari_wsol.models.card import Architecture


def global_average(maps: Tensor) -> Tensor:
    """Mean over cells, ``(..., N)`` -> ``(...)`` (GAP)."""
    return maps.mean(-1)


def global_max(maps: Tensor) -> Tensor:
    """Largest cell, ``(..., N)`` -> ``(...)``."""
    return maps.amax(-1)


def log_sum_exp(maps: Tensor, sharpness: float = 10.0) -> Tensor:
    """Smooth maximum ``(1/r) log mean exp(r x)`` of the last axis."""
    cells = maps.shape[-1]
    total = torch.logsumexp(sharpness * maps, -1) - math.log(cells)
    return total / sharpness


def wildcat(
    maps: Tensor, kmax: float, kmin: float = 0.0, alpha: float = 0.6
) -> Tensor:
    """Mean of the highest cells plus evidence of the lowest (WILDCAT).

    Parameters
    ----------
    maps
        ``(..., N)``, the last axis holding the cells of one map.
    kmax, kmin
        Share of cells (or, from 1 on, their number) in the top and the
        bottom mean. At least one cell is always in the top.
    alpha
        Weight of the bottom mean; without bottom cells the result is the
        top mean alone, otherwise ``top + alpha * bottom``.

    Notes
    -----
    Durand et al., CVPR 2017, eq. 3.
    """
    cells = maps.shape[-1]
    top = maps.topk(_count(kmax, cells, least=1), dim=-1).values.mean(-1)
    lowest = _count(kmin, cells, least=0)
    if lowest == 0:
        return top
    bottom = maps.topk(lowest, dim=-1, largest=False).values.mean(-1)
    return top + alpha * bottom


def attention(maps: Tensor) -> Tensor:
    """Mean evidence of cells, weighted by the softmax of their logits.

    Parameters
    ----------
    maps
        ``(..., C + 1, N)``, the last map holding the attention logits.

    Returns
    -------
    ``(..., C)``.

    Notes
    -----
    Ilse et al., ICML 2018, eq. 7: with linear class maps, the mean of their
    cells is the class map of the mean cell.
    """
    weights = maps[..., -1:, :].softmax(-1)
    return (weights * maps[..., :-1, :]).sum(-1)


def pool(maps: Tensor, architecture: Architecture) -> Tensor:
    """Scores of class maps as the architecture says.

    ``(..., C, N) -> (..., C)``; ``(..., C + 1, N) -> (..., C)`` where the
    pooling is by attention.
    """
    match architecture.pooling:
        case 'gap':
            return global_average(maps)
        case 'max':
            return global_max(maps)
        case 'lse':
            return log_sum_exp(maps)
        case 'wildcat':
            return wildcat(
                maps, architecture.kmax, architecture.kmin, architecture.alpha
            )
        case 'attention':
            return attention(maps)


def _count(share: float, cells: int, least: int) -> int:
    count = round(share * cells) if share < 1 else int(share)
    return min(cells, max(least, count))
