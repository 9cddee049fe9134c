"""Kills `predict` at random moments and looks whether any bit is different.

    python benchmarks/predict_kills.py --folder runs/slides --side 10000

Runs `napari-wsol predict` over a whole slide (made once, as by
`whole_slides.py`) undisturbed; then again, killed with SIGKILL so many times
at random moments and started again each time, until it ends by itself.
Compares every file of the two stores, and counts how many chunks were written
a second time after they had been finished (there should be none).
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import zarr
from made_slides import made_slide_file


def main() -> None:
    """Run, kill, compare, print."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--folder', type=Path, required=True)
    parser.add_argument('--side', type=int, default=10_000)
    parser.add_argument('--kills', type=int, default=10)
    parser.add_argument('--seed', type=int, default=0)
    given = parser.parse_args()
    slide = made_slide_file(given.folder, given.side)
    whole, killed = given.folder / 'whole', given.folder / 'killed'
    for folder in (whole, killed):
        shutil.rmtree(folder, ignore_errors=True)
    began = time.perf_counter()
    start(slide, whole).wait()
    seconds = time.perf_counter() - began
    print(f'undisturbed: {seconds:.0f} s', flush=True)
    (store,) = whole.glob('*.zarr')
    chance = random.Random(given.seed)
    twice = kills = 0
    while kills < given.kills:
        before = finished(killed / store.name)
        process = start(slide, killed)
        try:
            process.wait(chance.uniform(3, seconds))
            shutil.rmtree(killed)  # it ended before: begin anew
            continue
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        kills += 1
        after = finished(killed / store.name)
        twice += sum(after.get(key) != when for key, when in before.items())
        print(f'kill {kills}: {len(after)} chunks finished', flush=True)
    before = finished(killed / store.name)
    if start(slide, killed).wait():
        raise SystemExit('The last run failed.')
    after = finished(killed / store.name)
    twice += sum(after.get(key) != when for key, when in before.items())
    same = contents(store) == contents(killed / store.name)
    print(f'chunks made twice: {twice}; all bits the same: {same}')


def start(slide: Path, output: Path) -> subprocess.Popen[bytes]:
    """The command line, as a user gives it."""
    return subprocess.Popen(
        [
            sys.executable,
            '-c',
            'from napari_wsol.cli import main; main()',
            'predict',
            str(slide),
            '--output',
            str(output),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def finished(store: Path) -> dict[tuple[int, int], int]:
    """When the map of each finished chunk was written, in ns."""
    try:
        group = zarr.open_group(str(store), mode='r')
        state = np.asarray(group['run/tiles'])
    except (FileNotFoundError, KeyError):
        return {}
    places = zip(*np.nonzero(state[..., 0] >= 0), strict=True)
    files = {
        (int(y), int(x)): store / f'probability/0/c/{y}/{x}' for y, x in places
    }
    return {
        place: path.stat().st_mtime_ns
        for place, path in files.items()
        if path.exists()  # a chunk of zeros has no file
    }


def contents(store: Path) -> dict[str, str]:
    """A hash of each file."""
    return {
        str(path.relative_to(store)): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in sorted(store.rglob('*'))
        if path.is_file()
    }


if __name__ == '__main__':
    main()
