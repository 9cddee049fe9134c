"""How many clicked fields it takes: play the annotator, train, measure.

    python benchmarks/field_labels.py GLAS/labels.csv --output runs/fields

Of the training images, squares that are nearly all region of interest or
nearly all background are labelled, half of each, besides the label of every
image; of the validation images a quarter as many, for what is chosen in
training (checkpoint, temperatures, threshold). The masks decide only which
label a square gets, as an annotator would; they measure at the end. The count
``masks`` teaches the last network with full masks instead, for the ceiling.
What is done is kept in the output folder.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from annotate_fields import pure_squares, spread
from methods_table import spread as mean_and_deviation
from PIL import Image

from napari_wsol.evaluation.run import choose_rows, evaluate_model
from napari_wsol.methods.registry import create_method
from napari_wsol.models.library import find_model
from napari_wsol.models.loading import load_model, save_model
from napari_wsol.training.calibration import calibrate
from napari_wsol.training.cards import card_of
from napari_wsol.training.loop import fit
from napari_wsol.training.pseudo_label_files import SUFFIX, write_pseudo_labels
from napari_wsol.training.recipes import configure, stages_of
from napari_wsol.training.runner import Training, train
from napari_wsol.training.scanning import Scanner, validation_figures
from napari_wsol.training.splitting import training_and_validation
from napari_wsol.training.table import read_table
from napari_wsol.training.views import View

BACKGROUND = 'background'
SHOWN = ('classification_error', 'f1_foreground', 'f1_background', 'pxap')
NAMES = ['image', 'label', 'mask', 'group', 'split', 'field', 'mpp']


def write_fields(
    source: Path, output: Path, count: int | None, side: int, seed: int
) -> dict[str, int]:
    """The table with ``count`` training fields (None: all there are)."""
    rng = random.Random(seed)
    with source.open(newline='') as file:
        rows = list(csv.DictReader(file))
    told = []
    found: dict[str, dict[str, list[dict[str, object]]]] = {
        'train': {'roi': [], BACKGROUND: []},
        'val': {'roi': [], BACKGROUND: []},
    }
    for row in rows:
        if row['split'] not in found:
            continue
        mask = (source.parent / row['mask']).resolve()
        image = {
            'image': (source.parent / row['image']).resolve(),
            'mask': mask,
            'label': row['label'],
            'group': '',
            'split': row['split'],
            'mpp': row['mpp'],
        }
        told.append(image)
        with Image.open(mask) as opened:
            truth = np.asarray(opened.convert('L')) > 0
        kinds = zip(
            ('roi', BACKGROUND),
            pure_squares(truth, side, side // 4),
            strict=True,
        )
        for kind, corners in kinds:
            label = row['label'] if kind == 'roi' else BACKGROUND
            found[row['split']][kind] += [
                {**image, 'label': label, 'field': f'{y},{x},{side},{side}'}
                for y, x in spread(corners, side, 10_000, rng)
            ]
    counts = {}
    for split, kinds_found in found.items():
        for kind, fields in kinds_found.items():
            rng.shuffle(fields)
            if count is not None:
                clicks = count if split == 'train' else max(8, count // 4)
                fields = fields[: (clicks + (kind == 'roi')) // 2]
            counts[f'{split} {kind}'] = len(fields)
            told += fields
    with output.open('w', newline='') as file:
        writer = csv.DictWriter(file, NAMES)
        writer.writeheader()
        writer.writerows(told)
    return counts


def train_with_masks(
    source: Path, run: Path, seed: int, threads: int | None
) -> None:
    """The last stage's network, taught by every pixel of the masks.

    They are certain, so that none counts for less, and bear many epochs.
    """
    table = read_table(source)
    config = configure(
        'self-taught', seed=seed, threads=threads, easy_weighting=False
    )
    training = Training.of(table, config)
    train_rows, held_out = training_and_validation(table, seed=seed)
    views = [
        with_mask(view, run / f'{number:03d}{SUFFIX}')
        for number, view in enumerate(training.views(train_rows))
    ]
    validation = training.views(held_out)
    scanner = Scanner(
        training.normalization, training.config.mpp, margin=config.margin
    )
    stage = stages_of(training.config)[-1]
    network = training.network(stage, {})
    for _ in fit(
        network,
        create_method(stage.method, config.model_dump()),
        training.sampler(views, network.roi, stage),
        lambda net: validation_figures(net, scanner, validation),
        config,
        run / stage.name,
        epochs=8 * stage.epochs,
        stage=stage.name,
        resume=False,
    ):
        pass
    card = card_of(training, network, calibrate(network, scanner, validation))
    save_model(run / 'model', card, network, replace=True)


def with_mask(view: View, path: Path) -> View:
    """The view with its mask as if it were pseudo-labels."""
    with Image.open(view.mask) as opened:
        truth = np.asarray(opened.convert('L')) > 0
    path.parent.mkdir(parents=True, exist_ok=True)
    names = (BACKGROUND, 'gland')
    write_pseudo_labels(path, truth.astype(int), view.path, view.region, names)
    return replace(view, pseudo=path)


def measure(
    source: Path,
    output: Path,
    text: str,
    side: int,
    seed: int,
    threads: int | None,
) -> dict[str, float]:
    """Train (or take what is there) and evaluate."""
    run = output / f'{text}-fields-{seed}'
    result = run.with_suffix('.json')
    if result.exists():
        return json.loads(result.read_text())
    output.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    if text == 'masks':
        train_with_masks(source, run, seed, threads)
    else:
        table = run.with_suffix('.csv')
        count = None if text == 'all' else int(text)
        print(run.name, write_fields(source, table, count, side, seed))
        config = configure(
            'self-taught',
            negative_class=BACKGROUND,
            seed=seed,
            threads=threads,
        )
        resume = (run / 'config.json').exists()
        for _ in train(table, config, run, resume=resume):
            pass
    seconds = time.perf_counter() - began
    report = evaluate_model(
        load_model(find_model(str(run / 'model'))),
        choose_rows(read_table(source), 'val'),
    )
    figures = {'seconds': seconds, **asdict(report)}
    result.write_text(json.dumps(figures, indent=2))
    return figures


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', type=Path, help='CSV with masks and splits')
    parser.add_argument('--output', type=Path, required=True)
    parser.add_argument(
        '--counts',
        nargs='+',
        default=['25', '50', '100', '200', '500', '1000', 'all', 'masks'],
    )
    parser.add_argument('--side', type=int, default=48, help='px, level 0')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--threads', type=int)
    given = parser.parse_args()
    lines = []
    for text in given.counts:
        runs = [
            measure(
                given.source,
                given.output,
                text,
                given.side,
                seed,
                given.threads,
            )
            for seed in given.seeds
        ]
        cells = [
            mean_and_deviation([run[name] for run in runs]) for name in SHOWN
        ]
        minutes = sum(run['seconds'] for run in runs) / 60 / len(runs)
        lines.append(f'| {text} | {" | ".join(cells)} | {minutes:.1f} |')
        print(lines[-1], flush=True)
    print('| fields | error % | F1+ | F1- | PxAP | minutes |')
    print('|---|---|---|---|---|---|')
    print('\n'.join(lines))


if __name__ == '__main__':
    main()
