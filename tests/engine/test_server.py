from __future__ import annotations

import os
import sys

import pytest

from napari_wsol.engine.__main__ import NICENESS, free_cores
from napari_wsol.engine.messages import Failed, Finished


def test_what_the_user_can_mend_is_said_as_it_is(do):
    assert do('refuse')[-1] == Failed(
        1, 'The image "a.png" is empty. Choose another one.'
    )


def test_a_bug_comes_with_its_traceback(do):
    event = do('bug')[-1]
    assert 'ZeroDivisionError: a bug' in event.message
    assert event.details.startswith('Traceback')


def test_a_library_that_is_missing_is_named(do):
    event = do('lacks')[-1]
    assert 'no_such_library' in event.message
    assert 'Install' in event.message


def test_a_result_that_cannot_travel_costs_only_its_job(do):
    assert isinstance(do('unreadable')[-1], Failed)
    assert isinstance(do('count', 1)[-1], Finished)


def test_an_unknown_request_is_refused(client):
    from napari_wsol.engine.messages import DescribeDevices

    (event,) = (e for e in client.events(DescribeDevices(1)) if e)
    assert isinstance(event, Failed)
    assert 'DescribeDevices' in event.message


@pytest.mark.skipif(sys.platform == 'win32', reason='niceness is of POSIX')
def test_the_engine_leaves_the_viewer_its_priority_and_a_core(client, do):
    facts = do('facts')[-1].result
    assert facts['niceness'] == min(19, os.nice(0) + NICENESS)
    assert facts['threads'] == free_cores() >= 1
    assert facts['pid'] == client.pid
    assert int(facts['trim']) >= 2**25
    assert facts['waiting'] == os.environ.get('OMP_WAIT_POLICY', 'PASSIVE')
    assert not facts['torch']
