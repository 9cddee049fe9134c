"""The same classifier over the same slide, here and with TIAToolbox.

    python -m venv toolbox
    toolbox/bin/pip install tiatoolbox pydantic cachetools filelock psygnal \
        segmentation-models-pytorch safetensors platformdirs openslide-bin
    python benchmarks/beside_tiatoolbox.py --folder runs/slides \
        --side 10000 --toolbox toolbox/bin/python

TIAToolbox's patch predictor gets the classifier of the bundled model and cuts
the slide (made once, as by `whole_slides.py`) into patches of the same µm per
pixel; `napari-wsol predict` runs as its users run it, with the classifier on
the foreground and the background besides and the localizer's maps. Both in a
process of their own; prints megapixels of tissue per second and peak memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from made_slides import MPP, made_slide_file

import napari_wsol

THERE = """
import json, resource, sys, time
from pathlib import Path
import torch
from tiatoolbox.models.engine.patch_predictor import PatchPredictor
from tiatoolbox.models.models_abc import ModelABC
from napari_wsol.models.library import DEFAULT_MODEL, find_model
from napari_wsol.models.loading import load_model

slide, side, batch, output = json.loads(sys.argv[1])
loaded = load_model(find_model(DEFAULT_MODEL))
card, network = loaded.card, loaded.network
norm = card.normalization


class Classifier(ModelABC):
    def __init__(self):
        super().__init__()
        self.network = network
        self.mean = torch.tensor(norm.mean).view(1, 3, 1, 1)
        self.std = torch.tensor(norm.std).view(1, 3, 1, 1)

    def forward(self, images):
        images = (images - self.mean) / self.std
        maps = self.network.classifier(self.network.encoder(images)[-1])
        return self.network.image_scores(maps).softmax(-1)

    @staticmethod
    def infer_batch(model, images, device='cpu', **more):
        images = torch.as_tensor(images).permute(0, 3, 1, 2).float() / 255
        with torch.inference_mode(), torch.autocast('cpu', torch.bfloat16):
            images = images.contiguous(memory_format=torch.channels_last)
            return model(images).float().numpy()


predictor = PatchPredictor(Classifier(), batch_size=batch, verbose=False)
began = time.perf_counter()
found = predictor.run(
    [Path(slide)],
    patch_mode=False,
    patch_input_shape=(side, side),
    stride_shape=(side, side),
    input_resolutions=[{'units': 'mpp', 'resolution': card.mpp}],
    save_dir=Path(output),
    overwrite=True,
    output_type='zarr',
    auto_get_mask=False,
)
print(json.dumps({
    'seconds': time.perf_counter() - began,
    'peak': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
}))
"""


def main() -> None:
    """Run both, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--folder', type=Path, required=True)
    parser.add_argument('--side', type=int, default=10_000)
    parser.add_argument('--toolbox', type=Path, required=True)
    parser.add_argument('--patch', type=int, default=512)
    parser.add_argument('--batch', type=int, default=8)
    given = parser.parse_args()
    slide = made_slide_file(given.folder, given.side)
    megapixels = (given.side * MPP) ** 2 / 1e6
    here = subprocess.run(
        [
            sys.executable,
            str(Path(__file__).with_name('whole_slides.py')),
            *('--folder', str(given.folder), '--sides', str(given.side)),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    print(here.stdout)
    told = json.dumps(
        [str(slide), given.patch, given.batch, str(given.folder / 'toolbox')]
    )
    package = Path(napari_wsol.__file__).parents[1]
    there = subprocess.run(
        [str(given.toolbox), '-c', THERE, told],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(package)},
    )
    if there.returncode:
        raise SystemExit(there.stderr[-3000:])
    found = json.loads(there.stdout.splitlines()[-1])
    print(
        f'TIAToolbox, classifier alone, patches of {given.patch}: '
        f'{megapixels / found["seconds"]:.2f} MP/s, '
        f'{found["seconds"]:.1f} s, peak {found["peak"]:.0f} MB'
    )


if __name__ == '__main__':
    main()
