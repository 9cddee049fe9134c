"""Which of two models, in words a person can act on."""

from dataclasses import replace

import pytest

from napari_wsol.projects.verdict import (
    Comparison,
    Figures,
    comparison_from_json,
    comparison_to_json,
    verdict,
)

OLD = Figures(40, 0.8, 0.3, 0.2, 0.9, 0.1, 80.0, 85.0, 90.0)


def compared(old=OLD, sides=(0, 0), **new):
    training = replace(OLD, accuracy=0.9)
    held = (('benign', 20), ('malignant', 20))
    return Comparison(old, replace(OLD, **new), training, held, *sides)


@pytest.mark.parametrize(
    ('new', 'kind', 'said'),
    [
        (
            {'accuracy': 0.9, 'sides': (4, 0)},
            'better',
            '36 of 40 .* the old one got 32',
        ),
        ({'accuracy': 0.7, 'sides': (0, 4)}, 'worse', 'Keep the old one'),
        ({'accuracy': 0.75, 'sides': (0, 2)}, 'unclear', 'about the same'),
        ({'accuracy': 0.9, 'sides': (9, 5)}, 'unclear', 'about the same'),
        ({'f1_foreground': 83.0}, 'better', 'from 80.0 to 83.0'),
        ({'f1_background': 83.0}, 'worse', 'from 85.0 to 83.0'),
        ({'f1_foreground': 80.4}, 'unclear', 'about the same'),
        ({'foreground_on_negatives': 0.3}, 'worse', 'marks 30 % of items'),
        (
            {'accuracy': 0.9, 'sides': (4, 0), 'f1_foreground': 70.0},
            'unclear',
            'but lowers .* Look at a few',
        ),
        ({'entropy_background': 0.1}, 'unclear', 'leaves unmarked'),
        ({'entropy_background': 0.5}, 'unclear', '0.50, before 0.90'),
        ({'accuracy': 0.6, 'sides': (0, 8)}, 'worse', '90 % against 60 %'),
    ],
)
def test_a_difference_counts_where_chance_does_not_make_it(new, kind, said):
    import re

    found = verdict(compared(**new))
    assert found.kind == kind
    assert re.search(said, found.text)


def test_one_odd_negative_makes_no_verdict():
    comparison = compared(foreground_on_negatives=0.3)
    assert verdict(replace(comparison, marked_error=0.15)).kind == 'unclear'
    assert verdict(replace(comparison, marked_error=0.05)).kind == 'worse'


def test_few_held_out_items_make_no_firm_verdict():
    old = replace(OLD, n_items=4)
    found = verdict(compared(old, (1, 0), n_items=4, accuracy=1.0))
    assert found.kind == 'unclear'
    assert 'Only 4 items are held out' in found.text


@pytest.mark.parametrize(
    ('accuracy', 'kind'), [(0.9, 'better'), (0.5, 'unclear'), (0.4, 'worse')]
)
def test_a_first_model_is_held_against_the_commonest_label(accuracy, kind):
    assert verdict(compared(None, accuracy=accuracy)).kind == kind


def test_without_masks_labels_decide():
    bare = {'f1_foreground': None, 'f1_background': None, 'pxap': None}
    old = replace(OLD, **bare, foreground_on_negatives=None)
    new = replace(old, accuracy=0.95)
    assert verdict(Comparison(old, new, gained=6)).kind == 'better'


def test_a_comparison_comes_back_from_its_text():
    for old in (OLD, None):
        comparison = compared(old, pxap=None)
        assert comparison_from_json(comparison_to_json(comparison)) == (
            comparison
        )
    with pytest.raises(ValueError, match='JSON'):
        comparison_from_json('{')
