"""Temperatures and thresholds from labels alone."""

import numpy as np
import pytest

from napari_wsol.training.calibration import (
    best_temperature,
    best_threshold,
)

RNG = np.random.default_rng(0)


def test_an_overconfident_model_is_cooled():
    """Logits three times too large ask for a temperature near three."""
    logits = RNG.normal(0, 1.5, (4000, 2))
    p = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    labels = (RNG.random(4000) < p).astype(np.int64)
    assert best_temperature(3 * logits, labels) == pytest.approx(3, rel=0.15)


def test_the_threshold_lies_between_two_apart_groups():
    probability = np.concatenate([np.full(100, 0.2), np.full(100, 0.6)])
    foreground = np.repeat([False, True], 100)
    assert best_threshold(probability, foreground) == pytest.approx(
        0.41, abs=0.02
    )
