import threading
import time

import pytest

from napari_wsol.errors import CancelledError
from napari_wsol.training.steering import Steering


def later(action, *arguments):
    timer = threading.Timer(0.1, action, arguments)
    timer.start()
    return timer


def test_nothing_is_held_up_as_long_as_nobody_pauses():
    steering = Steering()
    steering.hold()
    assert steering.seconds_paused == 0
    assert not steering.finishing


@pytest.mark.parametrize('wish', ['go on', 'finish'])
def test_a_pause_lasts_until_told_otherwise(wish):
    told = []
    steering = Steering(announce=told.append)
    steering.follow('pause')
    later(steering.follow, wish)
    steering.hold()
    assert told == [True, False]
    assert 0.05 < steering.seconds_paused < 1
    assert steering.finishing == (wish == 'finish')


def test_a_training_that_finishes_does_not_pause_any_more():
    steering = Steering()
    steering.follow('finish')
    steering.follow('pause')
    steering.hold()
    assert steering.seconds_paused == 0


def test_a_paused_training_can_be_cancelled():
    asked = threading.Event()
    steering = Steering(asked.is_set)
    steering.follow('pause')
    later(asked.set)
    began = time.perf_counter()
    with pytest.raises(CancelledError):
        steering.hold()
    assert time.perf_counter() - began < 1
