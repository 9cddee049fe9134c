"""What is said of why a region was marked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_wsol.inference.explanation import Curves, Explanation, PartSeen
from napari_wsol.slides.geometry import Box
from napari_wsol.widgets.why_wording import (
    describe_curves,
    describe_nearest,
    describe_parts,
)


def seen(background: float, benign: float, malignant: float) -> PartSeen:
    values = np.array([background, benign, malignant])
    entropy = -(values * np.log(values)).sum() / np.log(3)
    return PartSeen((background, benign, malignant), float(entropy))


def curves(deletion: float, insertion: float, random: float) -> Curves:
    """Flat ones, of these areas."""
    ends = (0.0, 1.0)
    return Curves(ends, (deletion,) * 2, (insertion,) * 2, (random,) * 2)


@pytest.fixture
def found() -> Explanation:
    """Of a region that does not matter."""
    return Explanation(
        classes=('background', 'benign', 'high_grade'),
        negative_class='background',
        target='high_grade',
        crop=Box(0, 0, 64, 64),
        is_whole=True,
        whole=seen(0.01, 0.02, 0.97),
        alone=seen(0.02, 0.97, 0.01),
        without=seen(0.01, 0.03, 0.96),
        maps=(),
        curves=curves(0.2, 0.8, 0.5),
    )


def test_a_region_that_does_not_matter(found):
    assert describe_parts(found) == (
        'The area around the region is taken for high grade, 97%. Without '
        'the region the answer stays high grade, 96%: it does not matter. '
        'The region alone is taken for benign, 97%.'
    )


def test_a_region_that_decides(found):
    decides = replace(
        found, without=seen(0.7, 0.2, 0.1), alone=seen(0.3, 0.3, 0.4)
    )
    text = describe_parts(decides)
    assert 'Without the region it turns to background, 70%' in text
    assert 'alone is taken for high grade, 40%, with much doubt.' in text


def test_a_region_that_counts_for_something(found):
    falls = replace(found, without=seen(0.1, 0.2, 0.7))
    assert 'stays high grade, but falls to 70%.' in describe_parts(falls)
    rises = replace(found, whole=seen(0.1, 0.2, 0.7))
    assert 'stays high grade, but rises to 96%.' in describe_parts(rises)


def test_a_region_that_only_the_localizer_sees(found):
    nothing = replace(found, whole=seen(0.9, 0.05, 0.05))
    assert 'So only the localizer sees' in describe_parts(nothing)
    assert 'only the localizer' not in describe_parts(found)
    part = replace(found, is_whole=False)
    assert describe_parts(part).endswith('only a part of it was looked at.')


@pytest.mark.parametrize(
    ('deletion', 'insertion', 'said'),
    [
        (0.3, 0.7, 'goes with it and comes with it'),
        (0.5, 0.7, 'but so does the rest'),
        (0.3, 0.5, 'does not bring that answer by itself'),
        (0.52, 0.48, 'no more than random blocks'),
    ],
)
def test_curves_are_compared_with_their_baseline(deletion, insertion, said):
    text = describe_curves(curves(deletion, insertion, 0.5), 'high_grade')
    assert said in text
    assert 'high grade' in text


def test_it_is_said_what_was_compared(found):
    def said(compared, labelled, has_project=True):
        told = replace(found, compared=compared, labelled=labelled)
        return describe_nearest(told, has_project)

    assert 'Open a project' in said(0, 0, has_project=False)
    assert 'Nothing is labelled' in said(0, 0)
    assert 'could be read' in said(0, 3)
    assert said(3, 3) == 'Most like it, of 3 labelled fields:'
    assert said(100, 1200) == (
        'Most like it, of the 100 labelled last (of 1,200):'
    )
