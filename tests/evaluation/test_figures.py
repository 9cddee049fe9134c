import numpy as np
import pytest

from napari_wsol.evaluation.calibration import (
    pixel_brier,
    pixel_calibration_error,
    pixel_reliability,
)
from napari_wsol.evaluation.cohort import Cohort, Observation
from napari_wsol.evaluation.figures import Statistics
from napari_wsol.evaluation.pixels import ScoreHistogram, confusion

RNG = np.random.default_rng(0)


def observed(number, group=None, *, share=0.4, threshold=0.5, negative=False):
    """A made-up image, and its scores and truth."""
    truth = RNG.random(500) < share
    score = np.clip(RNG.normal(0.35 + 0.3 * truth, 0.2), 0, 1).round(3)
    histogram = ScoreHistogram()
    histogram.add(score, truth)
    sure = RNG.random()
    seen = Observation(
        group=group or f'case {number}',
        label=number % 2,
        probabilities=np.array([sure, 1 - sure]),
        marked=float((score >= threshold).mean()),
        negative=negative,
        confusion=confusion(score >= threshold, truth),
        by_class=np.array([[3, 1, 2], [4, 0, 0]]),
    )
    return seen, histogram, score, truth


def cohort_of(images):
    cohort = Cohort(('benign', 'malignant'), ('benign', 'malignant'))
    for seen, histogram, *_ in images:
        cohort.add(seen, histogram)
    return cohort


def test_pooled_figures_are_those_of_all_pixels_together():
    images = [observed(n, f'case {n // 3}') for n in range(9)]
    score = np.concatenate([image[2] for image in images])
    truth = np.concatenate([image[3] for image in images])
    whole = ScoreHistogram()
    whole.add(score, truth)
    at = confusion(score >= 0.5, truth)
    told = Statistics(cohort_of(images)).figures()
    assert told['pxap'][0] == pytest.approx(whole.pxap())
    assert told['miou'][0] == pytest.approx(100 * at.mean_iou)
    assert told['tp'][0] == pytest.approx(100 * at.tp / truth.sum())
    assert told['fp'][0] == pytest.approx(100 * at.fp / (~truth).sum())
    assert told['brier_pixels'][0] == pytest.approx(
        100 * ((score - truth) ** 2).mean(), abs=0.1
    )


def test_f1_is_the_mean_of_images_and_not_of_pixels():
    images = [observed(n) for n in range(6)]
    each = [image[0].confusion.f1_foreground for image in images]
    told = Statistics(cohort_of(images)).figures()
    assert told['f1_foreground'][0] == pytest.approx(100 * np.mean(each))


def test_a_group_drawn_twice_counts_twice():
    images = [observed(n, f'case {n // 2}') for n in range(6)]
    weights = np.array([[2.0, 0.0, 1.0]])
    weighted = Statistics(cohort_of(images)).figures(weights)
    drawn = cohort_of([*images[:2], *images[:2], *images[4:]])
    for name, (value,) in Statistics(drawn).figures().items():
        assert weighted[name][0] == pytest.approx(value, nan_ok=True), name


def test_an_empty_mask_left_empty_is_a_full_success():
    seen, histogram, *_ = observed(0, share=0, threshold=1.1)
    told = Statistics(cohort_of([(seen, histogram)])).figures()
    assert told['f1_foreground'][0] == told['f1_background'][0] == 100
    assert told['miou'][0] == 100
    assert np.isnan(told['f1_foreground_present'][0])
    assert np.isnan(told['pxap'][0])


def test_negative_images_are_asked_for_what_is_marked():
    seen = [
        Observation('a', marked=0.5, negative=True),
        Observation('b', marked=0.0, negative=True),
        Observation('c', marked=0.9),
    ]
    cohort = Cohort(())
    for each in seen:
        cohort.add(each)
    told = Statistics(cohort).figures()
    assert told['negative_foreground'][0] == pytest.approx(25)
    assert told['negative_marked'][0] == pytest.approx(50)
    assert 'classification_error' not in told
    assert np.isnan(told['f1_foreground'][0])


def test_each_class_has_its_own_dice():
    told = Statistics(cohort_of([observed(n) for n in range(2)])).figures()
    assert told['f1_classes.benign'][0] == pytest.approx(100 * 12 / 18)
    assert told['f1_classes.malignant'][0] == 100


def test_every_interval_holds_its_figure():
    statistics = Statistics(
        cohort_of([observed(n, f'case {n // 2}') for n in range(24)])
    )
    told, ends = statistics.figures(), statistics.intervals(200)
    for name in ('pxap', 'f1_foreground', 'auroc', 'ece_pixels', 'miou'):
        low, high = ends[name]
        assert low - 1 <= told[name][0] <= high + 1


def test_the_chosen_threshold_has_the_best_mean_f1():
    images = [observed(n) for n in range(8)]

    def mean_f1(threshold):
        found = [
            confusion(score >= threshold - 1e-9, truth)
            for _, _, score, truth in images
        ]
        return np.mean([c.f1_foreground + c.f1_background for c in found])

    best = cohort_of(images).best_threshold()
    every = [mean_f1(t) for t in np.linspace(0, 1, 201)]
    assert mean_f1(best) >= max(every) - 1e-12


def test_a_calibrated_map_has_a_small_error_and_a_shifted_one_does_not():
    score = RNG.random(40000)
    truth = RNG.random(40000) < score
    right, shifted = ScoreHistogram(), ScoreHistogram()
    right.add(score, truth)
    shifted.add(score**2, truth)
    for histogram, low, high in ((right, 0, 0.02), (shifted, 0.1, 0.3)):
        pair = histogram.foreground, histogram.background
        assert low <= pixel_calibration_error(*pair) <= high
    told = pixel_reliability(right)
    np.testing.assert_allclose(told.said, told.true, atol=0.03)
    assert pixel_brier(right.foreground, right.background) == pytest.approx(
        ((score - truth) ** 2).mean(), abs=1e-3
    )
