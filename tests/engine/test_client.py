from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from fake_jobs import Fake
from watching import is_gone, wait_for

from napari_wsol.engine.client import EngineClient
from napari_wsol.engine.messages import (
    Cancelled,
    ChunkDone,
    Failed,
    Finished,
    Progress,
)

posix = pytest.mark.skipif(sys.platform == 'win32', reason='POSIX signals')


def next_event(events):
    return next(event for event in events if event)


def test_events_come_in_order_and_end_with_the_result(client, do):
    events = do('count', 8)
    chunks = [event for event in events if isinstance(event, ChunkDone)]
    assert [chunk.box.y for chunk in chunks] == list(range(1, 9))
    assert events[-1] == Finished(1, '8')


def test_progress_is_sent_a_few_times_a_second(client, do):
    do('count', 1)
    start = time.monotonic()
    steps = [e.done for e in do('count', 25) if isinstance(e, Progress)]
    seconds = time.monotonic() - start
    assert steps[0] == 1
    assert steps[-1] == 25
    assert 3 <= len(steps) <= seconds / 0.25 + 2


def test_starting_does_not_wait(client):
    client.start()
    assert client.is_alive
    assert not client.is_ready
    assert wait_for(lambda: client.is_ready)


def test_a_quiet_job_still_wakes_its_listener(client, tmp_path):
    events = client.events(Fake(1, 'hang', str(tmp_path / 'pid')))
    next_event(events)
    start = time.monotonic()
    assert next(events) is None
    assert next(events) is None
    assert time.monotonic() - start < 0.5


def test_a_job_is_cancelled_quickly_by_the_same_process(client, do):
    events = client.events(Fake(client.next_job(), 'wait'))
    next_event(events)
    pid = client.pid
    start = time.monotonic()
    client.cancel(1)
    assert next(e for e in events if isinstance(e, Cancelled)) == Cancelled(1)
    assert time.monotonic() - start < 0.5
    assert isinstance(do('count', 1)[-1], Finished)
    assert client.pid == pid


def test_closing_the_generator_cancels_its_job(client, do):
    events = client.events(Fake(client.next_job(), 'wait'))
    next_event(events)
    events.close()
    assert isinstance(do('count', 1)[-1], Finished)


def test_a_job_that_ignores_cancel_is_ended_with_all_it_started(
    client, do, tmp_path
):
    file = tmp_path / 'pid'
    events = client.events(Fake(client.next_job(), 'hang', str(file)))
    next_event(events)
    assert wait_for(lambda: file.exists() and file.read_text() != '')
    pid = client.pid
    start = time.monotonic()
    client.cancel(1)
    assert next_event(events) == Cancelled(1)
    assert 0.4 < time.monotonic() - start < 2
    assert wait_for(lambda: is_gone(pid))
    assert wait_for(lambda: is_gone(int(file.read_text())))
    assert isinstance(do('count', 1)[-1], Finished)
    assert client.pid != pid


def test_a_job_can_be_cancelled_before_it_is_sent(client):
    job = client.next_job()
    client.cancel(job)
    assert list(client.events(Fake(job, 'wait'))) == [Cancelled(job)]
    assert not client.is_alive


def run_in_thread(client, request):
    """A queue that fills with the events of a job."""
    found = queue.SimpleQueue()

    def run():
        for event in client.events(request):
            if event:
                found.put(event)

    threading.Thread(target=run, daemon=True).start()
    return found


def test_a_second_job_waits_for_the_first(client):
    first = run_in_thread(client, Fake(1, 'wait'))
    assert isinstance(first.get(timeout=10), Progress)
    second = run_in_thread(client, Fake(2, 'count', '1'))
    third = run_in_thread(client, Fake(3, 'wait'))
    time.sleep(0.1)
    assert second.empty()
    client.cancel(3)
    assert third.get(timeout=1) == Cancelled(3)
    client.cancel(1)
    assert isinstance(second.get(timeout=1), Progress)


@posix
def test_a_crash_costs_only_the_running_job(client):
    first = run_in_thread(client, Fake(1, 'wait'))
    assert isinstance(first.get(timeout=10), Progress)
    pid = client.pid
    second = run_in_thread(client, Fake(2, 'count', '1'))
    assert wait_for(lambda: 2 in client._jobs)
    os.kill(pid, signal.SIGKILL)
    while isinstance(event := first.get(timeout=5), Progress):
        pass
    assert isinstance(event, Failed)
    assert 'memory' in event.message
    assert 'signal 9' in event.message
    while isinstance(event := second.get(timeout=10), Progress | ChunkDone):
        pass
    assert event == Finished(2, '1')
    assert client.pid != pid


@posix
@pytest.mark.parametrize(
    ('how', 'words'),
    [
        ('segfault', 'crashed (SIGSEGV)'),
        (int(signal.SIGTERM), 'ended from outside (SIGTERM)'),
    ],
)
def test_a_crash_is_called_what_it_is(do, how, words):
    events = do('crash', how)
    assert isinstance(events[0], ChunkDone)
    assert words in events[-1].message
    assert 'memory' not in events[-1].message
    assert events[-1].details.startswith('about to crash')


