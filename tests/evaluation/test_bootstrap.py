import numpy as np
import pytest

from napari_wsol.evaluation.bootstrap import intervals
from napari_wsol.evaluation.classification import weighted_mean

RNG = np.random.default_rng(0)


def mean_of(values, group):
    return lambda weights: {'mean': weighted_mean(values, weights[:, group])}


def test_the_interval_of_a_mean_is_the_textbook_one():
    values = RNG.normal(5, 2, 400)
    figures = mean_of(values, np.arange(400))
    low, high = intervals(figures, 400)['mean']
    half = 1.96 * values.std() / np.sqrt(400)
    assert low == pytest.approx(values.mean() - half, abs=0.05)
    assert high == pytest.approx(values.mean() + half, abs=0.05)


def test_images_of_one_patient_count_as_one():
    patients = RNG.normal(5, 2, 20)
    group = np.arange(20).repeat(50)
    values = patients[group] + RNG.normal(0, 0.1, 1000)
    low, high = intervals(mean_of(values, group), 20)['mean']
    naive = intervals(mean_of(values, np.arange(1000)), 1000)['mean']
    assert high - low > 4 * (naive[1] - naive[0])


def test_the_same_seed_gives_the_same_whatever_is_done_at_once():
    figures = mean_of(RNG.normal(size=30), np.arange(30))
    first = intervals(figures, 30, resamples=200, seed=3)
    assert first == intervals(figures, 30, resamples=200, seed=3)
    assert first != intervals(figures, 30, resamples=200, seed=4)
    in_parts = intervals(figures, 30, resamples=200, seed=3, size=10**6)
    assert in_parts == first


def test_one_group_has_no_interval():
    assert intervals(mean_of(np.ones(5), np.zeros(5, int)), 1) == {}


def test_a_figure_that_most_resamples_cannot_tell_has_none():
    def figures(weights):
        return {'never': np.full(len(weights), np.nan)}

    assert intervals(figures, 9) == {}
