"""A map against the truth."""

import math

import dask.array as da
import numpy as np
import pytest
import zarr
from made_maps import labelled, regions_of
from made_masks import MASKS

from napari_wsol.evaluation.pixels import ScoreHistogram, confusion
from napari_wsol.regions import truth as module
from napari_wsol.regions.region import Frame
from napari_wsol.regions.truth import (
    BACKGROUND,
    FALSE_NEGATIVE,
    FALSE_POSITIVE,
    ROI,
    TRUE_POSITIVE,
    UNKNOWN,
    judge,
    level_to_judge,
    shares_of_truth,
)

SHAPE = (37, 53)
THRESHOLDS = (0.01, 0.25, 0.5, 0.77, 0.99)


def random_case(seed=0, unknown=False):
    """Probabilities in whole 4096ths, and a truth that they tell of."""
    generator = np.random.default_rng(seed)
    probability = generator.integers(0, 4097, SHAPE) / np.float32(4096)
    found = probability + generator.normal(0, 0.3, SHAPE) > 0.6
    truth = np.where(found, ROI, BACKGROUND).astype(np.uint8)
    if unknown:
        truth[generator.random(SHAPE) < 0.3] = UNKNOWN
    return probability.astype(np.float32), truth


def as_zarr(values):
    return zarr.array(values, chunks=(16, 16))


@pytest.mark.parametrize(
    'kept',
    [np.asarray, lambda values: da.from_array(values, (10, 20)), as_zarr],
    ids=['numpy', 'dask', 'zarr'],
)
@pytest.mark.parametrize('threshold', THRESHOLDS)
def test_figures_are_those_of_the_mask(kept, threshold):
    probability, truth = random_case()
    figures = judge(kept(probability), truth).figures(threshold)
    counts = confusion(probability >= np.float32(threshold), truth == ROI)
    assert figures.f1_foreground == pytest.approx(100 * counts.f1_foreground)
    assert figures.f1_background == pytest.approx(100 * counts.f1_background)
    assert figures.tp == pytest.approx(
        100 * np.mean(probability[truth == ROI] >= np.float32(threshold))
    )
    assert figures.fp == pytest.approx(
        100
        * np.mean(probability[truth == BACKGROUND] >= np.float32(threshold))
    )
    assert figures.tp + figures.fn == pytest.approx(100)
    assert figures.fp + figures.tn == pytest.approx(100)


def test_pxap_is_that_of_evaluation():
    probability, truth = random_case()
    histogram = ScoreHistogram()
    histogram.add(probability, truth == ROI)
    judgement = judge(probability, truth)
    assert judgement.figures(0.5).pxap == histogram.pxap()
    assert judgement.figures(0.1).pxap == histogram.pxap()


def test_what_is_not_known_does_not_count():
    probability, truth = random_case(unknown=True)
    known = truth != UNKNOWN
    judgement = judge(probability, truth)
    assert judgement.known == known.sum()
    counts = confusion(probability[known] >= 0.5, truth[known] == ROI)
    figures = judgement.figures(0.5)
    assert figures.f1_foreground == pytest.approx(100 * counts.f1_foreground)


def test_without_foreground_there_is_no_share_of_it():
    probability, truth = random_case()
    figures = judge(probability, np.zeros_like(truth)).figures(0.5)
    assert figures.f1_foreground == 0
    assert math.isnan(figures.pxap)
    assert math.isnan(figures.tp)
    assert math.isnan(figures.fn)
    assert figures.fp == pytest.approx(100 * (probability >= 0.5).mean())


@pytest.mark.parametrize('kept', [np.asarray, as_zarr], ids=['numpy', 'zarr'])
@pytest.mark.parametrize('threshold', THRESHOLDS)
def test_every_error_is_where_it_was_made(kept, threshold):
    probability, truth = random_case(unknown=True)
    marked = probability >= np.float32(threshold)
    errors = judge(kept(probability), truth).errors(threshold)
    assert errors.dtype == np.uint8
    for value, expected in (
        (TRUE_POSITIVE, marked & (truth == ROI)),
        (FALSE_POSITIVE, marked & (truth == BACKGROUND)),
        (FALSE_NEGATIVE, ~marked & (truth == ROI)),
    ):
        np.testing.assert_array_equal(errors == value, expected)


def test_the_truth_must_be_of_the_map_s_shape():
    probability, truth = random_case()
    with pytest.raises(ValueError, match='known'):
        judge(probability, truth[1:])


def test_a_large_map_is_judged_on_a_coarser_level(monkeypatch):
    levels = [np.zeros((side, side)) for side in (80, 40, 20)]
    assert level_to_judge(levels) == (levels[0], 1)
    monkeypatch.setattr(module, 'MOST_PIXELS', 1600)
    level, coarser = level_to_judge(levels)
    assert level is levels[1]
    assert coarser == 2
    monkeypatch.setattr(module, 'MOST_PIXELS', 10)
    assert level_to_judge(levels)[1] == 4


@pytest.mark.parametrize('mask', MASKS.values(), ids=MASKS)
@pytest.mark.parametrize('coarser', [1, 2])
def test_a_region_s_share_is_that_of_its_pixels(mask, coarser, monkeypatch):
    monkeypatch.setattr(module, 'SIDE', 6)
    table, outlines = regions_of(mask, frame=Frame(1.0, 1.0))
    generator = np.random.default_rng(1)
    coarse = [-(-side // coarser) for side in mask.shape]
    truth = generator.choice(
        np.array([BACKGROUND, ROI, UNKNOWN], np.uint8), coarse
    )
    fine = truth.repeat(coarser, 0).repeat(coarser, 1)
    fine = fine[: mask.shape[0], : mask.shape[1]]
    shares = shares_of_truth(outlines, mask.shape, truth, coarser)
    assert shares.shape == (len(table),)
    numbers = labelled(mask)
    for number, share in enumerate(shares, 1):
        there = fine[numbers == number]
        known = there[there != UNKNOWN]
        expected = (known == ROI).mean() if known.size else math.nan
        assert share == pytest.approx(expected, nan_ok=True)
