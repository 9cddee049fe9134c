"""How long regions of a large map take, and how much memory.

Makes a store as a prediction writes it, with a probability map of smoothed
noise: many small regions and some very large ones. Then extracts, measures,
outlines and saves them; reads stain from a slide; asks a classifier that
averages its cells; writes a label image. Prints seconds, and how far the
process's peak memory grew over what it was before.

    python benchmarks/regions.py [--side 10000] [--grain 6] [--stain]
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from scipy import ndimage

from napari_wsol.inference.grid import make_grid
from napari_wsol.inference.layout import StoreSpec, create_layout
from napari_wsol.inference.results import write_card
from napari_wsol.inference.settings import Prediction
from napari_wsol.regions.extraction import extract_result
from napari_wsol.regions.label_image import write_labels
from napari_wsol.regions.relevance import weighed
from napari_wsol.regions.saving import load_regions, save_regions
from napari_wsol.regions.stain import stained
from napari_wsol.regions.stored import open_result
from napari_wsol.slides.arrays import ArraySlide

MPP = 0.5
CLASS_STRIDE = 32
ROI_CLASSES = ('benign gland', 'malignant gland')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--side', type=int, default=10_000)
    parser.add_argument('--tile', type=int, default=1024)
    parser.add_argument(
        '--grain', type=float, default=6.0, help='px; less: more regions'
    )
    parser.add_argument('--stain', action='store_true', help='needs a slide')
    parser.add_argument('--folder', type=Path, help='to keep files in')
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        if not (folder / 'made.json').exists():
            # In a process of its own, so that its memory is not counted.
            making = multiprocessing.get_context('spawn').Process(
                target=make, args=(folder, given.side, given.tile, given.grain)
            )
            making.start()
            making.join()
            if making.exitcode:
                raise SystemExit('the map could not be made')
        measure(folder, with_stain=given.stain)


def measure(folder: Path, *, with_stain: bool) -> None:
    start = peak()
    print(f'{start:.0f} MiB before the start')
    result = open_result(folder / 'made.json')
    table, outlines = timed('extract', extract_result(folder / 'made.json'))
    sizes = np.sort(table.pixels)
    print(
        f'{len(table):,} regions, {table.pixels.sum() / 1e6:.1f} of '
        f'{np.prod(result.maps.shape) / 1e6:.0f} MP; median '
        f'{np.median(sizes):,.0f} px, five largest {sizes[-5:].tolist()}; '
        f'{len(outlines.y):,} corners, {len(outlines.rings) - 1:,} rings'
    )
    began = time.perf_counter()
    save_regions(folder / 'regions.npz', table, outlines)
    size = (folder / 'regions.npz').stat().st_size / 2**20
    print(f'save: {time.perf_counter() - began:.1f} s, {size:.0f} MiB')
    print(f'peak memory: {peak() - start:.0f} MiB above the start')
    began = time.perf_counter()
    table, outlines = load_regions(folder / 'regions.npz')
    print(f'load: {time.perf_counter() - began:.2f} s')
    began = time.perf_counter()
    polygons = [outlines.polygon(int(number)) for number in table.number]
    spent = time.perf_counter() - began
    print(f'{len(polygons):,} polygons: {spent:.1f} s')
    del polygons
    labels = write_labels(
        folder / 'labels.zarr',
        table,
        outlines,
        result.maps.shape,
        result.maps.chunks,
    )
    timed('write labels', labels)
    assert result.maps.scores is not None
    scores = np.asarray(result.maps.scores[0])
    print(f'{scores[0].size:,} cells')
    timed(
        'relevance',
        weighed(table, outlines, scores, result.cell_step, averaged),
    )
    if with_stain:
        pixels: Any = zarr.open_array(folder / 'slide.zarr', mode='r')
        slide = ArraySlide('made', [pixels])
        for coarser in (1, 2):
            timed(
                f'stain, {coarser} map pixels per pixel read',
                stained(table, outlines, slide, coarser=coarser),
            )
    print(f'peak memory of all: {peak() - start:.0f} MiB above the start')


def timed(name: str, work: Generator[Any, None, Any]) -> Any:
    """Run a generator to its end, and print its seconds."""
    began = last = time.perf_counter()
    longest = 0.0
    while True:
        try:
            next(work)
        except StopIteration as stop:
            spent = time.perf_counter() - began
            print(
                f'{name}: {spent:.1f} s, at most {longest:.2f} s between '
                'reports'
            )
            return stop.value
        longest = max(longest, time.perf_counter() - last)
        last = time.perf_counter()


def averaged(cells: np.ndarray) -> np.ndarray:
    logits = cells.mean(1, dtype=np.float64)
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def peak() -> float:
    """Largest resident memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def make(folder: Path, side: int, tile: int, grain: float) -> None:
    """A store, its card and a slide."""
    grid = make_grid(
        (side, side),
        (1.0, 1.0),
        tile=tile,
        halo=64,
        stride=1,
        class_stride=CLASS_STRIDE,
    )
    spec = StoreSpec(grid, 3, ROI_CLASSES, (MPP, MPP), 'made', 1)
    folder.mkdir(parents=True, exist_ok=True)
    group = create_layout(folder / 'made.zarr', spec)
    rng = np.random.default_rng(0)
    # Fine noise over a coarse field that joins it in some places.
    field = 1.5 * smooth(rng, side, side / 20, coarse=40)
    field += smooth(rng, side, grain)
    field = rounded(1 / (1 + np.exp(3 * (1.1 - field))))
    group['probability/0'][...] = field
    group['entropy/0'][...] = rounded(-entropy_of(field))
    share = rounded(1 / (1 + np.exp(-smooth(rng, side, 60, coarse=8))))
    group['class_probability/0'][0] = share
    group['class_probability/0'][1] = 1 - share
    cells = rng.normal(size=(3, 3, *grid.cells_shape)).astype(np.float32)
    group['classifier/scores'][...] = cells
    slide = zarr.create_array(
        str(folder / 'slide.zarr'),
        shape=(side, side, 3),
        chunks=(512, 512, 3),
        dtype='uint8',
    )
    speckle = rng.integers(-15, 16, (side, side), np.int16)
    for channel, (pale, strong) in enumerate(
        ((225, 120), (150, 70), (190, 150))
    ):
        shade = pale + (strong - pale) * field + speckle
        slide[..., channel] = shade.clip(0, 255).astype(np.uint8)
    write_card(folder / 'made.json', replace(CARD, store='made.zarr'))


