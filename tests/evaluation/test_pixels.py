import numpy as np
import pytest

from napari_wsol.evaluation.pixels import (
    THRESHOLDS,
    Confusion,
    ScoreHistogram,
    best_of_thresholds,
    confusion,
    dice,
    mean_iou,
)

RNG = np.random.default_rng(0)


@pytest.fixture
def scored():
    truth = RNG.random(5000) < 0.4
    probability = np.clip(RNG.normal(0.35 + 0.3 * truth, 0.2), 0, 1).round(3)
    return probability, truth


def brute_force_pxap(probability, truth):
    """Precision-recall by sweeping every distinct score, high to low."""
    total, before = 0.0, 0.0
    for threshold in np.unique(probability)[::-1]:
        found = probability >= threshold
        hit = (found & truth).sum()
        recall = hit / truth.sum()
        total += hit / found.sum() * (recall - before)
        before = recall
    return 100 * total


def test_pxap_equals_a_brute_force_sweep(scored):
    histogram = ScoreHistogram()
    histogram.add(*scored)
    expected = brute_force_pxap(*scored)
    assert histogram.pxap() == pytest.approx(expected, abs=1e-9)


def test_pxap_of_a_perfect_map_is_100():
    histogram = ScoreHistogram()
    truth = np.array([True, True, False])
    histogram.add(np.array([0.9, 0.8, 0.1]), truth)
    assert histogram.pxap() == 100


def test_pieces_add_up_in_any_order(scored):
    probability, truth = scored
    whole, pieces = ScoreHistogram(), ScoreHistogram()
    whole.add(probability, truth)
    for part in (slice(3000, None), slice(0, 1000), slice(1000, 3000)):
        pieces.add(probability[part], truth[part])
    assert whole.pxap() == pieces.pxap()
    assert whole.confusion_at(0.5) == pieces.confusion_at(0.5)


def test_confusion_at_equals_thresholding(scored):
    probability, truth = scored
    histogram = ScoreHistogram()
    histogram.add(probability, truth)
    expected = confusion(probability >= 0.5, truth)
    assert histogram.confusion_at(0.5) == expected


def test_best_threshold_has_the_best_mean_iou(scored):
    probability, truth = scored
    histogram = ScoreHistogram()
    histogram.add(probability, truth)

    def mean_iou(threshold):
        found = probability >= threshold - 1e-9
        return sum(
            (a & b).sum() / (a | b).sum()
            for a, b in ((found, truth), (~found, ~truth))
        )

    best = histogram.best_threshold()
    every = [mean_iou(t / 1000) for t in range(1001)]
    assert mean_iou(best) == pytest.approx(max(every))


def test_dice_of_nothing_is_one():
    assert dice(0, 0, 0) == 1
    empty = np.zeros((4, 4), bool)
    assert confusion(empty, empty).f1_foreground == 1
    assert confusion(~empty, empty).f1_foreground == 0


def test_confusions_add():
    total = Confusion(1, 2, 3, 4) + Confusion(10, 20, 30, 40)
    assert total == Confusion(11, 22, 33, 44)


def test_pxap_is_the_average_precision_of_torchmetrics(scored):
    torch = pytest.importorskip('torch')
    oracle = pytest.importorskip('torchmetrics.functional.classification')
    histogram = ScoreHistogram()
    histogram.add(*scored)
    expected = oracle.binary_average_precision(*map(torch.from_numpy, scored))
    assert histogram.pxap() == pytest.approx(100 * float(expected), abs=1e-4)


def test_pxap_without_foreground_is_not_a_number():
    histogram = ScoreHistogram()
    histogram.add(np.full(4, 0.7), np.zeros(4, bool))
    assert np.isnan(histogram.pxap())


def test_histograms_add(scored):
    probability, truth = scored
    whole, left, right = (ScoreHistogram() for _ in range(3))
    whole.add(probability, truth)
    left.add(probability[:77], truth[:77])
    right.add(probability[77:], truth[77:])
    total = left + right
    assert (total.foreground == whole.foreground).all()
    assert (total.background == whole.background).all()


def test_every_threshold_marks_what_a_comparison_marks():
    near = THRESHOLDS.astype(np.float32)
    scores = np.concatenate(
        [near, np.nextafter(near, 0), np.nextafter(near, 1)]
    ).clip(0, 1)
    histogram = ScoreHistogram()
    histogram.add(scores, np.ones(scores.shape, bool))
    for threshold in THRESHOLDS.tolist():
        found = np.count_nonzero(scores >= threshold)
        assert histogram.confusion_at(threshold).tp == found


def test_the_best_threshold_is_not_its_mirror_image():
    truth = np.arange(1000) < 300
    probability = np.where(truth, 0.35, 0.1)
    histogram = ScoreHistogram()
    histogram.add(probability, truth)
    best = histogram.best_threshold()
    assert 0.1 < best <= 0.35
    assert histogram.confusion_at(best).mean_iou == 1
    assert histogram.confusion_at(1.001 - best).mean_iou < 0.5


def test_of_equally_good_thresholds_the_middle_one_is_taken():
    scores = np.zeros(len(THRESHOLDS))
    scores[200:401] = 1
    assert best_of_thresholds(scores) == 0.3


def test_mean_iou_counts_what_is_nowhere_as_found():
    assert mean_iou(0, 0, 0, 10) == 1
    assert mean_iou(0, 5, 0, 5) == pytest.approx(0.25)
    assert Confusion(1, 1, 1, 1).mean_iou == pytest.approx(1 / 3)
