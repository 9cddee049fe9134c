"""Masks on which labelling and outlining can go wrong."""

import numpy as np


def spiral(side):
    """One thin region that winds inwards."""
    mask = np.zeros((side, side), bool)
    top, left, bottom, right = 0, 0, side - 1, side - 1
    while top <= bottom and left <= right:
        mask[top, max(left - 2, 0) : right + 1] = True
        mask[top : bottom + 1, right] = True
        mask[bottom, left : right + 1] = True
        mask[top + 2 : bottom + 1, left] = True
        top, left, bottom, right = top + 2, left + 2, bottom - 2, right - 2
    return mask


def comb(side):
    """Teeth that meet in the last row only."""
    mask = np.zeros((side, side), bool)
    mask[:, ::2] = True
    mask[-1] = True
    return mask


def nested(side):
    """Rings within rings: holes that hold regions with holes."""
    y, x = np.indices((side, side))
    distance = np.minimum.reduce([y, x, side - 1 - y, side - 1 - x])
    return distance % 2 == 0


def chequered(side):
    """Pixels that touch by their corners only."""
    return np.indices((side, side)).sum(0) % 2 == 0


def laced(side):
    """One region full of gaps, of which many touch by their corners."""
    mask = ~chequered(side)
    mask[:, ::4] = True
    mask[0] = mask[-1] = True
    return mask


def pinched():
    """A ring that is closed by the corners of two pixels only."""
    return np.array(
        [
            [0, 1, 1, 1],
            [1, 0, 0, 1],
            [1, 0, 0, 1],
            [1, 1, 1, 1],
        ],
        bool,
    )


def noise(seed):
    """Random pixels, some masks smoothed into blobs, of any side."""
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 24, 2)
    values = rng.random(shape)
    if seed % 2:
        values = (values + np.roll(values, 1, 0) + np.roll(values, 1, 1)) / 3
    return values < rng.uniform(0.3, 0.8)


MASKS = {
    'spiral': spiral(21),
    'comb': comb(17),
    'comb lying': comb(17).T,
    'comb upside down': comb(17)[::-1],
    'nested': nested(19),
    'chequered': chequered(9),
    'laced': laced(17),
    'pinched': pinched(),
    'pinched other way': pinched()[:, ::-1],
    'empty': np.zeros((11, 7), bool),
    'full': np.ones((11, 7), bool),
    'one pixel': np.pad(np.ones((1, 1), bool), ((3, 5), (8, 0))),
    'one row': np.ones((1, 12), bool),
    **{f'noise {seed}': noise(seed) for seed in range(8)},
}

CUTS = ((64, 64), (5, 4), (3, 16))
"""Chunks into which they are cut; the first holds each mask whole."""
