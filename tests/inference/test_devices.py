"""Which device, which precision, and what counts as too little memory."""

import pytest
import torch

from napari_wsol.errors import BadInputError
from napari_wsol.inference import devices
from napari_wsol.inference.devices import (
    available_devices,
    resolve_device,
    resolve_precision,
)
from napari_wsol.inference.memory import is_out_of_memory, plan_batch

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
