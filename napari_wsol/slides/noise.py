"""Noise that depends on the place only, never on how a picture is cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[Any]

_WORD = 0xFFFFFFFF


def hashed(y: Integers, x: Integers, key: int) -> Floats:
    """A random-looking value in 0..1 for each pair of integers.

    Parameters
    ----------
    y, x
        Integer arrays that broadcast against one another.
    key
        Another key gives other values.
    """
    bits = np.asarray(y).astype(np.uint32) * np.uint32(0xD8163841)
    bits = bits ^ (np.asarray(x).astype(np.uint32) * np.uint32(0x8DA6B343))
    bits = np.atleast_1d(bits) ^ np.uint32(key * 0xCB1AB31F & _WORD)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        bits ^= bits >> np.uint32(shift)
        bits *= np.uint32(factor)
    bits ^= bits >> np.uint32(16)
    return (bits >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def noise_on_grid(y: Floats, x: Floats, length: float, key: int) -> Floats:
    """Smooth noise in 0..1 on a regular grid, ``(len(y), len(x))``.

    Parameters
    ----------
    y, x
        Rising coordinates of the rows and of the columns.
    length
        Distance over which the noise changes, in the same unit.
    """
    rows, down = _lattice(y, length)
    columns, across = _lattice(x, length)
    top, left = rows.min(), columns.min()
    table = hashed(
        np.arange(top, rows.max() + 2)[:, None],
        np.arange(left, columns.max() + 2),
        key,
    )
    rows, columns = rows - top, columns - left
    lines = table[rows] + (table[rows + 1] - table[rows]) * down[:, None]
    start = lines[:, columns]
    return np.asarray(start + (lines[:, columns + 1] - start) * across)


def noise_at(y: Floats, x: Floats, length: float, key: int) -> Floats:
    """Smooth noise in 0..1 at any points, of the points' shape."""
    rows, down = _lattice(y, length)
    columns, across = _lattice(x, length)
    top, left = rows.min(), columns.min()
    table = hashed(
        np.arange(top, rows.max() + 2)[:, None],
        np.arange(left, columns.max() + 2),
        key,
    )
    stride = table.shape[1]
    flat = table.ravel()
    index = (rows - top) * stride + (columns - left)
    upper = flat[index]
    upper = upper + (flat[index + 1] - upper) * across
    lower = flat[index + stride]
    lower = lower + (flat[index + stride + 1] - lower) * across
    return np.asarray(upper + (lower - upper) * down)


def _lattice(
    values: Floats, length: float
) -> tuple[npt.NDArray[np.int64], Floats]:
    """The lattice point before each value, and the eased way to the next."""
    scaled = values * np.float32(1 / length)
    before = np.floor(scaled)
    way = scaled - before
    return before.astype(np.int64), way * way * (3 - 2 * way)
