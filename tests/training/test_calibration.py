"""Temperatures and thresholds from labels alone."""

import numpy as np
import pytest

from napari_wsol.training.calibration import (
    best_temperature,
    best_threshold,
    share_threshold,
)

RNG = np.random.default_rng(0)


def test_an_overconfident_model_is_cooled():
    """Logits three times too large ask for a temperature near three."""
    logits = RNG.normal(0, 1.5, (4000, 2))
    p = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    labels = (RNG.random(4000) < p).astype(np.int64)
    assert best_temperature(3 * logits, labels) == pytest.approx(3, rel=0.15)


@pytest.mark.parametrize(
    ('low', 'high', 'expected'),
    [(0.2, 0.6, 0.5), (0.6, 0.9, 0.61), (0.1, 0.3, 0.3)],
)
def test_the_threshold_lies_between_two_apart_groups(low, high, expected):
    """As near to one half as they let it."""
    probability = np.repeat([low, high], 100)
    foreground = np.repeat([False, True], 100)
    assert best_threshold(probability, foreground) == pytest.approx(
        expected, abs=0.011
    )


@pytest.mark.parametrize(('share', 'expected'), [(0.5, 0.5), (0.2, 0.8)])
def test_a_share_of_pixels_reaches_its_threshold(share, expected):
    probability = np.linspace(0, 1, 1001)
    assert share_threshold(probability, share) == pytest.approx(expected)


def test_maps_without_contrast_leave_a_threshold_to_be_moved():
    """0 would mark everything for ever, and 1 nothing."""
    assert share_threshold(np.ones(9), 0.5) == 0.95
    assert share_threshold(np.zeros(9), 0.5) == 0.05
    assert share_threshold(np.zeros(0), 0.5) == 0.5
