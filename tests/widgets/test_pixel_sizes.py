"""What is said about a pixel size before running."""

from __future__ import annotations

import pytest

from napari_wsol.slides.pixel_size import PixelSize
from napari_wsol.widgets.pixel_sizes import (
    advise,
    entered_pixel_size,
    parse_mpp,
)


def test_a_missing_size_is_asked_for(card):
    advice = advise(None, card)
    assert advice.kind == 'stop'
    assert 'Please enter it' in advice.text


def test_the_reason_why_a_size_was_not_believed_is_told(card):
    advice = advise(None, card, 'The file says 352 µm, which is ignored.')
    assert advice.text.startswith('The file says 352 µm')


def test_an_implausible_entry_stops(card):
    advice = advise(entered_pixel_size(50), card)
    assert advice.kind == 'stop'
    assert '50 µm' in advice.text


def test_a_model_for_any_size_needs_none(card):
    free = card.model_copy(update={'mpp': None})
    assert advise(None, free).kind == 'note'
    assert advise(PixelSize(3, 3, 'file'), free).kind == 'fine'


@pytest.mark.parametrize(
    ('mpp', 'kind', 'says'),
    [
        (0.5, 'fine', 'Source: scanner.'),
        (0.25, 'fine', 'Shrunk 2 times to the 0.5 µm'),
        (2.0, 'note', '4 times coarser'),
    ],
)
def test_a_mismatch_with_the_model_is_explained(card, mpp, kind, says):
    advice = advise(PixelSize(mpp, mpp, 'scanner'), card)
    assert advice.kind == kind
    assert says in advice.text


@pytest.mark.parametrize(
    ('text', 'mpp'),
    [('0.5', 0.5), (' 0,25 ', 0.25), ('half', None), ('', None)],
)
def test_numbers_are_read_with_point_or_comma(text, mpp):
    assert parse_mpp(text) == mpp
