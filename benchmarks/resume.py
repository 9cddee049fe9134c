"""Kill a training at random moments, resume it, and compare the ends.

    python benchmarks/resume.py DATA.csv --output runs/resume --epochs 3

Trains once in peace, then ten times with one SIGKILL at a random moment and
``--resume``, all by the command line, with any other options given. Prints
when each was killed, and whether the weights (SHA-256), the figures of every
epoch and the card's metrics are those of the undisturbed training.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PROGRAM = Path(sys.executable).with_name('napari-wsol')


@dataclass(frozen=True)
class End:
    """What a training left."""

    weights: str
    metrics: str
    epochs: tuple[str, ...]

    @classmethod
    def of(cls, run: Path) -> End:
        """Read from a run's folder."""
        model = run / 'model'
        card = json.loads((model / 'config.json').read_text())
        return cls(
            hashlib.sha256(
                (model / 'model.safetensors').read_bytes()
            ).hexdigest(),
            json.dumps(card['metrics'], sort_keys=True),
            tuple(path.read_text() for path in sorted(run.glob('*/*.csv'))),
        )


def main() -> None:
    given, options = _arguments()

    def command(run: Path) -> list[str]:
        program = [str(PROGRAM), 'train', str(given.source)]
        return [*program, '--output', str(run), *options]

    whole = given.output / 'whole'
    shutil.rmtree(given.output, ignore_errors=True)
    began = time.perf_counter()
    _run(command(whole))
    seconds = time.perf_counter() - began
    expected = End.of(whole)
    print(f'undisturbed: {seconds:.0f} s, weights {expected.weights[:12]}')
    print(f'  {expected.metrics}')
    chance = random.Random(given.chance)
    alike = 0
    for number in range(given.kills):
        run = given.output / f'killed-{number + 1}'
        moment = chance.uniform(0, seconds)
        where = _killed(command(run), run, moment)
        started = (run / 'config.json').exists()
        _run(command(run) + ['--resume'] * started)
        end = End.of(run)
        alike += end == expected
        print(
            f'killed after {moment:5.1f} s ({where}): weights '
            f'{end.weights[:12]}, '
            + ('the same end' if end == expected else 'ANOTHER END')
        )
    print(f'{alike} of {given.kills} ended the same')
    sys.exit(alike != given.kills)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f'{" ".join(command)} failed:\n{done.stderr}')


def _killed(command: list[str], run: Path, moment: float) -> str:
    """Start, kill after some seconds; what was there then, in words."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(moment)
        return 'it had ended'
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    epochs = [
        len(path.read_text().splitlines()) - 1
        for path in run.glob('*/metrics.csv')
    ]
    return f'{sum(epochs)} epochs done' if epochs else 'before an epoch'


def _arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('source', type=Path, help='table of the data')
    parser.add_argument('--output', type=Path, required=True)
    parser.add_argument('--kills', type=int, default=10)
    parser.add_argument('--chance', type=int, default=0, help='its seed')
    return parser.parse_known_args()


if __name__ == '__main__':
    main()
