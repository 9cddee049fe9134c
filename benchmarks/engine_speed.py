"""Whether the viewer's engine predicts as fast as the command line does.

Runs a model over a generated image three ways, in turns: in this process as
`napari-wsol predict` does, in the engine from the image's file, and in the
engine from arrays that only this process has. Prints the working megapixels
per second of each run, the best of each way, and the engine's share; and how
long the engine takes to start.

    python benchmarks/engine_speed.py --megapixels 16 [--model FOLDER]
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
from made_images import made_slide, random_model
from PIL import Image

from napari_wsol.engine.client import EngineClient
from napari_wsol.engine.messages import (
    Finished,
    ImageSource,
    PredictRequest,
)
from napari_wsol.inference.predicting import predict
from napari_wsol.inference.settings import Prediction, PredictionSettings
from napari_wsol.models.loading import load_model, save_model
from napari_wsol.slides.opening import open_slide
from napari_wsol.slides.pixel_size import PixelSize


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--megapixels', type=float, default=16)
    parser.add_argument('--model', type=Path, help='default: random weights')
    parser.add_argument('--device', default='auto')
    parser.add_argument('--repeats', type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        compare(
            Path(folder),
            given.model,
            round(math.sqrt(given.megapixels * 1e6)),
            PredictionSettings(tissue_only=False, device=given.device),
            given.repeats,
        )


def compare(
    folder: Path,
    model: Path | None,
    side: int,
    settings: PredictionSettings,
    repeats: int,
) -> None:
    if model is None:
        made = random_model()
        model = save_model(folder / 'model', made.card, made.network).path
    loaded = load_model(model)
    mpp = loaded.card.mpp or 0.5
    pixel_size = PixelSize(mpp, mpp, 'made by a benchmark')
    slide = made_slide(side, side, mpp)
    pixels = slide.read_level(0, 0, 0, side, side)
    file = folder / 'image.bmp'
    Image.fromarray(pixels).save(file)

    stores = (folder / f'{number}.zarr' for number in range(10**6))
    client = EngineClient(log_folder=folder)

    def in_process() -> Prediction:
        with closing(open_slide(file, pixel_size)) as opened:
            events = predict(opened, loaded, next(stores), settings)
            while True:
                try:
                    next(events)
                except StopIteration as end:
                    return end.value

    def in_engine(image: ImageSource) -> Prediction:
        request = PredictRequest(
            client.next_job(),
            image,
            pixel_size,
            str(model),
            str(next(stores)),
            settings,
        )
        *_, end = client.events(request)
        assert isinstance(end, Finished), end
        return end.result

    shown = client.blocks.register('shown', [pixels], name='shown')
    from_file = client.blocks.image_source([pixels], name='a', path=file)
    ways: dict[str, Callable[[], Prediction]] = {
        'in process': in_process,
        'engine, file': lambda: in_engine(from_file),
        'engine, viewer image': lambda: in_engine(shown),
    }
    with closing(client):
        started = time.perf_counter()
        client.start()
        while not client.is_ready:
            time.sleep(0.01)
        print(f'engine ready after {time.perf_counter() - started:.1f} s')
        for way in ways.values():
            way()  # warms up
        best = dict.fromkeys(ways, 0.0)
        for _ in range(repeats):
            for name, way in ways.items():
                result = way()
                speed = result.megapixels / result.seconds
                best[name] = max(best[name], speed)
                print(f'{name:22} {speed:7.2f} MP/s')
        memory = psutil.Process(client.pid).memory_info().rss
    print(f'engine memory after the last run: {memory / 1e6:.0f} MB')
    for name, speed in best.items():
        share = speed / best['in process']
        print(f'best {name:22} {speed:7.2f} MP/s {share:7.1%}')


if __name__ == '__main__':
    main()