def smooth(
    rng: np.random.Generator, side: int, sigma: float, *, coarse: int = 1
) -> np.ndarray:
    """Noise of unit deviation, ``(side, side)``, smoothed over sigma px."""
    few = -(-side // coarse)
    noise = rng.standard_normal((few, few), np.float32)
    noise = ndimage.gaussian_filter(noise, sigma / coarse, mode='wrap')
    noise /= noise.std()
    if coarse > 1:
        noise = ndimage.zoom(noise, coarse, order=1)[:side, :side]
    return noise


def entropy_of(probability: np.ndarray) -> np.ndarray:
    tiny = np.finfo(np.float32).tiny
    other = 1 - probability
    return probability * np.log2(probability + tiny) + other * np.log2(
        other + tiny
    )


def rounded(values: np.ndarray) -> np.ndarray:
    """On the grain that a prediction keeps."""
    return np.round(values * 4096) / np.float32(4096)


CARD = Prediction(
    image='made',
    store='made.zarr',
    model='none',
    model_hash='',
    classes=('normal', *ROI_CLASSES),
    roi_classes=ROI_CLASSES,
    class_probabilities=None,
    entropy_image=None,
    entropy_foreground=None,
    entropy_background=None,
    foreground_fraction=0.0,
    foreground_mm2=None,
    tissue_fraction=None,
    threshold=0.5,
    mpp=MPP,
    mpp_source='made',
    model_mpp=None,
    step_y=1.0,
    step_x=1.0,
    origin_y=0.0,
    origin_x=0.0,
    device='cpu',
    precision='float32',
    seconds=0.0,
    megapixels=0.0,
)


if __name__ == '__main__':
    main()
