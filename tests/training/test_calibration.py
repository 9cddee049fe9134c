"""Temperatures and thresholds from labels alone."""

import numpy as np
import pytest

from napari_wsol.training.calibration import (
    best_pixel_temperature,
    best_temperature,
    best_threshold,
    roi_probability,
    share_threshold,
)

RNG = np.random.default_rng(0)


def test_an_overconfident_model_is_cooled():
    """Logits three times too large ask for a temperature near three."""
    logits = RNG.normal(0, 1.5, (4000, 2))
    p = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    labels = (RNG.random(4000) < p).astype(np.int64)
    assert best_temperature(3 * logits, labels) == pytest.approx(3, rel=0.15)


def test_a_dozen_right_answers_do_not_make_a_model_certain():
    labels = np.arange(12) % 2
    logits = np.where(np.eye(2)[labels] > 0, 2.0, -2.0)
    temperature = best_temperature(logits, labels)
    sure = 1 / (1 + np.exp(-4 / temperature))
    assert sure == pytest.approx(13 / 14, abs=0.01)


def test_pixels_are_cooled_as_the_network_does_it():
    """With three channels, cooling the odds of two would be another thing."""
    logits = RNG.normal(0, 2, (3, 4000))
    probability = np.exp(logits) / np.exp(logits).sum(0)
    sharp = 2 * logits - np.log(np.exp(2 * logits).sum(0))
    np.testing.assert_allclose(
        roi_probability(sharp, 2), 1 - probability[0], atol=1e-6
    )
    are_roi = RNG.random(4000) < 1 - probability[0]
    found = best_pixel_temperature(np.split(sharp, 4000, 1), are_roi)
    assert found == pytest.approx(2, rel=0.15)


@pytest.mark.parametrize(
    ('low', 'high', 'expected'),
    [(0.2, 0.6, 0.5), (0.6, 0.9, 0.61), (0.1, 0.3, 0.3)],
)
def test_the_threshold_lies_between_two_apart_groups(low, high, expected):
    """As near to one half as they let it."""
    fields = [np.full(9, value) for value in (low, high) * 50]
    are_roi = np.array([False, True] * 50)
    assert best_threshold(fields, are_roi) == pytest.approx(
        expected, abs=0.011
    )


def test_few_fields_do_not_move_the_threshold():
    """One background field in five may be chance; 200 of 1000 are not."""
    values = [(0.7, 0.1, 0.1, 0.1, 0.1), (0.9, 0.9, 0.9, 0.9, 0.9)]

    def threshold(times):
        fields = [np.full(9, v) for kind in values for v in kind * times]
        are_roi = np.repeat([False, True], 5 * times)
        return best_threshold(fields, are_roi, 0.4)

    assert threshold(5) == 0.4
    assert threshold(200) == pytest.approx(0.71, abs=0.011)


@pytest.mark.parametrize(('share', 'expected'), [(0.5, 0.5), (0.2, 0.8)])
def test_a_share_of_pixels_reaches_its_threshold(share, expected):
    probability = np.linspace(0, 1, 1001)
    assert share_threshold(probability, share) == pytest.approx(expected)


def test_maps_without_contrast_leave_a_threshold_to_be_moved():
    """0 would mark everything for ever, and 1 nothing."""
    assert share_threshold(np.ones(9), 0.5) == 0.95
    assert share_threshold(np.zeros(9), 0.5) == 0.05
    assert share_threshold(np.zeros(0), 0.5) == 0.5
