"""How fast work goes, and how long it will take."""

import pytest

from napari_wsol.inference import pace
from napari_wsol.inference.pace import Pace


def test_a_rest_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(pace.time, 'perf_counter', lambda: now)
    of_ten = Pace(10, 'MP')
    now = 102.0
    assert of_ten(4).rate == 2
    now = 162.0
    of_ten.rested(60)
    now = 163.0
    told = of_ten(6)
    assert told.rate == 2
    assert told.seconds_left == 2
