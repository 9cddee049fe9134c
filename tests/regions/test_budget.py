"""The budget keeps what it promises, and refuses what it cannot."""

import math

import numpy as np
import pytest

from napari_wsol.errors import BadInputError
from napari_wsol.inference.maps import GRAIN
from napari_wsol.regions.budget import (
    choose_budget,
    marked_shares,
    negatives_needed,
)
from napari_wsol.regions.scores import count_scores

SPLITS = 200


def negative(rng, level=None, pixels=400):
    """Counts of an image with a few pixels that look like a region."""
    level = rng.gamma(0.7, 1.2) if level is None else level
    return count_scores(rng.beta(0.3 + level, 5, (20, pixels // 20)))


@pytest.fixture(scope='module')
def pool():
    rng = np.random.default_rng(0)
    return [negative(rng) for _ in range(240)]


@pytest.mark.parametrize('alpha', [0.02, 0.05, 0.1])
def test_over_random_splits_the_promise_is_kept_and_not_wasted(pool, alpha):
    rng = np.random.default_rng(1)
    shares = marked_shares(pool)
    half = len(pool) // 2
    realised = []
    for _ in range(SPLITS):
        order = rng.permutation(len(pool))
        found = choose_budget([pool[i] for i in order[:half]], alpha)
        place = round(found.threshold * GRAIN)
        realised.append(shares[order[half:], place].mean())
    error = np.std(realised, ddof=1) / math.sqrt(SPLITS)
    assert np.mean(realised) <= alpha + 2 * error
    # A tight bound falls short by 2 / (n + 1) at most (section 2 there).
    assert np.mean(realised) >= alpha - 2 / (half + 1) - 2 * error


def test_the_promise_is_of_new_groups_where_items_come_in_groups():
    rng = np.random.default_rng(2)
    groups, counts = [], []
    for group in range(80):
        level = rng.gamma(0.5, 2)
        for _ in range(rng.integers(1, 5)):
            groups.append(f'patient {group}')
            counts.append(negative(rng, level, 200))
    names = np.array(groups)
    shares = marked_shares(counts, groups)
    patients = list(dict.fromkeys(groups))
    realised = []
    for _ in range(SPLITS):
        order = rng.permutation(80)
        inside = {patients[i] for i in order[:40]}
        (chosen,) = np.nonzero(np.isin(names, list(inside)))
        found = choose_budget(
            [counts[i] for i in chosen], 0.1, [groups[i] for i in chosen]
        )
        place = round(found.threshold * GRAIN)
        realised.append(shares[order[40:], place].mean())
    error = np.std(realised, ddof=1) / math.sqrt(SPLITS)
    assert np.mean(realised) <= 0.1 + 2 * error


def test_the_threshold_is_the_smallest_that_keeps_the_bound(pool):
    found = choose_budget(pool, 0.05)
    n, mean = len(pool), marked_shares(pool).mean(0)
    bounds = n / (n + 1) * mean + 1 / (n + 1)
    assert bounds[round(found.threshold * GRAIN)] <= 0.05
    assert (bounds[: round(found.threshold * GRAIN)] > 0.05).all()
    assert found.bound == pytest.approx(
        (n * found.marked + 1) / (n + 1), abs=1e-12
    )


def test_a_smaller_budget_never_lowers_the_threshold(pool):
    found = [choose_budget(pool, alpha) for alpha in (0.5, 0.2, 0.05, 0.01)]
    thresholds = [budget.threshold for budget in found]
    assert thresholds == sorted(thresholds)
    assert all(budget.bound <= budget.alpha for budget in found)


def test_a_group_counts_once_however_many_items_it_has(pool):
    few = pool[:30]
    alone = choose_budget(few, 0.1)
    many = [*few, *[few[0]] * 50]
    names = [*map(str, range(30)), *['0'] * 50]
    grouped = choose_budget(many, 0.1, names)
    assert grouped.threshold == alone.threshold
    assert (grouped.n_items, grouped.n_groups) == (80, 30)
    assert '80 fully negative images of 30 patients' in grouped.sentence


@pytest.mark.parametrize(
    ('alpha', 'needed'), [(0.5, 1), (0.1, 9), (0.05, 19), (0.01, 99)]
)
def test_too_few_negatives_are_refused_and_one_more_is_enough(alpha, needed):
    clean = count_scores(np.zeros((4, 4), np.float32))
    assert negatives_needed(alpha) == needed
    assert choose_budget([clean] * needed, alpha).threshold <= 1 / GRAIN
    with pytest.raises(BadInputError, match=rf'at least {needed} .* there ar'):
        choose_budget([clean] * (needed - 1), alpha)


def test_too_few_groups_are_refused_however_many_items(pool):
    with pytest.raises(BadInputError, match=r'19 patients .* are 2.* 33.3 %'):
        choose_budget(pool, 0.05, ['a', 'b'] * (len(pool) // 2))


@pytest.mark.parametrize('alpha', [0, 1, -0.1, 1.5, math.nan])
def test_a_budget_is_a_share_of_the_area(pool, alpha):
    with pytest.raises(BadInputError, match='between 0 and 100 %'):
        choose_budget(pool, alpha)


def test_where_even_the_highest_threshold_marks_too_much_it_says_so():
    sure = np.zeros((10, 10), np.float32)
    sure[:3] = 1
    with pytest.raises(BadInputError, match=r'\(1\), 30 % .* is 36.4 %'):
        choose_budget([count_scores(sure)] * 10, 0.2)
    assert choose_budget([count_scores(sure)] * 10, 0.4).bound < 0.4


def test_it_tells_what_the_budget_costs(pool):
    image = np.linspace(0, 1, 1000, dtype=np.float32).reshape(20, 50)
    counts = count_scores(image)
    found = choose_budget(pool, 0.02, images=[counts] * 3, threshold=0.3)
    after = (image >= found.threshold).mean()
    assert found.cost.marked_before == pytest.approx(0.7)
    assert found.cost.marked_after == pytest.approx(after)
    assert found.cost.ratio == pytest.approx(after / 0.7)
    assert f'{after / 0.7:.0%} of the area that was marked' in found.sentence
    none = choose_budget(
        pool, 0.02, images=[count_scores(np.zeros((2, 2)))], threshold=0.3
    )
    assert 'nothing was marked from 0.300 on' in none.sentence


def test_the_sentence_says_what_is_promised_and_what_it_presumes(pool):
    sentence = choose_budget(pool, 0.05).sentence
    for part in ('at most 5 %', '240 fully negative', 'the same source'):
        assert part in sentence
