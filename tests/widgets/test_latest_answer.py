"""Questions that are answered beside the viewer."""

from __future__ import annotations

import threading

import pytest
from qtpy.QtCore import QObject

from napari_wsol.widgets.latest_answer import LatestAnswer

pytestmark = pytest.mark.viewer


@pytest.fixture
def parent(qapp):
    return QObject()


@pytest.fixture
def work(parent):
    return LatestAnswer(parent)


class Slow:
    """Gives back what it is asked, once it may."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.may_end = threading.Event()

    def __call__(self, value: int) -> int:
        self.asked.append(value)
        self.may_end.wait(5)
        return value


def test_an_answer_comes(work, qtbot):
    with qtbot.waitSignal(work.answered) as signal:
        work.ask(max, 3, 7)
    assert signal.args == [7]


def test_only_the_newest_of_many_questions_is_answered(work, qtbot):
    slow, answers = Slow(), []
    work.answered.connect(answers.append)
    for value in range(5):
        work.ask(slow, value)
    qtbot.waitUntil(lambda: slow.asked == [0])
    slow.may_end.set()
    qtbot.waitUntil(lambda: answers == [4])
    assert slow.asked == [0, 4]


def test_what_was_dropped_is_not_answered(work, qtbot):
    slow, answers = Slow(), []
    work.answered.connect(answers.append)
    work.ask(slow, 1)
    qtbot.waitUntil(lambda: slow.asked == [1])
    work.ask(slow, 2)
    work.drop()
    slow.may_end.set()
    qtbot.waitUntil(lambda: not work._running)
    assert not answers
    with qtbot.waitSignal(work.answered):
        work.ask(slow, 3)
    assert answers == [3]
    assert slow.asked == [1, 3]


def test_errors_are_handed_over_and_work_goes_on(work, qtbot):
    with qtbot.waitSignal(work.failed) as signal:
        work.ask(int, 'seven')
    assert isinstance(signal.args[0], ValueError)
    with qtbot.waitSignal(work.answered) as signal:
        work.ask(int, '7')
    assert signal.args == [7]
