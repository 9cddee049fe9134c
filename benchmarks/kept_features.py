"""Seconds per epoch with a frozen encoder, its features kept or not.

    python benchmarks/kept_features.py DATA.csv --output runs/kept

Trains the ``cam`` method's heads on a frozen encoder: looking anew in every
epoch, then with a fixed number of versions of each image. Prints seconds per
epoch, validation included, and what the files take.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from napari_wsol.training.loop import EpochDone
from napari_wsol.training.recipes import configure
from napari_wsol.training.runner import train


def main() -> None:
    given = _arguments()
    shutil.rmtree(given.output, ignore_errors=True)
    for versions in (0, given.versions):
        run = given.output / f'versions-{versions}'
        config = configure(
            'cam',
            epochs=given.epochs,
            freeze_encoder=True,
            cached_versions=versions,
            device=given.device,
        )
        epochs = [
            event
            for event in train(given.source, config, run)
            if isinstance(event, EpochDone)
        ]
        seconds = ' '.join(f'{epoch.seconds:.1f}' for epoch in epochs)
        files = list(run.glob('*/features/*'))
        size = sum(path.stat().st_size for path in files) / 1e6
        print(
            f'{versions or "ever new"} versions: {seconds} s per epoch; '
            f'{len(files)} files, {size:.0f} MB'
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('source', type=Path, help='table of the data')
    parser.add_argument('--output', type=Path, required=True)
    parser.add_argument('--epochs', type=int, default=8)
    parser.add_argument('--versions', type=int, default=2)
    parser.add_argument('--device', default='cpu')
    return parser.parse_args()


if __name__ == '__main__':
    main()
