"""Which device, which precision, and what counts as too little memory."""

from types import SimpleNamespace

import psutil
import pytest
import torch

from napari_wsol.errors import BadInputError
from napari_wsol.inference import devices
from napari_wsol.inference.devices import (
    available_devices,
    resolve_device,
    resolve_precision,
)
from napari_wsol.inference.memory import (
    is_out_of_memory,
    plan_ahead,
    plan_batch,
    plan_readers,
)

CPU = torch.device('cpu')


def test_the_processor_is_always_there_and_comes_last() -> None:
    assert available_devices()[-1][0] == 'cpu'


def test_environment_overrides_auto(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert resolve_device('auto').type == 'mps'
    monkeypatch.setenv('NAPARI_WSOL_DEVICE', 'cpu')
    assert resolve_device('auto').type == 'cpu'
    assert resolve_device('mps').type == 'mps'


def test_absent_device_is_refused_with_what_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(BadInputError, match=r'"cuda" is not available.*cpu'):
        resolve_device('cuda')


@pytest.mark.parametrize('native', [True, False])
def test_auto_precision_is_what_the_processor_does_natively(
    native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, 'computes_in_bfloat16', lambda _: native)
    expected = torch.bfloat16 if native else torch.float32
    assert resolve_precision('auto', CPU) == expected


def test_half_precision_is_refused_on_the_processor() -> None:
    with pytest.raises(BadInputError, match='float16'):
        resolve_precision('float16', CPU)


@pytest.mark.parametrize(
    ('error', 'expected'),
    [
        (torch.OutOfMemoryError('CUDA out of memory'), True),
        (MemoryError(), True),
        (RuntimeError('[enforce] DefaultCPUAllocator: not enough'), True),
        (RuntimeError('MPS backend out of memory'), True),
        (RuntimeError('size mismatch'), False),
        (ValueError('out of memory of what was said'), False),
    ],
)
def test_only_memory_problems_are_called_so(
    error: Exception, expected: bool
) -> None:
    assert is_out_of_memory(error) is expected


def test_batches_are_spread_evenly() -> None:
    assert plan_batch(CPU, (640, 640), 1) == 1
    assert plan_batch(CPU, (640, 640), 3) == 2
    assert plan_batch(CPU, (10**6, 10**6), 9) == 1


def test_reading_ahead_takes_an_eighth_of_the_memory_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def free(count: int) -> None:
        monkeypatch.setattr(
            psutil, 'virtual_memory', lambda: SimpleNamespace(available=count)
        )

    tile = 3 * 640 * 640
    free(8 * tile * 100)
    assert plan_ahead((640, 640), 4, 3) == 11
    free(8 * tile * 6)
    assert plan_ahead((640, 640), 4, 3) == 6
    free(0)
    assert plan_ahead((640, 640), 4, 3) == 4


def test_readers_leave_a_core_to_what_feeds_a_gpu() -> None:
    assert plan_readers(CPU, 2) == 2
    assert plan_readers(CPU, 16) == 4
    assert plan_readers(torch.device('cuda'), 16) == 15
    assert plan_readers(torch.device('cuda'), 1) == 1
