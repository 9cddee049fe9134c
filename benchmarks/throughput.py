"""How much of the network's own speed `predict` keeps.

Runs a model over a generated image, and then the same network over the same
tiles in the same batches and precision, already read and in memory. Prints
working megapixels per second of both (halos not counted), and their ratio.

    python benchmarks/throughput.py --megapixels 100 [--model FOLDER]
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from pathlib import Path

import numpy as np
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

    def bare(batches: int) -> float:
        started = time.perf_counter()
        for _ in range(batches):
            for answer in forward(pixels[:batch]):
                answer.arrays()
        return time.perf_counter() - started

    bare(2)
    batches = max(1, math.ceil(len(tiles) / batch))
    # Half before and half after: the machine may drift in between.
    seconds = bare(batches // 2)
    with tempfile.TemporaryDirectory() as folder:
        settings = PredictionSettings(
            tissue_only=False,
            device=given.device,
            precision=given.precision,
            batch=batch,
            classify=not given.no_classify,
        )
        started = time.perf_counter()
        for _ in predict(slide, model, Path(folder) / 'out.zarr', settings):
            pass
        whole = time.perf_counter() - started
        stored = sum(
            f.stat().st_size for f in Path(folder).rglob('*') if f.is_file()
        )
    seconds += bare(batches - batches // 2)
    print(f'bare forward pass {megapixels / seconds:7.2f} MP/s')
    print(f'predict           {megapixels / whole:7.2f} MP/s')
    print(f'ratio             {seconds / whole:7.1%}')
    print(f'store             {stored / 1e6 / megapixels:7.3f} MB per MP')


if __name__ == '__main__':
    np.random.seed(0)
    main()
