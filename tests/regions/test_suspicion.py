"""Which regions are looked at first, and what is said against them."""

import numpy as np
from region_cases import table_of

from napari_wsol.regions.suspicion import suspicion

MANY = {
    'pixels': [100, 400, 900, 1600, *range(2000, 3000, 100)],
    'centre_y': [0, 5, 10, 900, *range(15, 65, 5)],
    'centre_x': [0] * 14,
    'mean_probability': [0.9] * 14,
    'mean_entropy': [0.2, 0.9, *[0.2] * 12],
    'class_alone': [0.9, 0.9, 0.1, *[0.9] * 11],
}


def test_each_kind_of_evidence_is_named():
    found = suspicion(table_of(**MANY))
    assert found.why(0) == 'smaller than most'
    assert 'the model is unsure of it' in found.why(1)
    assert 'does not matter' in found.why(2)
    assert 'far from all others' in found.why(3)
    assert found.why(13) == ''
    assert ((found.score >= 0) & (found.score <= 1)).all()


def test_what_is_marked_on_a_negative_comes_first():
    on_negative = np.arange(14) == 3
    found = suspicion(table_of(**MANY), on_negative)
    assert found.order[0] == 3
    assert found.why(3).startswith('marked where nothing should be')


def test_what_was_not_measured_counts_for_nothing():
    known = suspicion(table_of(**{**MANY, 'class_alone': [0.5] * 14}))
    unknown = suspicion(table_of(**{**MANY, 'class_alone': [np.nan] * 14}))
    assert not np.isnan(unknown.score).any()
    assert known.order.tolist() == unknown.order.tolist()


def test_one_region_or_none_can_be_ranked():
    few = {name: values[:4] for name, values in MANY.items()}
    assert 'than most' not in suspicion(table_of(**few)).why(0)
    one = {name: values[:1] for name, values in MANY.items()}
    assert suspicion(table_of(**one)).order.tolist() == [0]
    none = {name: values[:0] for name, values in MANY.items()}
    assert suspicion(table_of(**none)).order.tolist() == []
