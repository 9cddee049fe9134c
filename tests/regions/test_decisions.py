"""Decisions: on disk at once, undone, found again at other thresholds."""

import json

import numpy as np
import pytest
import shapely
from region_cases import regions_of

from napari_wsol.errors import BadInputError
from napari_wsol.regions.decisions import (
    OPEN,
    Decision,
    Review,
    decide,
    decisions_on,
)

SQUARE = shapely.box(2, 2, 6, 6)


def test_a_review_comes_back_with_its_undone_steps_gone(tmp_path):
    path = tmp_path / 'reviews' / 'slide.jsonl'
    review = Review(path)
    assert review.undo() == ()
    first, second = decide('accepted', SQUARE), decide('missed', SQUARE)
    third = decide('rejected', SQUARE, reason='fold')
    review.add([first])
    review.add([second, third])
    assert Review(path).decisions == (first, second, third)
    assert review.undo() == (second, third)
    assert Review(path).decisions == (first,)


def test_a_line_that_a_crash_cut_off_is_dropped(tmp_path):
    path = tmp_path / 'slide.jsonl'
    review = Review(path)
    review.add([decide('accepted', SQUARE)])
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"do": [{"kind": "rej')
    again = Review(path)
    assert len(again.decisions) == 1
    again.add([decide('rejected', SQUARE, reason='other')])
    assert len(Review(path).decisions) == 2


@pytest.mark.parametrize('text', ['{}\n', '[1]\n', 'no\n', '{"undo": 1}\n'])
def test_another_file_is_named_and_left_alone(tmp_path, text):
    path = tmp_path / 'slide.jsonl'
    path.write_text(text)
    with pytest.raises(BadInputError, match='damaged'):
        Review(path)
    assert path.read_text() == text


def test_pauses_are_no_reviewing(tmp_path):
    path = tmp_path / 'slide.jsonl'
    times = ['10:00:00', '10:00:10', '10:30:00', '10:30:05']
    lines = [
        {'do': [{**vars(decide('accepted', SQUARE)), 'when': when}]}
        for when in (f'2026-01-01T{time}+00:00' for time in times)
    ]
    path.write_text(''.join(json.dumps(line) + '\n' for line in lines))
    assert Review(path).seconds == 15


def test_a_decision_follows_its_region_through_thresholds():
    probability = np.zeros((12, 24))
    probability[2:10, 2:20] = 0.4
    probability[3:9, 3:8] = 0.8
    probability[3:9, 14:19] = 0.7
    table, outlines = regions_of(probability, 0.5)
    left = decide('rejected', outlines.polygon(1), reason='fold')
    right = decide('accepted', outlines.polygon(2))
    both = [left, right]
    assert decisions_on(table, outlines, both).tolist() == [0, 1]
    assert decisions_on(table, outlines, both[::-1]).tolist() == [1, 0]
    higher = regions_of(probability, 0.75)
    assert decisions_on(*higher, both).tolist() == [0]
    lower = regions_of(probability, 0.3)
    assert decisions_on(*lower, both).tolist() == [1]  # the later one
    whole = [decide('rejected', lower[1].polygon(1), reason='other')]
    assert decisions_on(table, outlines, whole).tolist() == [0, 0]


def test_decisions_on_many_regions_are_those_on_each():
    probability = np.random.default_rng(0).random((40, 40))
    before = regions_of(probability, 0.5)
    decisions = [
        decide('rejected', before[1].polygon(int(number)), reason='fold')
        for number in before[0].number
    ]
    for threshold in (0.3, 0.5, 0.6):
        table, outlines = regions_of(probability, threshold)
        found = decisions_on(table, outlines, decisions)
        for place, number in enumerate(table.number):
            region = outlines.polygon(int(number))
            meant = [
                which
                for which, each in enumerate(decisions)
                if region.covers(shapely.Point(each.x, each.y))
                or region.intersection(each.polygon).area > region.area / 2
            ]
            assert found[place] == max(meant, default=OPEN)


def test_what_was_missed_decides_on_no_region():
    table, outlines = regions_of(np.full((4, 4), 0.9), 0.5)
    missed = [decide('missed', outlines.polygon(1))]
    assert decisions_on(table, outlines, missed).tolist() == [OPEN]
    assert decisions_on(table, outlines, []).tolist() == [OPEN]


def test_a_decision_lies_inside_its_outline():
    ring = shapely.Polygon(
        shapely.box(0, 0, 20, 20).exterior,
        [shapely.box(2, 2, 18, 18).exterior],
    )
    found = decide('rejected', ring, reason='fold')
    assert isinstance(found, Decision)
    assert found.polygon.equals(ring)
    assert ring.covers(shapely.Point(found.x, found.y))
