"""Dask's processes take seconds to start, so one run shows several things."""

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import psutil
import pytest
import tifffile

from napari_wsol.cohorts.cluster import Cluster, Tls, connected
from napari_wsol.cohorts.distributing import run_on
from napari_wsol.cohorts.running import run_here
from napari_wsol.cohorts.summary import Summary
from napari_wsol.cohorts.task import Notice, SlideReport, Told
from napari_wsol.errors import BadInputError, WsolError
from napari_wsol.inference.results import read_card
from napari_wsol.slides.synthetic import synthetic_slide
from napari_wsol.slides.tiff_writer import write_pyramidal_tiff

pytest.importorskip('distributed')


def contents(folder):
    """Every file of every store."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.glob('*.zarr/**/*')
        if path.is_file()
    }


def figures(folder):
    """The cards of all slides, without what depends on the clock."""
    cards = [read_card(path) for path in sorted(folder.glob('*.json'))]
    return [replace(card, seconds=0, store='') for card in cards]


def tables(folder):
    """What was written of fields and regions."""
    return {path.name: path.read_bytes() for path in folder.glob('*-*.csv')}


def reports(events):
    return {e.row.name: e for e in events if isinstance(e, SlideReport)}


def told(events):
    return [e for e in events if isinstance(e, Told)]


def worker_processes():
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if 'spawn_main' in ' '.join(child.cmdline())
    ]


def listening(process):
    return {
        each.laddr.ip
        for each in process.net_connections('inet')
        if each.status == psutil.CONN_LISTEN
    }


@contextmanager
def scheduler(workers=1):
    """A scheduler with workers, as others would start them."""
    with connected(Cluster('local', workers=workers)) as client:
        yield client.scheduler.address


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == 'win32', reason='no SIGKILL')
def test_two_workers_give_the_bits_of_one_process_though_one_is_killed(
    make_image, make_task, tmp_path
):
    images = [
        make_image('long.png', 900, 900),
        make_image('other.png', 900, 900, seed=1),
        make_image('short.png', seed=2),
    ]
    corrupt = tmp_path / 'corrupt.png'
    corrupt.write_bytes(images[2].read_bytes()[:60])
    images.append(corrupt)
    here, there = tmp_path / 'here', tmp_path / 'there'
    alone = reports(run_here([make_task(each, here) for each in images]))
    tasks = [make_task(each, there) for each in images]
    Summary(there, tasks)
    seen, killed, addresses = [], [], set()
    for event in run_on(Cluster('local', workers=2), tasks):
        seen.append(event)
        if killed or not isinstance(event, Told) or not event.progress.done:
            continue
        for process in (psutil.Process(), *worker_processes()):
            addresses |= listening(process)
        killed = [worker_processes()[0].pid]
        os.kill(killed[0], signal.SIGKILL)
    ended = reports(seen)
    assert killed
    assert addresses == {'127.0.0.1'}
    assert {name: each.row.state for name, each in ended.items()} == {
        'long': 'done',
        'other': 'done',
        'short': 'done',
        'corrupt': 'failed',
    }
    begun = [e.name for e in told(seen) if e.begins]
    assert len(begun) > len(set(begun))
    assert {e.worker for e in seen} <= {'0', '1'}
    assert ended['corrupt'].row.message == alone['corrupt'].row.message
    assert len(contents(here)) > 10
    assert contents(here) == contents(there)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == 'win32', reason='no SIGKILL')
def test_shared_slides_have_the_bits_of_one_process_though_one_is_killed(
    make_image, make_task, tmp_path
):
    images = [
        make_image('three-blocks.png', 300, 2300),
        make_image('one-block.png', 300, 300, seed=1),
    ]
    corrupt = tmp_path / 'corrupt.png'
    corrupt.write_bytes(images[0].read_bytes()[:60])
    here, there = tmp_path / 'here', tmp_path / 'there'
    reports(run_here([make_task(each, here) for each in images]))
    tasks = [make_task(each, there) for each in (*images, corrupt)]
    Summary(there, tasks)
    blocks, ended, killed = [], {}, None
    for event in run_on(Cluster('local', workers=2, split=True), tasks):
        ended |= reports([event])
        if not isinstance(event, Told):
            continue
        if 'blocks' not in event.progress.message:
            continue
        blocks.append(event)
        if not killed and event.progress.done:
            killed = max(worker_processes(), key=lambda p: p.cpu_times().user)
            os.kill(killed.pid, signal.SIGKILL)
    assert killed
    assert {name: each.row.state for name, each in ended.items()} == {
        'three-blocks': 'done',
        'one-block': 'done',
        'corrupt': 'failed',
    }
    assert {e.name for e in blocks} == {'three-blocks'}
    assert blocks[-1].progress.total == pytest.approx(0.69)
    assert len(contents(here)) > 10
    assert contents(here) == contents(there)
    assert figures(here) == figures(there)
    assert tables(here) == tables(there)


@pytest.mark.slow
def test_two_commands_that_want_the_same_slide_wait_for_each_other(
    make_image, make_task, tmp_path
):
    image = make_image('two-blocks.png', 150, 1150)
    here, there = tmp_path / 'here', tmp_path / 'there'
    reports(run_here([make_task(image, here)]))
    task = make_task(image, there)
    Summary(there, [task])

    def run(split):
        return reports(run_on(Cluster(address, split=split), [task]))

    with scheduler(workers=2) as address, ThreadPoolExecutor() as commands:
        ends = list(commands.map(run, (True, False, True)))
    ended = [each['two-blocks'] for each in ends]
    assert {each.row.state for each in ended} == {'done'}
    assert sorted(each.skipped for each in ended) == [False, True, True]
    assert contents(here) == contents(there)


@pytest.mark.slow
def test_a_scheduler_of_others_is_used_and_says_what_it_lacks(
    make_image, make_task, output, tmp_path
):
    tasks = [make_task(make_image('a.png')), make_task(tmp_path / 'no.png')]
    corrupt = tmp_path / 'corrupt.png'
    corrupt.write_bytes(tasks[0].image.read_bytes()[:60])
    with scheduler() as address:
        ended = reports(run_on(Cluster(address), tasks))
        assert f'does not see "{output / "summary.csv"}"' in str(
            ended['a'].error
        )
        assert 'There is no file' in str(ended['no'].error)
        tasks = [
            make_task(corrupt, threads=None),
            replace(tasks[0], version=''),
        ]
        Summary(output, tasks)
        ended = reports(run_on(Cluster(address), tasks))
        assert isinstance(ended['corrupt'].error, BadInputError)
        assert 'the same version on all machines' in str(ended['a'].error)
        events = run_on(Cluster(address, resources={'GPU': 1}), tasks)
        notice = next(events)
        assert isinstance(notice, Notice)
        assert 'No worker that offers GPU=1' in notice.text
        events.close()


@pytest.mark.slow
def test_a_block_that_fails_costs_its_slide_and_no_other(
    make_image, make_task, output, tmp_path
):
    damaged = write_pyramidal_tiff(
        tmp_path / 'damaged.tif', synthetic_slide(300, 2300), tile=128
    )
    with tifffile.TiffFile(damaged) as tiff:
        page = tiff.pages[0]
        start, size = page.dataoffsets[0], page.databytecounts[0]
    with damaged.open('r+b') as file:
        file.seek(start)
        file.write(bytes(size))
    tasks = [make_task(damaged), make_task(make_image('a.png'))]
    Summary(output, tasks)
    with scheduler() as address:
        events = list(run_on(Cluster(address, split=True), tasks))
    ended = [e for e in events if isinstance(e, SlideReport)]
    assert sorted(e.row.name for e in ended) == ['a', 'damaged']
    assert reports(events)['a'].row.state == 'done'
    assert 'may be damaged' in reports(events)['damaged'].row.message
    assert any('of 3 blocks' in e.progress.message for e in told(events))


def test_a_scheduler_that_does_not_answer_is_named(
    make_image, make_task, monkeypatch
):
    monkeypatch.setattr('napari_wsol.cohorts.cluster.CONNECT_SECONDS', 0.2)
    task = make_task(make_image('a.png'))
    with pytest.raises(WsolError, match='No Dask scheduler answers'):
        list(run_on(Cluster('tcp://127.0.0.1:1'), [task]))


def test_certificates_and_addresses_must_fit_together(tmp_path):
    files = [tmp_path / name for name in ('ca.pem', 'cert.pem', 'key.pem')]
    with pytest.raises(BadInputError, match='begins with tls://'):
        Cluster('tcp://127.0.0.1:8786', tls=Tls(*files))
    with pytest.raises(BadInputError, match=r'no file ".*ca.pem"'):
        Cluster('tls://127.0.0.1:8786', tls=Tls(*files))
    with (
        pytest.raises(BadInputError, match='is encrypted: give --tls-ca'),
        connected(Cluster('tls://127.0.0.1:8786')),
    ):
        pass
    written = tmp_path / 'scheduler.json'
    written.write_text('{"address": "tcp://127.0.0.1:8786"}')
    with pytest.raises(BadInputError, match='begins with tls://'):
        Cluster(str(written), tls=Tls(*files))
