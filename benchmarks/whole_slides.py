"""Speed and memory of `predict` on whole slides, against the bare network.

    python benchmarks/whole_slides.py --folder runs/slides \
        --sides 10000 40000 --shares 1.0
    python benchmarks/whole_slides.py --folder runs/slides \
        --sides 20000 --shares 1.0 0.3

Makes pyramidal JPEG-compressed TIFFs of painted tissue (kept in the folder),
and runs a model over each in a process of its own. In that process the same
network also runs over tiles of the slide that were read before, in the same
batches, half of them before and half after the run, since a machine drifts.
Prints working megapixels per second of both (halos not counted), their
ratio, peak memory of the process over what it held before it opened the
slide, and the store's size. With ``--compile`` both are of the compiled
network, which is compiled before the clock runs; it says how long that took.
"""

# ruff: noqa: E402 - huge pages have to be asked for before torch comes
from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import shutil
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from napari_wsol.inference.allocator import prefer_huge_pages

prefer_huge_pages()

import psutil
from made_slides import made_slide_file

BARE_SECONDS = 20.0


def main() -> None:
    """Measure each slide in a process of its own, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--folder', type=Path, required=True)
    parser.add_argument('--sides', type=int, nargs='+', default=[10_000])
    parser.add_argument('--shares', type=float, nargs='+', default=[1.0])
    parser.add_argument('--model', default=None, help='else the bundled one')
    parser.add_argument('--device', default='auto')
    parser.add_argument('--precision', default='auto')
    parser.add_argument('--threads', type=int)
    parser.add_argument('--batch', type=int)
    parser.add_argument('--compile', action='store_true')
    given = parser.parse_args()
    spawn = multiprocessing.get_context('spawn')
    print(
        '| side | tissue | MP/s | bare MP/s | ratio | seconds | peak MB '
        '| over start MB | store MB |'
    )
    print('|---|---|---|---|---|---|---|---|---|')
    for side in given.sides:
        for share in given.shares:
            path = made_slide_file(given.folder, side, share)
            receiver, sender = spawn.Pipe(duplex=False)
            process = spawn.Process(
                target=measure, args=(path, given, sender), daemon=False
            )
            process.start()
            sender.close()
            found = receiver.recv()
            process.join()
            cells = ' | '.join(
                (
                    f'{found["rate"]:.2f}',
                    f'{found["bare"]:.2f}',
                    f'{found["rate"] / found["bare"]:.0%}',
                    f'{found["seconds"]:.1f}',
                    f'{found["peak"]:.0f}',
                    f'{found["peak"] - found["start"]:.0f}',
                    f'{found["store"]:.1f}',
                )
            )
            print(f'| {side} | {share:.0%} | {cells} |', flush=True)
            kept = given.folder / f'{path.name}.json'
            kept.write_text(json.dumps(found, indent=2))


def measure(path: Path, given: argparse.Namespace, sender: Any) -> None:
    """Run over one slide; send the figures."""
    import torch

    from napari_wsol.inference.compiling import compiled_looks
    from napari_wsol.inference.forward import Forward
    from napari_wsol.inference.job import make_job
    from napari_wsol.inference.memory import plan_batch
    from napari_wsol.inference.predicting import predict
    from napari_wsol.inference.reading import read_tile
    from napari_wsol.inference.settings import PredictionSettings
    from napari_wsol.models.library import DEFAULT_MODEL, find_model
    from napari_wsol.models.loading import load_model
    from napari_wsol.slides.opening import open_slide

    if given.threads:
        torch.set_num_threads(given.threads)
    model = load_model(find_model(given.model or DEFAULT_MODEL))
    store = given.folder / 'out.zarr'
    shutil.rmtree(store, ignore_errors=True)
    settings = PredictionSettings(
        device=given.device,
        precision=given.precision,
        batch=given.batch,
        compiled=given.compile,
    )
    start = psutil.Process().memory_info().rss / 1e6
    with closing(open_slide(path)) as slide:
        job = make_job(slide, model, store, settings, None)
        grid = job.grid
        tiles = list(grid.tiles())
        middle = tiles[len(tiles) // 2 :][:8]
        batch = given.batch or plan_batch(
            job.device, grid.input_shape, len(tiles)
        )
        forward = Forward(
            model,
            grid,
            device=job.device,
            precision=job.precision,
            classify=True,
            batch=batch,
        )
        if given.compile:
            forward.looks = compiled_looks()
        pixels = [read_tile(slide, grid, tile) for tile in middle[:batch]]

        def bare(at_least: float) -> tuple[float, float]:
            done, began = 0.0, time.perf_counter()
            while time.perf_counter() - began < at_least:
                for answer in forward(middle[:batch], pixels):
                    answer.arrays()
                done += sum(map(grid.megapixels, middle[:batch]))
            return done, time.perf_counter() - began

        began = time.perf_counter()
        bare(0.01)
        if given.compile:
            print(f'compiled in {time.perf_counter() - began:.0f} s')
        bare(2)
        before = bare(BARE_SECONDS / 2)
        events = predict(slide, model, store, settings)
        began = time.perf_counter()
        while True:
            try:
                next(events)
            except StopIteration as end:
                result = end.value
                break
        seconds = time.perf_counter() - began
        after = bare(BARE_SECONDS / 2)
    stored = sum(f.stat().st_size for f in store.rglob('*') if f.is_file())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    sender.send(
        {
            'rate': result.megapixels / seconds,
            'bare': (before[0] + after[0]) / (before[1] + after[1]),
            'seconds': seconds,
            'megapixels': result.megapixels,
            'peak': peak,
            'start': start,
            'store': stored / 1e6,
            'device': result.device,
            'precision': result.precision,
        }
    )


if __name__ == '__main__':
    main()