def test_an_engine_that_cannot_start_is_not_started_for_ever(tmp_path):
    client = EngineClient(jobs='fake_jobs:BROKEN', log_folder=tmp_path)
    for job in (1, 2):
        *_, event = client.events(Fake(job, 'count', '1'))
        assert isinstance(event, Failed)
        assert 'exit code' in event.message
        assert 'cannot start' in event.details
    assert wait_for(lambda: not client.is_alive)
    client.close()


def test_an_engine_that_cannot_be_launched_says_so(client, monkeypatch):
    monkeypatch.setattr(sys, 'executable', '/nowhere/python')
    (event,) = client.events(Fake(1, 'count', '1'))
    assert isinstance(event, Failed)
    assert 'cannot be started' in event.message


def test_an_engine_of_another_version_is_turned_away(client, monkeypatch):
    monkeypatch.setattr('napari_wsol.engine.session.__version__', '9.9')
    *_, event = client.events(Fake(1, 'count', '1'))
    assert isinstance(event, Failed)
    assert 'viewer 9.9' in event.message
    assert 'Restart napari' in event.message
    assert wait_for(lambda: not client.is_alive)


def test_a_stranger_with_the_wrong_token_is_turned_away(client, do):
    from napari_wsol import __version__
    from napari_wsol.engine.door import Hello, enter

    do('count', 1)
    link = enter(client._door.key, Hello('jobs', 'x', __version__))
    with link, pytest.raises(EOFError):
        link.recv()
    assert isinstance(do('count', 1)[-1], Finished)


def test_the_log_goes_elsewhere_where_its_folder_cannot_be_made(
    tmp_path, monkeypatch
):
    (tmp_path / 'file').touch()
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path / 'elsewhere'))
    (tmp_path / 'elsewhere').mkdir()
    client = EngineClient(
        jobs='fake_jobs:JOBS', log_folder=tmp_path / 'file' / 'logs'
    )
    *_, event = client.events(Fake(1, 'count', '1'))
    client.close()
    assert isinstance(event, Finished)


def test_a_long_path_for_temporary_files_is_no_obstacle(
    do, tmp_path, monkeypatch
):
    long = tmp_path / ('long' * 30)
    long.mkdir()
    monkeypatch.setattr('tempfile.tempdir', str(long))
    assert isinstance(do('count', 1)[-1], Finished)
    assert not list(long.iterdir())


def test_closing_ends_everything_at_once(client):
    found = run_in_thread(client, Fake(1, 'wait'))
    assert isinstance(found.get(timeout=10), Progress)
    pid = client.pid
    start = time.monotonic()
    client.close()
    assert time.monotonic() - start < 1
    assert is_gone(pid)
    while isinstance(event := found.get(timeout=1), Progress):
        pass
    assert event == Cancelled(1)
    assert list(client.events(Fake(2, 'count', '1'))) == [Cancelled(2)]


def test_nothing_leaks_over_many_starts(tmp_path):
    me = psutil.Process()
    threads = threading.active_count()
    children = me.children(recursive=True)
    handles = me.num_fds() if hasattr(me, 'num_fds') else me.num_handles()
    for cycle in range(20):
        client = EngineClient(jobs='fake_jobs:JOBS', log_folder=tmp_path)
        client.start()
        door = Path(client._door.key.address)
        if cycle % 4 == 0:
            *_, event = client.events(Fake(1, 'count', '1'))
            assert isinstance(event, Finished)
        client.close()
        assert not door.exists()
    assert me.children(recursive=True) == children
    assert wait_for(lambda: threading.active_count() <= threads)
    now = me.num_fds() if hasattr(me, 'num_fds') else me.num_handles()
    assert now <= handles
    assert not list(tmp_path.glob('*.log'))


ORPHAN = """
import sys
from pathlib import Path
from fake_jobs import Fake
from napari_wsol.engine.client import EngineClient
client = EngineClient(jobs='fake_jobs:JOBS', log_folder=Path(sys.argv[1]))
for event in client.events(Fake(1, 'wait')):
    if event:
        print(client.pid, flush=True)
        break
{then}
"""


@pytest.mark.parametrize('death', ['killed', 'exit'])
def test_the_engine_ends_when_its_viewer_is_gone(tmp_path, death):
    then = 'input()' if death == 'killed' else 'sys.exit()'
    viewer = subprocess.Popen(
        [sys.executable, '-c', ORPHAN.format(then=then), tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with viewer:
        pid = int(viewer.stdout.readline())
        if death == 'killed':
            assert not is_gone(pid)
            viewer.kill()
    assert wait_for(lambda: is_gone(pid))


def test_the_viewers_side_imports_neither_torch_nor_qt():
    code = (
        'import sys, napari_wsol.engine.client\n'
        'heavy = {"torch", "timm", "napari", "qtpy", "PyQt6"}\n'
        'print(heavy & sys.modules.keys())'
    )
    found = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True
    )
    assert found.stdout.strip() == 'set()', found.stderr
