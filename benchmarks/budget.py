"""Whether a false-positive budget is kept: area marked on held-out negatives.

    python benchmarks/budget.py --threads 1
    python benchmarks/budget.py --data DATA/camelyon16/patches_256.csv \
        --negative-class normal --threads 1

Predicts fully negative images once: those of a table or folder of classes or,
without ``--data``, squares of synthetic slides that hold no gland. Then over
random halves the threshold is chosen on one half (``regions.budget``) and
what it marks on the other is measured. Where images come in groups (slides),
this is done a second time with groups kept together.

Prints for each budget the mean false-positive area over the splits with its
standard error, how many splits were refused, and the median threshold.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from statistics import mean, median, stdev

import numpy as np
import torch

from napari_wsol.errors import BadInputError
from napari_wsol.inference.inmemory import probability_of
from napari_wsol.inference.maps import GRAIN
from napari_wsol.models.library import DEFAULT_MODEL, find_model
from napari_wsol.models.loading import LoadedModel, load_model
from napari_wsol.regions.budget import choose_budget, marked_shares
from napari_wsol.regions.scores import Counts, count_scores
from napari_wsol.slides.arrays import ArraySlide
from napari_wsol.slides.slide import Slide
from napari_wsol.slides.synthetic import synthetic_slide
from napari_wsol.training.table import read_table
from napari_wsol.training.views import opened

ALPHAS = (0.005, 0.01, 0.02, 0.05, 0.1)
SIDE, MPP, PER_SLIDE, GLASS = 256, 0.5, 4, 225

Item = tuple[Slide, str]
"""A fully negative image and its group."""


def listed(source: Path, negative: str) -> Iterator[Item]:
    """The images of one class."""
    for row in read_table(source).rows:
        if row.label == negative:
            yield opened(row.image, row.mpp), row.group


def synthetic(number: int) -> Iterator[Item]:
    """Squares of tissue without a gland, a few per slide."""
    left = number
    for seed in count():
        slide = synthetic_slide(4 * SIDE, 6 * SIDE, seed, MPP)
        found = 0
        for place in range(24):
            y, x = (side * SIDE for side in divmod(place, 6))
            if slide.gland_mask(y, x, SIDE, SIDE).any():
                continue
            pixels = slide.read_level(0, y, x, SIDE, SIDE)
            if pixels.mean() > GLASS or found == PER_SLIDE:
                continue
            yield ArraySlide('square', [pixels], slide.pixel_size), f'{seed}'
            found, left = found + 1, left - 1
            if not left:
                return


def predicted(
    items: Iterator[Item], model: LoadedModel, cut: int
) -> tuple[list[Counts], list[str]]:
    """The scores of each image or field, counted, and its group."""
    counts, groups = [], []
    for slide, group in items:
        probability, _ = probability_of(slide, model)
        for rows in np.array_split(probability, cut):
            for field in np.array_split(rows, cut, axis=1):
                counts.append(count_scores(field))
                groups.append(group)
    return counts, groups


def line(
    alpha: float, counts: Sequence[Counts], groups: Sequence[str], splits: int
) -> str:
    """One budget over all splits, in percent of the area."""
    rng = np.random.default_rng(0)
    names = np.array(groups)
    units = np.unique(names)
    shares = {unit: marked_shares_of(counts, names, unit) for unit in units}
    realised, thresholds, refused = [], [], 0
    for _ in range(splits):
        order = rng.permutation(units)
        half = set(order[: len(units) // 2])
        inside = [i for i, name in enumerate(names) if name in half]
        try:
            budget = choose_budget(
                [counts[i] for i in inside],
                alpha,
                [groups[i] for i in inside],
            )
        except BadInputError:
            refused += 1
            continue
        place = round(budget.threshold * GRAIN)
        held_out = order[len(units) // 2 :]
        realised.append(mean(float(shares[u][place]) for u in held_out))
        thresholds.append(budget.threshold)
    if len(realised) < 2:
        return f'| {100 * alpha:g} % | | | {refused} | |'
    error = stdev(realised) / len(realised) ** 0.5
    return (
        f'| {100 * alpha:g} % | {100 * mean(realised):.3f} % | '
        f'{100 * error:.3f} % | {refused} | {median(thresholds):.3f} |'
    )


def marked_shares_of(
    counts: Sequence[Counts], names: np.ndarray, unit: str
) -> np.ndarray:
    """What each threshold marks of a unit, mean of its images."""
    chosen = [counts[i] for i in np.flatnonzero(names == unit)]
    return marked_shares(chosen).mean(0)


def table(
    title: str, counts: Sequence[Counts], groups: Sequence[str], splits: int
) -> None:
    """Print a line per budget."""
    units = len(set(groups))
    print(f'\n{title}: {len(counts)} fields, {units} units, {splits} splits')
    print('| budget | realised | standard error | refused | threshold |')
    print('|---|---|---|---|---|')
    for alpha in ALPHAS:
        print(line(alpha, counts, groups, splits), flush=True)


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--model', default=DEFAULT_MODEL)
    parser.add_argument('--data', type=Path)
    parser.add_argument('--negative-class', default='normal')
    parser.add_argument('--synthetic', type=int, default=480)
    parser.add_argument(
        '--cut', type=int, default=1, help='fields per side of an image'
    )
    parser.add_argument('--splits', type=int, default=200)
    parser.add_argument('--threads', type=int)
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    model = load_model(find_model(given.model))
    items = synthetic(given.synthetic)
    if given.data is not None:
        items = listed(given.data, given.negative_class)
    counts, groups = predicted(items, model, given.cut)
    usual = model.card.threshold
    marked = marked_shares(counts)[:, round(usual * GRAIN)].mean()
    print(f'At the usual threshold {usual:g} {100 * marked:.2f} % is marked.')
    alone = [str(number) for number in range(len(counts))]
    table('Each field for itself', counts, alone, given.splits)
    if len(set(groups)) not in (1, len(groups)):
        table('Slides kept together', counts, groups, given.splits)


if __name__ == '__main__':
    main()
