"""One process against Dask workers, one of which is killed.

    python benchmarks/cluster.py --slides 4 --side 4096 --workers 2

Writes synthetic slides and runs ``napari-wsol predict`` over them: in one
process; on workers of this machine; on workers of which one gets a SIGKILL
once it computes, with a corrupt slide among the others; and that call again.
Prints the seconds of each, how its slides ended, and whether every file of
every store is the same, bit for bit, as from one process.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

from napari_wsol.slides.synthetic import synthetic_slide, write_pyramidal_tiff

PROGRAM = Path(sys.executable).with_name('napari-wsol')
CORRUPT = 'corrupt.ome.tif'


def main() -> None:
    given = _arguments()
    with tempfile.TemporaryDirectory(dir=given.folder) as place:
        folder = Path(place)
        slides = [
            write_pyramidal_tiff(
                folder / f'slide-{seed}.ome.tif',
                synthetic_slide(given.side, given.side, seed),
            )
            for seed in range(given.slides)
        ]
        corrupt = folder / CORRUPT
        corrupt.write_bytes(slides[0].read_bytes()[: given.side])
        megapixels = given.slides * given.side**2 / 1e6
        print(
            f'{given.slides} slides of {given.side} x {given.side} px, '
            f'{megapixels:.0f} MP, {psutil.cpu_count()} cores, '
            f'{given.workers} workers\n'
        )
        print(f'{"run":28}{"seconds":>8}{"done":>6}{"failed":>8}  stores')
        cluster = ['--cluster', 'local', '--workers', str(given.workers)]
        alone, together, killed = (
            folder / name for name in ('alone', 'together', 'killed')
        )
        runs = (
            ('one process', slides, alone, [], False),
            (f'{given.workers} workers', slides, together, cluster, False),
            (
                'one killed, one corrupt',
                [*slides, corrupt],
                killed,
                cluster,
                True,
            ),
            ('the same again', [*slides, corrupt], killed, cluster, False),
        )
        alike = []
        for title, images, output, options, kill in runs:
            seconds = _run([*map(str, images), *options], output, kill)
            same = contents(output) == contents(alone)
            states = _states(output)
            alike.append(same and states['done'] == given.slides)
            print(
                f'{title:28}{seconds:8.1f}{states["done"]:6}'
                f'{states["failed"]:8}  {"the same" if same else "OTHER BITS"}'
            )
    sys.exit(not all(alike))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of every store, by its place."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.glob('*.zarr/**/*')
        if path.is_file()
    }


def _run(words: list[str], output: Path, kill: bool) -> float:
    """Seconds that a call takes; in its middle, kill a worker if asked to."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(PROGRAM), 'predict', *words, '--output', str(output)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if kill:
        _kill_a_worker(process.pid, output)
    _, told = process.communicate()
    if process.returncode not in (0, 1):
        sys.exit(f'predict failed:\n{told}')
    return time.perf_counter() - began


def _kill_a_worker(pid: int, output: Path) -> None:
    """Wait until maps are written, and kill who worked most."""
    program = psutil.Process(pid)
    while not list(output.glob('*.zarr/probability/0/c/*/*')):
        if not program.is_running():
            return
        time.sleep(0.1)
    workers = [
        child
        for child in program.children(recursive=True)
        if 'spawn_main' in ' '.join(child.cmdline())
    ]
    max(workers, key=lambda each: each.cpu_times().user).kill()


def _states(output: Path) -> Counter[str]:
    """How many slides are done, how many failed."""
    with (output / 'summary.csv').open(encoding='utf-8-sig') as stream:
        return Counter(row['state'] for row in csv.DictReader(stream))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--slides', type=int, default=4)
    parser.add_argument('--side', type=int, default=4096, help='pixels')
    parser.add_argument('--workers', type=int, default=2)
    parser.add_argument('--folder', type=Path, help='where there is room')
    return parser.parse_args()


if __name__ == '__main__':
    main()
