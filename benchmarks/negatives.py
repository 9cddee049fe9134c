"""What fully negative images are worth: foreground on them, at equal recall.

    python benchmarks/negatives.py --output runs/negatives \
        --camelyon DATA/camelyon16

Trains ``cam``, ``max-min-uncertainty`` and ``negev`` with a class declared
fully negative, on squares of synthetic slides (gland or none) and, where
given, on the few Camelyon16 patches. For each, the threshold is put where 70
and 90 % of the true foreground are found, and what is then marked on fully
negative images is told. Masks only measure.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import torch
from methods_table import spread
from PIL import Image

from napari_wsol.inference.grid import LONE_HALO
from napari_wsol.models.library import find_model
from napari_wsol.models.loading import LoadedModel, load_model
from napari_wsol.models.localizer import resize
from napari_wsol.slides.synthetic import synthetic_slide
from napari_wsol.training.recipes import configure
from napari_wsol.training.runner import train
from napari_wsol.training.scanning import Scanner
from napari_wsol.training.table import read_table
from napari_wsol.training.views import make_views

METHODS = ('cam', 'max-min-uncertainty', 'negev')
RECALLS = (0.7, 0.9)
NAMES = ['image', 'mask', 'label', 'group', 'split', 'mpp']
SYNTHETIC = {0: 'train', 1: 'train', 2: 'train', 3: 'val', 4: 'test'}
SIDE, MPP, LEAST_SHARE, PER_KIND = 256, 0.5, 0.05, 20


def write_synthetic(folder: Path) -> Path:
    """Squares of synthetic slides, with and without glands."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / 'labels.csv'
    if path.exists():
        return path
    with path.open('w', newline='') as file:
        writer = csv.DictWriter(file, NAMES)
        writer.writeheader()
        for seed, split in SYNTHETIC.items():
            slide = synthetic_slide(10 * SIDE, 16 * SIDE, seed, MPP)
            left = {'gland': PER_KIND, 'stroma': PER_KIND}
            for y in range(0, slide.shape[0] - SIDE + 1, SIDE):
                for x in range(0, slide.shape[1] - SIDE + 1, SIDE):
                    truth = slide.gland_mask(y, x, SIDE, SIDE) > 0
                    label = 'gland' if truth.any() else 'stroma'
                    faint = label == 'gland' and truth.mean() < LEAST_SHARE
                    if faint or not left[label]:
                        continue
                    pixels = slide.read_level(0, y, x, SIDE, SIDE)
                    if label == 'stroma' and pixels.mean() > 225:
                        continue  # glass
                    left[label] -= 1
                    name = f'{seed}-{y}-{x}'
                    Image.fromarray(pixels).save(folder / f'{name}.png')
                    Image.fromarray(truth).save(folder / f'{name}-mask.png')
                    writer.writerow(
                        {
                            'image': f'{name}.png',
                            'mask': f'{name}-mask.png',
                            'label': label,
                            'group': seed,
                            'split': split,
                            'mpp': MPP,
                        }
                    )
    return path


def write_camelyon(source: Path, folder: Path) -> Path:
    """The 256-px patches to learn from, the 512-px ones to measure.

    Slides that the latter come from are left out of the former.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / 'labels.csv'
    rows = {
        size: list(csv.DictReader((source / f'patches_{size}.csv').open()))
        for size in (256, 512)
    }
    measured = {row['group'] for row in rows[512]}
    with path.open('w', newline='') as file:
        writer = csv.DictWriter(file, NAMES)
        writer.writeheader()
        for size, told in rows.items():
            for row in told:
                if size == 256 and row['group'] in measured:
                    continue
                held_out = row['group'] == 'tumor_064'
                split = 'val' if held_out else 'train'
                mask = row['mask'] and (source / row['mask']).resolve()
                writer.writerow(
                    {
                        **row,
                        'image': (source / row['image']).resolve(),
                        'mask': mask,
                        'split': 'test' if size == 512 else split,
                    }
                )
    return path


def marked_at_recall(
    model: LoadedModel, table: Path, negative: str
) -> dict[str, float]:
    """Percent of the test set's fully negative pixels that is marked.

    The threshold is the largest that finds so much of the true foreground,
    of probabilities as they are: many lie below a thousandth.
    """
    card = model.card
    views = make_views(
        read_table(table).split('test'),
        card.classes,
        mpp=card.mpp,
        crop=card.tile,
    )
    index = card.classes.index(negative)
    scanner = Scanner(card.normalization, card.mpp, margin=LONE_HALO)
    inside, negatives = [], []
    for scan in scanner.scan(model.network, views):
        probability = 1 - scan.pixel[0]
        if scan.view.label == index:
            negatives.append(probability.ravel())
        elif scan.view.mask is not None:
            with Image.open(scan.view.mask) as opened:
                truth = np.asarray(opened.convert('L')) > 0
            maps = torch.from_numpy(probability)[None, None]
            inside.append(resize(maps, truth.shape)[0, 0].numpy()[truth])
    return {
        str(recall): 100
        * float(
            np.mean(
                np.concatenate(negatives)
                >= np.quantile(np.concatenate(inside), 1 - recall)
            )
        )
        for recall in RECALLS
    }


def measure(
    table: Path, negative: str, output: Path, seed: int, **settings: object
) -> dict[str, dict[str, float]]:
    """For each method, what is marked at each recall."""
    figures = {}
    for method in METHODS:
        run = output / f'{method}-{seed}'
        result = run / 'negatives.json'
        if not result.exists():
            config = configure(
                method, negative_class=negative, seed=seed, **settings
            )
            resume = (run / 'config.json').exists()
            for _ in train(table, config, run, resume=resume):
                pass
            model = load_model(find_model(str(run / 'model')))
            told = marked_at_recall(model, table, negative)
            result.write_text(json.dumps(told))
        figures[method] = json.loads(result.read_text())
        print(method, seed, figures[method], flush=True)
    return figures


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--output', type=Path, required=True)
    parser.add_argument('--camelyon', type=Path)
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--threads', type=int)
    given = parser.parse_args()
    threads = given.threads
    sets = {
        'synthetic': (
            write_synthetic(given.output / 'synthetic'),
            'stroma',
            {'threads': threads, 'crop': 128, 'margin': 32},
        )
    }
    if given.camelyon is not None:
        sets['camelyon'] = (
            write_camelyon(given.camelyon, given.output / 'camelyon'),
            'normal',
            {'threads': threads, 'mpp': 0.5, 'crop': 128, 'margin': 32},
        )
    print('| data | method | marked at recall 70 % | at 90 % |')
    print('|---|---|---|---|')
    for name, (table, negative, settings) in sets.items():
        runs = [
            measure(table, negative, table.parent, seed, **settings)
            for seed in given.seeds
        ]
        for method in METHODS:
            cells = [
                spread([run[method][str(recall)] for run in runs])
                for recall in RECALLS
            ]
            print(f'| {name} | {method} | {" | ".join(cells)} |')


if __name__ == '__main__':
    main()
