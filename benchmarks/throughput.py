"""How much of the network's own speed `predict` keeps.

Runs a model over a generated image, and then the same network over the same
tiles in the same batches and precision, already read and in memory. Prints
working megapixels per second of both (halos not counted), and their ratio. On
a machine that does other work as well, the core seconds are what to compare.

    python benchmarks/throughput.py --megapixels 100 [--model FOLDER]
"""

# ruff: noqa: E402 - huge pages have to be asked for before torch comes
from __future__ import annotations

import argparse
import math
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from napari_wsol.inference.allocator import prefer_huge_pages

prefer_huge_pages()

import torch
from made_images import made_slide, random_model

from napari_wsol.inference.devices import resolve_device, resolve_precision
from napari_wsol.inference.forward import Forward
from napari_wsol.inference.grid import make_grid
from napari_wsol.inference.memory import plan_batch
from napari_wsol.inference.predicting import predict
from napari_wsol.inference.reading import read_tile
from napari_wsol.inference.settings import PredictionSettings
from napari_wsol.models.loading import load_model


class Spent(NamedTuple):
    """Seconds by the clock, and of all cores of this process."""

    clock: float
    cores: float

    def __add__(self, other: Spent) -> Spent:  # type: ignore[override]
        return Spent(self.clock + other.clock, self.cores + other.cores)

    def __sub__(self, other: Spent) -> Spent:
        return Spent(self.clock - other.clock, self.cores - other.cores)


def now() -> Spent:
    return Spent(time.perf_counter(), time.process_time())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--megapixels', type=float, default=100)
    parser.add_argument('--model', type=Path, help='default: random weights')
    parser.add_argument('--device', default='auto')
    parser.add_argument('--precision', default='auto')
    parser.add_argument('--threads', type=int)
    parser.add_argument('--batch', type=int)
    parser.add_argument('--no-classify', action='store_true')
    parser.add_argument(
        '--downsample', type=float, default=1.0, help='level-0 px per px'
    )
    given = parser.parse_args()
    model = load_model(given.model) if given.model else random_model()
    if given.threads:
        torch.set_num_threads(given.threads)
    card, network = model.card, model.network
    mpp = card.mpp or 0.5
    side = round(math.sqrt(given.megapixels * 1e6) * given.downsample)
    slide = made_slide(side, side, mpp / given.downsample)
    device = resolve_device(given.device)
    precision = resolve_precision(given.precision, device)
    grid = make_grid(
        slide.shape,
        (given.downsample, given.downsample),
        tile=card.tile,
        halo=card.halo,
        stride=network.stride,
        class_stride=network.class_stride,
    )
    tiles = list(grid.tiles())
    batch = given.batch or plan_batch(device, grid.input_shape, len(tiles))
    forward = Forward(
        model,
        grid,
        device=device,
        precision=precision,
        batch=batch,
        classify=not given.no_classify,
    )
    megapixels = sum(map(grid.megapixels, tiles))
    pixels = [read_tile(slide, grid, tile) for tile in tiles[: 2 * batch]]
    print(
        f'{slide.shape[0]} x {slide.shape[1]} px, {len(tiles)} tiles of '
        f'{grid.input_shape} in batches of {batch}, {device}, {precision}'
    )

    def bare(batches: int) -> Spent:
        started = now()
        for _ in range(batches):
            for answer in forward(pixels[:batch]):
                answer.arrays()
        return now() - started

    bare(2)
    batches = max(1, math.ceil(len(tiles) / batch))
    # Half before and half after: the machine may drift in between.
    network_only = bare(batches // 2)
    with tempfile.TemporaryDirectory() as folder:
        settings = PredictionSettings(
            tissue_only=False,
            device=given.device,
            precision=given.precision,
            batch=batch,
            classify=not given.no_classify,
        )
        started = now()
        for _ in predict(slide, model, Path(folder) / 'out.zarr', settings):
            pass
        whole = now() - started
        stored = sum(
            f.stat().st_size for f in Path(folder).rglob('*') if f.is_file()
        )
    network_only += bare(batches - batches // 2)
    for name, spent in (('bare forward', network_only), ('predict', whole)):
        print(
            f'{name:<14}{megapixels / spent.clock:8.2f} MP/s by the clock, '
            f'{spent.cores / megapixels:7.3f} core seconds per MP'
        )
    print(
        f'ratio         {network_only.clock / whole.clock:8.1%} by the clock, '
        f'{network_only.cores / whole.cores:8.1%} of core seconds'
    )
    print(f'store         {stored / 1e6 / megapixels:7.3f} MB per MP')


if __name__ == '__main__':
    np.random.seed(0)
    main()
