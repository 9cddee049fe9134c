"""Whole groups are held out, each decided once."""

import random

import pytest

from napari_wsol.projects import holding_out


def assign_sides(labelled, known, fixed=True, **how):
    return holding_out.assign_sides(labelled, known, fixed=fixed, **how)


def shares(labelled, sides):
    labels = {label for _, label in labelled}
    return {
        label: sum(
            sides[group] == 'val' for group, l_ in labelled if l_ == label
        )
        / sum(l_ == label for _, l_ in labelled)
        for label in labels
    }


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize('at_once', [True, False])
def test_about_the_share_of_every_label_is_held_out(seed, at_once):
    rng = random.Random(seed)
    labelled = [
        (f'p{rng.randrange(60)}', rng.choice('abc')) for _ in range(300)
    ]
    sides = {}
    if not at_once:
        for count in range(len(labelled)):
            known = dict(sides)
            sides = assign_sides(labelled[:count], sides, share=0.2, seed=seed)
            assert sides.items() >= known.items()
    sides = assign_sides(labelled, sides, share=0.2, seed=seed)
    assert set(sides) == {group for group, _ in labelled}
    for share in shares(labelled, sides).values():
        assert 0.05 < share < 0.45


def test_the_first_group_of_a_label_teaches_and_the_second_tests():
    first = assign_sides([('p1', 'a')], {}, share=0.2, seed=0)
    assert first == {'p1': 'train'}
    second = assign_sides([('p1', 'a'), ('p2', 'a')], first, share=0.2, seed=0)
    assert second == {'p1': 'train', 'p2': 'val'}


def test_the_only_group_of_a_label_is_never_held_out():
    labelled = [('p1', 'a'), ('p2', 'a'), ('p2', 'b'), ('p3', 'a')]
    for seed in range(10):
        sides = assign_sides(labelled, {}, share=0.4, seed=seed)
        assert sides['p2'] == 'train'
        assert 'val' in sides.values()


def test_before_anything_was_trained_a_bad_split_is_mended():
    labelled = [(f'p{number}', 'a') for number in range(6)]
    sides = assign_sides(labelled, {}, share=0.2, seed=0)
    (tested,) = [group for group, side in sides.items() if side == 'val']
    corrected = [
        (group, 'a' if group == tested else 'b') for group, _ in labelled
    ] + [('p6', 'a')]
    later = assign_sides(corrected, sides, share=0.2, seed=0)
    assert later.items() >= sides.items()
    mended = assign_sides(corrected, sides, fixed=False, share=0.2, seed=0)
    for label in 'ab':
        assert {
            mended[group] for group, known in corrected if known == label
        } == {'train', 'val'}
