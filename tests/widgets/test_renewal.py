"""Drawing at once, and not too often."""

from __future__ import annotations

import time

import pytest
from qtpy.QtCore import QObject

from napari_wsol.widgets.renewal import REST_MS, Renewal

pytestmark = pytest.mark.viewer


@pytest.fixture
def parent(qtbot):
    return QObject()


def test_the_first_time_is_at_once(parent):
    drawn = []
    Renewal(lambda: drawn.append(1), parent).ask()
    assert drawn == [1]


def test_many_wishes_are_one_drawing(parent, qtbot):
    drawn = []
    renewal = Renewal(lambda: drawn.append(time.monotonic()), parent)
    for _ in range(50):
        renewal.ask()
    assert len(drawn) == 1
    assert renewal.is_due
    qtbot.waitUntil(lambda: len(drawn) == 2)
    assert drawn[1] - drawn[0] >= 0.9 * REST_MS / 1000
    qtbot.wait(3 * REST_MS)
    assert len(drawn) == 2


def test_what_takes_long_is_drawn_less_often(parent, qtbot):
    drawn = []

    def draw():
        time.sleep(0.2)
        drawn.append(time.monotonic())

    renewal = Renewal(draw, parent)
    renewal.ask()
    qtbot.wait(1)
    renewal.ask()
    qtbot.waitUntil(lambda: len(drawn) == 2, timeout=5000)
    assert drawn[1] - drawn[0] > 0.9


def test_what_is_dropped_is_not_drawn(parent, qtbot):
    drawn = []
    renewal = Renewal(lambda: drawn.append(1), parent)
    renewal.ask()
    renewal.ask()
    renewal.drop()
    qtbot.wait(2 * REST_MS)
    assert drawn == [1]
