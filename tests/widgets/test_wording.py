"""What the pathologist reads."""

from __future__ import annotations

import math

import pytest

from napari_wsol.inference.settings import Progress
from napari_wsol.widgets.wording import (
    describe_answer,
    describe_area,
    describe_card,
    describe_duration,
    describe_entropies,
    describe_fields,
    describe_progress,
)

from .conftest import prediction

MALIGNANT, BACKGROUND = (0, 0.1, 0.9), (0.97, 0, 0.03)


@pytest.mark.parametrize(
    ('image', 'marked', 'rest', 'changes', 'says', 'cites'),
    [
        (0.1, 0.05, 0.92, {}, 'explains the answer', ('0.05', '0.92')),
        (
            0.1,
            0.05,
            0.1,
            {'background_probabilities': BACKGROUND},
            'without it the model sees background',
            ('0.05', '97%'),
        ),
        (
            0.1,
            0.05,
            0.2,
            {'background_probabilities': MALIGNANT},
            'still looks malignant to the model (90%): the mask may be',
            (),
        ),
        (0.1, 0.05, 0.2, {}, 'may be missing something', ('0.20',)),
        (0.1, 0.8, 0.9, {}, 'wrong place or too small', ('0.80',)),
        (0.9, 0.05, 0.9, {}, 'unsure about this image', ('0.90',)),
        (
            0.1,
            0.9,
            0.1,
            {'foreground_fraction': 0, 'class_probabilities': BACKGROUND},
            'Nothing is marked',
            ('0.10',),
        ),
        (0.1, 0.9, 0.1, {'foreground_fraction': 0}, 'lower the threshold', ()),
        (
            0.1,
            0.1,
            0.1,
            {'class_probabilities': BACKGROUND},
            'may be a false alarm',
            ('97%',),
        ),
        (0.1, None, None, {}, 'sure of its answer', ('0.10',)),
        (None, None, None, {}, 'not classified', ()),
    ],
)
def test_one_sentence_fits_the_entropies(
    image, marked, rest, changes, says, cites
):
    text = describe_entropies(
        prediction(
            entropy_image=image,
            entropy_foreground=marked,
            entropy_background=rest,
            **changes,
        )
    )
    assert says in text
    assert all(figure in text for figure in cites)
    assert text.endswith('.')
    assert '. ' not in text


def test_the_answer_names_the_class_in_words():
    result = prediction(
        classes=('benign', 'high_grade_in'), class_probabilities=(0.1, 0.9)
    )
    assert describe_answer(result) == 'High grade in, 90%'
    silent = prediction(class_probabilities=None)
    assert 'not classified' in describe_answer(silent)


def test_the_top_fields_are_told_of_the_classes_with_regions():
    result = prediction(
        n_fields=118, n_top_fields=12, top_probabilities=(0.05, 0.15, 0.931)
    )
    text = describe_fields(result)
    assert text == 'Top 12 fields of 118: malignant 93%, benign 15%.'
    few = prediction(
        n_fields=8, n_top_fields=1, top_probabilities=(0.9, 0.2, 0.1)
    )
    assert describe_fields(few) == 'Top field of 8: benign 20%, malignant 10%.'


@pytest.mark.parametrize(
    'changes',
    [
        {},
        {'n_fields': 1, 'n_top_fields': 1, 'top_probabilities': (0, 0, 1)},
    ],
)
def test_an_image_of_one_field_has_no_top_fields(changes):
    assert describe_fields(prediction(**changes)) == ''


@pytest.mark.parametrize(
    ('fraction', 'mm2', 'text'),
    [
        (0.1234, 2.5, '2.50 mm² (12.3% of the area looked at)'),
        (0.5, 0.000123, '0.000123 mm² (50.0% of the area looked at)'),
        (0, 0.0, '0 mm² (0.0% of the area looked at)'),
        (0.4, 1234.5, '1234 mm² (40.0% of the area looked at)'),
        (0.4, None, '40.0% of the area (pixel size not known)'),
    ],
)
def test_areas(fraction, mm2, text):
    assert describe_area(fraction, mm2) == text


@pytest.mark.parametrize(
    ('seconds', 'text'),
    [
        (0.3, 'under a second'),
        (75, '75 s'),
        (600, '10 min'),
        (7500, '2 h 05 min'),
    ],
)
def test_durations(seconds, text):
    assert describe_duration(seconds) == text


def test_progress_tells_rate_and_time_left():
    text = describe_progress(Progress(2, 10, 'MP', 3.456, 40))
    assert text == '3.46 MP/s · 40 s left'


def test_progress_without_a_rate_tells_what_is_done():
    text = describe_progress(Progress(0, 0, 'MP', 0, math.inf, 'Loading'))
    assert text == 'Loading'


def test_the_card_in_plain_words(card):
    rows = dict(describe_card(card))
    assert rows['Finds'] == 'Glands of any kind'
    assert '0.5 µm per pixel' in rows['Works at']
    assert '"background" has nothing to mark' in rows['Tells apart']
    assert rows['Learned from'] == 'made up'
    assert 'CC0-1.0' in rows['Licence']
    assert 'lymph nodes' in rows['Limits']
