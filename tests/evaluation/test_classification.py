import numpy as np
import pytest

from napari_wsol.evaluation import classification
from napari_wsol.evaluation.calibration import image_reliability

RNG = np.random.default_rng(0)
FIGURES = (
    classification.error,
    classification.balanced_accuracy,
    classification.auroc,
    classification.brier,
    classification.expected_calibration_error,
)


@pytest.fixture
def judged():
    """Three classes, far from equally frequent, and rounded for ties."""
    labels = RNG.choice(3, 200, p=(0.6, 0.3, 0.1))
    logits = RNG.normal(size=(200, 3)) + 1.2 * np.eye(3)[labels]
    chances = np.exp(logits.round(1))
    return chances / chances.sum(1, keepdims=True), labels


def once(figure, probabilities, labels):
    (value,) = figure(probabilities, labels, np.ones((1, len(labels))))
    return value


def test_figures_are_those_of_torchmetrics(judged):
    torch = pytest.importorskip('torch')
    oracle = pytest.importorskip('torchmetrics.functional.classification')
    told = tuple(map(torch.from_numpy, judged))
    expected = {
        classification.error: 1
        - oracle.multiclass_accuracy(*told, 3, average='micro'),
        classification.balanced_accuracy: oracle.multiclass_accuracy(
            *told, 3, average='macro'
        ),
        classification.auroc: oracle.multiclass_auroc(*told, 3),
        classification.expected_calibration_error: (
            oracle.multiclass_calibration_error(*told, 3, n_bins=10)
        ),
    }
    for figure, value in expected.items():
        assert once(figure, *judged) == pytest.approx(float(value), abs=1e-5)


def test_brier_of_two_classes_is_the_squared_error():
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6]])
    value = once(classification.brier, probabilities, np.array([0, 0]))
    assert value == pytest.approx((0.2**2 + 0.6**2) / 2)


@pytest.mark.parametrize('figure', FIGURES)
def test_a_weight_counts_an_image_that_often(figure, judged):
    probabilities, labels = judged
    weights = RNG.integers(0, 4, (1, len(labels)))
    often = weights[0]
    (weighted,) = figure(probabilities, labels, weights.astype(float))
    repeated = once(
        figure, probabilities.repeat(often, 0), labels.repeat(often)
    )
    assert weighted == pytest.approx(repeated)


def test_auroc_of_one_class_cannot_be_told():
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6]])
    assert np.isnan(
        once(classification.auroc, probabilities, np.zeros(2, int))
    )


def test_balanced_accuracy_takes_the_classes_that_were_drawn(judged):
    probabilities, labels = judged
    only_first = (labels == 0).astype(float)[None]
    (value,) = classification.balanced_accuracy(
        probabilities, labels, only_first
    )
    right = probabilities.argmax(1) == labels
    assert value == pytest.approx(right[labels == 0].mean())


def test_the_confusion_matrix_has_labels_in_rows():
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7]])
    counts = classification.confusion_matrix(
        probabilities, np.array([0, 0, 1])
    )
    assert counts.tolist() == [[1, 1], [0, 1]]


def test_reliability_of_images_per_bin():
    probabilities = np.array([[0.95, 0.05], [0.93, 0.07], [0.38, 0.62]])
    told = image_reliability(probabilities, np.array([0, 1, 1]))
    assert told.said[9] == pytest.approx(0.94)
    assert told.true[[6, 9]].tolist() == [1, 0.5]
    assert told.share.sum() == pytest.approx(1)
    assert np.isnan(told.said[0])
