"""Seeds: pixels drawn from a localization map as labels of one step."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from napari_wsol.methods.terms import IGNORE

_UNLIKELY = 1e-12
"""Lets a row without enough pixels be drawn from; its picks are dropped."""


def draw_seeds(localization: Tensor, count: int, size: int) -> Tensor:
    """Foreground and background seeds of each image, as pixel labels.

    ``count`` foreground pixels are drawn without replacement in proportion
    to the map and as many background pixels in proportion to one minus the
    map (as in the NEGEV paper). A pixel that the map gives no chance
    is never drawn, so there may be fewer. Each grows to a square, and what
    both claim is dropped.

    Parameters
    ----------
    localization
        ``(B, H, W)`` in [0, 1], NaN where unknown.
    count
        Pixels of either kind per image.
    size
        Side of the square, in pixels; odd.

    Returns
    -------
    Tensor
        ``(B, H, W)``: 1 foreground, 0 background, ``IGNORE`` elsewhere and
        wherever the map is unknown.
    """
    known = localization.isfinite()
    foreground = _drawn(localization.nan_to_num(0.0), count, size)
    background = _drawn((1 - localization).nan_to_num(0.0), count, size)
    labels = torch.full(localization.shape, IGNORE, device=localization.device)
    labels[foreground & ~background & known] = 1
    labels[background & ~foreground & known] = 0
    return labels


def _drawn(weight: Tensor, count: int, size: int) -> Tensor:
    """``(B, H, W)`` non-negative weights -> where the squares lie."""
    flat = weight.flatten(1)
    picks = torch.multinomial(flat + _UNLIKELY, min(count, flat.shape[1]))
    hits = torch.zeros_like(flat)
    hits.scatter_(1, picks, (flat.gather(1, picks) > 0).to(flat))
    grown = functional.max_pool2d(
        hits.view_as(weight)[:, None], size, stride=1, padding=size // 2
    )
    return grown[:, 0] > 0
