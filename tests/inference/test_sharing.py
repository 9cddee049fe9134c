"""A run shared out: its blocks together are one run, bit for bit."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import pytest
import zarr

from napari_wsol.errors import CancelledError, WsolError
from napari_wsol.inference import layout
from napari_wsol.inference.grid import Block
from napari_wsol.inference.job import Job, make_job
from napari_wsol.inference.predicting import run
from napari_wsol.inference.settings import (
    Prediction,
    PredictionSettings,
    Progress,
)
from napari_wsol.inference.sharing import run_block, share_out
from napari_wsol.inference.store import shared_blocks
from napari_wsol.models.loading import LoadedModel
from napari_wsol.slides.arrays import ArraySlide

from .conftest import TinyNetwork, exhaust

SETTINGS = PredictionSettings(
    tissue_only=False, precision='float32', batch=4, compiled=None
)
SIDE = 3
BLOCKS = [Block(row, col, SIDE) for row in (0, 1) for col in (0, 1)]

MakeJob = Callable[..., Job]
MakeSlide = Callable[..., ArraySlide]


def contents(store: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in sorted(store.rglob('*'))
        if path.is_file()
    }


def figures(result: Prediction) -> Prediction:
    return replace(result, seconds=0, store='')


def record(job: Job) -> dict[str, Any]:
    assert isinstance(job.target, Path)
    found = zarr.open_group(job.target, mode='r').attrs['napari_wsol']
    assert isinstance(found, dict)
    return found


def do(*blocks: Iterator[Progress]) -> None:
    """Take a step of each in turn, as if in processes of their own."""
    for _ in chain.from_iterable(zip_longest(*blocks)):
        pass


def stop_after(steps: Iterator[Any], count: int) -> None:
    for _ in range(count):
        while not isinstance(next(steps), Progress):
            pass
    steps.close()  # type: ignore[attr-defined]


@pytest.fixture
def job_for(
    make_slide: MakeSlide,
    tiny_model: LoadedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> MakeJob:
    """Jobs over a slide of 5 x 5 tiles, in small blocks, with many levels."""
    monkeypatch.setattr(layout, 'COARSEST', 12)
    monkeypatch.setattr(layout, 'STATE_CHUNK', SIDE)
    pixels = make_slide(590, 620, blank_from=560)

    def make(name: str, slide: ArraySlide = pixels, **changes: Any) -> Job:
        settings = replace(SETTINGS, **changes)
        return make_job(slide, tiny_model, tmp_path / name, settings, 'x')

    return make


@pytest.mark.parametrize(
    ('side', 'tissue_only'), [(8, False), (SIDE, False), (SIDE, True)]
)
def test_blocks_in_any_order_and_at_once_give_the_bits_of_one_run(
    job_for: MakeJob,
    make_slide: MakeSlide,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    side: int,
    tissue_only: bool,
) -> None:
    slide = make_slide(side * 190, side * 200, blank_from=side * 190)
    monkeypatch.setattr(layout, 'STATE_CHUNK', side)
    alone = job_for('alone', slide, tissue_only=tissue_only)
    _, whole = exhaust(run(alone))
    job = job_for('shared', slide, tissue_only=tissue_only)
    shares = share_out(job)
    assert list(shares) == [Block(b.row, b.col, side) for b in BLOCKS]
    assert sum(shares.values()) == pytest.approx(whole.megapixels)
    blocks = list(shares)
    random.Random(2).shuffle(blocks)
    do(*(run_block(job, block) for block in blocks[:3]))
    do(run_block(job, blocks[3]))
    before = contents(tmp_path / 'shared')
    do(run_block(job, blocks[0]))
    assert contents(tmp_path / 'shared') == before
    _, closed = exhaust(run(job))
    assert contents(tmp_path / 'shared') == contents(tmp_path / 'alone')
    assert figures(closed) == figures(whole)


def test_no_two_blocks_write_the_same_file(
    job_for: MakeJob, tmp_path: Path
) -> None:
    job = job_for('shared')
    share_out(job)
    written: list[str] = []
    for block in BLOCKS:
        before = contents(tmp_path / 'shared')
        do(run_block(job, block))
        after = contents(tmp_path / 'shared')
        written += [name for name in after if after[name] != before.get(name)]
    assert len(written) > 25 * 3
    assert len(written) == len(set(written))
    assert not [name for name in written if 'probability/1' in name]


def test_a_shared_run_that_was_stopped_is_finished_by_an_ordinary_one(
    job_for: MakeJob, tmp_path: Path, network: TinyNetwork
) -> None:
    _, whole = exhaust(run(job_for('alone')))
    all_batches = len(network.batches)
    job = job_for('shared')
    share_out(job)
    do(run_block(job, BLOCKS[2]))
    stop_after(run_block(job, BLOCKS[0]), 3)
    leftover = tmp_path / 'shared' / 'probability' / '0' / '0.partial'
    leftover.write_bytes(b'dead')
    do(run_block(job, BLOCKS[3]))
    assert leftover.exists()  # others may be writing theirs
    network.batches.clear()
    run_through = run(job)
    stop_after(run_through, 9)
    _, closed = exhaust(run(job))
    assert contents(tmp_path / 'shared') == contents(tmp_path / 'alone')
    assert len(network.batches) < all_batches
    assert replace(figures(closed), notes=()) == figures(whole)


def test_an_ordinary_run_that_was_stopped_can_be_shared_out(
    job_for: MakeJob, tmp_path: Path
) -> None:
    exhaust(run(job_for('alone')))
    job = job_for('shared')
    stop_after(run(job), 3)
    shares = share_out(job)
    assert 0 < shares[BLOCKS[0]] < shares[BLOCKS[1]] + shares[BLOCKS[2]]
    do(*(run_block(job, block) for block in shares))
    assert share_out(job) == {}
    assert shared_blocks(job.target) == tuple(BLOCKS)
    with pytest.raises(CancelledError):
        exhaust(run(job, cancelled=lambda: True))
    assert record(job)['shared']
    exhaust(run(job))
    assert shared_blocks(job.target) == ()
    assert contents(tmp_path / 'shared') == contents(tmp_path / 'alone')


def test_a_block_does_nothing_where_the_store_is_no_longer_shared_out(
    job_for: MakeJob, tmp_path: Path, network: TinyNetwork
) -> None:
    job = job_for('shared')
    do(run_block(job, BLOCKS[0]))
    assert not (tmp_path / 'shared').exists()
    share_out(job)
    stop_after(run(job), 2)
    before = contents(tmp_path / 'shared')
    network.batches.clear()
    do(run_block(job, BLOCKS[3]))
    do(run_block(job_for('shared', threshold=0.9), BLOCKS[3]))
    assert not network.batches
    assert contents(tmp_path / 'shared') == before


def test_what_lies_in_one_block_or_depends_on_all_is_not_shared_out(
    job_for: MakeJob, make_slide: MakeSlide
) -> None:
    small = job_for('small', make_slide(300, 380))
    assert share_out(small) == {}
    assert 'shared' not in record(small)
    assert share_out(job_for('cam', map='cam')) == {}


def test_a_store_with_larger_files_of_state_is_shared_out_in_larger_blocks(
    job_for: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, 'STATE_CHUNK', 4)
    exhaust(run(job_for('alone')))
    job = job_for('shared')
    stop_after(run(job), 2)
    monkeypatch.setattr(layout, 'STATE_CHUNK', SIDE)
    shares = share_out(job)
    assert {block.side for block in shares} == {4}
    do(*(run_block(job, block) for block in shares))
    exhaust(run(job))
    assert contents(tmp_path / 'shared') == contents(tmp_path / 'alone')


class DyingStore(zarr.storage.MemoryStore):
    """A disk that is pulled out after some writes."""

    writes_left = 10**9

    async def set(self, key: str, value: Any, *more: Any) -> None:
        if self.writes_left == 0:
            raise OSError(5, 'Input/output error')
        self.writes_left -= 1
        await super().set(key, value, *more)


def test_death_between_any_two_writes_changes_no_bit(
    job_for: MakeJob,
    make_slide: MakeSlide,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(layout, 'STATE_CHUNK', 2)
    job = job_for('', make_slide(400, 256))

    def shared_run(store: DyingStore) -> None:
        there = replace(job, target=store)
        for block in share_out(there):
            do(run_block(there, block))
        exhaust(run(there))

    def bits(store: DyingStore) -> dict[str, bytes]:
        return {k: v.to_bytes() for k, v in store._store_dict.items()}

    alone, whole = DyingStore(), DyingStore()
    exhaust(run(replace(job, target=alone)))
    shared_run(whole)
    assert bits(whole) == bits(alone)
    writes = 10**9 - whole.writes_left
    for survived in range(3, writes, 11):
        store = DyingStore()
        store.writes_left = survived
        with pytest.raises(WsolError, match='Input/output'):
            shared_run(store)
        store.writes_left = 10**9
        exhaust(run(replace(job, target=store)))
        assert bits(store) == bits(whole)
