"""Curves of a training as they grow."""

from __future__ import annotations

import math

import pytest

from napari_wsol.widgets.curves import HELD_OUT, LOSS, Curves, figure_title

pytestmark = pytest.mark.viewer


@pytest.fixture
def curves(qtbot):
    curves = Curves()
    qtbot.addWidget(curves)
    return curves


def test_each_figure_has_a_curve_of_its_own(curves):
    assert curves.isHidden()
    curves.add('contrast', {'classifier': 1.0, 'pixels': 0.5})
    curves.add('contrast', {'classifier': 0.7, 'pixels': 0.4})
    curves.add('student-1', {'classifier': 0.6, 'validation_error': 20.0})
    assert not curves.isHidden()
    assert curves.names == ('validation_error', 'classifier', 'pixels')
    assert curves.values('classifier') == [(1, 1.0), (2, 0.7), (3, 0.6)]
    assert curves.values('validation_error') == [(3, 20.0)]
    curves.clear()
    assert curves.isHidden()
    assert curves.names == ()


def test_what_is_not_a_number_leaves_a_gap(curves):
    curves.add('a', {'classifier': 1.0})
    curves.add('a', {'classifier': math.nan})
    curves.add('a', {'classifier': 0.5})
    assert curves.values('classifier') == [(1, 1.0), (3, 0.5)]


def test_held_out_figures_have_a_colour_of_their_own(curves):
    curves.setStyleSheet('color: white; background: black')
    curves.add('a', {'classifier': 1.0, 'validation_error': 3.0})
    assert color(curves, 'classifier') == LOSS['dark']
    assert color(curves, 'validation_error') == HELD_OUT['dark']
    curves.setStyleSheet('color: black; background: white')
    assert color(curves, 'classifier') == LOSS['light']
    assert color(curves, 'validation_error') == HELD_OUT['light']


def color(curves, name):
    pen = curves._plots[name]._curve.opts['pen']
    return pen.color().name()


def test_figures_are_named_in_words():
    assert figure_title('classifier') == 'Image class'
    assert figure_title('new_term') == 'New term'
