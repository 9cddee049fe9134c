"""Deletion and insertion: how an answer follows what a map points at."""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np
import numpy.typing as npt

from napari_wsol.inference.explanation import Curves
from napari_wsol.inference.pace import Pace
from napari_wsol.inference.settings import Progress

FloatMap = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Ranks = npt.NDArray[np.int64]

Ask = Callable[[FloatMap], Floats]
"""From masks ``(B, h, w)``, 1 where the crop is shown, to the probability
``(B,)`` of the class in question."""

STEPS = 20

RANDOM_ORDERS = 3
"""Over which the baseline is averaged."""


def curves(
    probability: FloatMap,
    ask: Ask,
    *,
    block: int,
    steps: int = STEPS,
    batch: int = 8,
    seed: int = 0,
) -> Generator[Progress, None, Curves]:
    """Hide and show a crop in the order of a map (RISE, BMVC 2018).

    The likeliest pixels go first; those that are equally likely, as where a
    map is saturated, in random order. The baseline goes block by block.

    Parameters
    ----------
    probability
        ``(h, w)``.
    block
        Side of the baseline's blocks, in pixels of the map.
    steps
        How many; fewer where the map has fewer pixels.
    batch
        Masks to ask about at once.
    seed
        Of what is random.

    Yields
    ------
    Progress
        In masks.
    """
    shape = probability.shape
    chance = np.random.default_rng(seed)
    size = probability.size
    marked = _ranks(chance.permutation(size), -probability)
    blind = [
        _ranks(np.arange(size), _random_blocks(shape, block, chance))
        for _ in range(RANDOM_ORDERS)
    ]
    counts = np.unique(np.round(np.linspace(0, size, steps + 1)).astype(int))
    inner = counts[1:-1, None, None]
    wanted = np.concatenate(
        [
            np.zeros((1, *shape), bool),
            np.ones((1, *shape), bool),
            marked >= inner,
            marked < inner,
            *(ranks < inner for ranks in blind),
        ]
    )
    pace = Pace(len(wanted), 'looks', 'hiding part after part')
    answers: list[Floats] = []
    for start in range(0, len(wanted), batch):
        masks = wanted[start : start + batch].astype(np.float32)
        answers.append(ask(masks))
        yield pace(start + len(masks))
    (hidden, shown), inside = np.split(np.concatenate(answers), [2])
    deletion, insertion, *baselines = np.split(inside, 2 + RANDOM_ORDERS)
    random = np.mean(baselines, 0)
    return Curves(
        tuple((counts / size).tolist()),
        (float(shown), *deletion.tolist(), float(hidden)),
        (float(hidden), *insertion.tolist(), float(shown)),
        (float(hidden), *random.tolist(), float(shown)),
    )


def _ranks(ties: npt.NDArray[np.int64], key: npt.NDArray[np.float32]) -> Ranks:
    """Place of each pixel in the order of a key; ``ties`` decides ties."""
    ranks = np.empty(key.size, np.int64)
    ranks[np.lexsort((ties, key.ravel()))] = np.arange(key.size)
    return ranks.reshape(key.shape)


def _random_blocks(
    shape: tuple[int, ...], block: int, chance: np.random.Generator
) -> npt.NDArray[np.float32]:
    """``(h, w)``, the same number all over a block, another in the next."""
    rows, columns = (-(-length // block) for length in shape)
    numbers = chance.permutation(rows * columns).reshape(rows, columns)
    large = numbers.repeat(block, 0).repeat(block, 1)
    return large[: shape[0], : shape[1]].astype(np.float32)
