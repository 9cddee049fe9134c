"""Trainings in processes of their own: killed, or several together.

Run by ``test_processes.py``. Torch is imported once; each training is a fork
that computes in one thread. Prints what became of them as JSON.
"""

import json
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from tiny_training import Tiny, write_images

from napari_wsol.training.loop import EpochDone

EVERYTHING = {'ema': 0.9, 'accumulate': 2, 'patience': 3}

KILLED_BEFORE_FILE = (0, 1, 2, 3, 6, 9)
"""Of the ten or more that three epochs move into place."""


def fork(work: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        torch.set_num_threads(1)
        work()
        code = 0
    finally:
        sys.stdout.flush()
        os._exit(code)


def ended(child: int) -> int:
    """The child's exit status, negative where a signal ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def train(views: list, folder: Path, name: str) -> None:
    """Train, or go on, and leave the final weights in a file."""
    tiny = Tiny(views, folder / name, batch=2)
    tiny.fit(resume=True, **EVERYTHING)
    torch.save(tiny.weights, folder / f'{name}.pt')


def die_at_file(number: int) -> None:
    """Have the process killed before it moves its n-th file into place."""
    replace, moved = Path.replace, 0

    def counted(path: Path, target: Path) -> Path:
        nonlocal moved
        if moved == number:
            os.kill(os.getpid(), signal.SIGKILL)
        moved += 1
        return replace(path, target)

    Path.replace = counted


def killed(views: list, folder: Path) -> dict:
    """Endings of trainings killed between files and at random moments."""
    began = time.perf_counter()
    assert ended(fork(lambda: train(views, folder, 'whole'))) == 0
    seconds = time.perf_counter() - began
    names, signals = [], []

    def resumed(name: str, child: int) -> None:
        signals.append(ended(child))
        assert ended(fork(lambda: train(views, folder, name))) == 0
        names.append(name)

    for number in KILLED_BEFORE_FILE:

        def doomed(number: int = number) -> None:
            die_at_file(number)
            train(views, folder, f'file-{number}')

        resumed(f'file-{number}', fork(doomed))
    for number in range(2):
        name = f'moment-{number}'
        child = fork(lambda name=name: train(views, folder, name))
        time.sleep(random.uniform(0.1, 0.9) * seconds)
        os.kill(child, signal.SIGKILL)
        resumed(name, child)
    whole = torch.load(folder / 'whole.pt')
    told = (folder / 'whole' / 'metrics.csv').read_text()
    return {
        'signals': signals,
        'same': [
            all(torch.equal(v, whole[k]) for k, v in ending.items())
            and (folder / name / 'metrics.csv').read_text() == told
            for name in names
            for ending in [torch.load(folder / f'{name}.pt')]
        ],
    }


def together(views: list, folder: Path) -> dict:
    """One training by two processes, and by one, of the same batches.

    The neck stands still: its BatchNorm would see another batch in each.
    """
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]

    def work(name: str) -> None:
        tiny = Tiny(views, folder / name, epochs=6)
        losses = [
            event.figures['classifier'] + event.figures['localizer']
            for event in tiny.fit(frozen=('neck',), learning_rate_heads=1e-2)
            if isinstance(event, EpochDone)
        ]
        rank = os.environ.get('RANK', '')
        learned = {k: v.detach() for k, v in tiny.network.named_parameters()}
        torch.save((learned, losses), folder / f'{name}{rank}.pt')

    def ranked(rank: int) -> Callable[[], None]:
        def work_as_rank() -> None:
            os.environ |= {
                'TORCHELASTIC_RUN_ID': 'rehearsal',
                'MASTER_ADDR': '127.0.0.1',
                'MASTER_PORT': str(port),
                'WORLD_SIZE': '2',
                'LOCAL_WORLD_SIZE': '2',
                'RANK': str(rank),
                'LOCAL_RANK': str(rank),
                'GROUP_RANK': '0',
            }
            work('two')
            torch.distributed.destroy_process_group()

        return work_as_rank

    for child in [fork(ranked(0)), fork(ranked(1)), fork(lambda: work('one'))]:
        assert ended(child) == 0
    (one, alone), (first, losses), (second, _) = (
        torch.load(folder / f'{name}.pt') for name in ('one', 'two0', 'two1')
    )
    return {
        'between': max(_apart(first[k], second[k]) for k in first),
        'to_one': max(_apart(first[k], one[k]) for k in first),
        'losses': losses,
        'alone': alone,
        'files': sorted(path.name for path in (folder / 'two').iterdir()),
    }


def _apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one.double() - other.double()).abs().max())


if __name__ == '__main__':
    folder = Path(sys.argv[1])
    views = write_images(folder)
    print(
        json.dumps(
            {
                'killed': killed(views, folder),
                'together': together(views, folder),
            }
        )
    )
