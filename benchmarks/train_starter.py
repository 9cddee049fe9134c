"""Train the bundled model ``colon-glands`` from EBHI-Seg.

Learns from image labels (benign or malignant) and from field labels, as an
annotator would click them (``annotate_fields.py``); no pixel of a mask
enters a loss, a threshold or the choice of a checkpoint. The official
validation cases are kept for measuring; an eighth of the training cases is
held out for everything that is chosen.

    python benchmarks/train_starter.py EBHI/labels.csv --output runs/starter

It can be stopped and run again with ``--resume``.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
import time
from pathlib import Path

from annotate_fields import annotate

from napari_wsol.training.loop import StepDone
from napari_wsol.training.recipes import configure
from napari_wsol.training.runner import train

BENIGN = ('normal', 'polyp', 'low_grade_in', 'serrated_adenoma')
MALIGNANT = ('high_grade_in', 'adenocarcinoma')
CLASS_OF = dict.fromkeys(BENIGN, 'benign') | dict.fromkeys(
    MALIGNANT, 'malignant'
)
HELD_OUT_SHARE = 0.12

RECIPE = {
    'name': 'colon-glands',
    'title': 'Glands of the colon, benign or malignant',
    'finds': 'Glandular epithelium with its lumen: the glands of normal, '
    'polyp and adenoma tissue (benign), and those of high-grade neoplasia '
    'and adenocarcinoma (malignant).',
    'tissue': 'Colon and rectum, haematoxylin and eosin.',
    'negative_class': 'background',
    'mpp': 1.0,
    'crop': 192,
    'margin': 32,
    'batch': 16,
    'draws': 1600,
    'epochs': 3,
    'stride': 4,
    'student_epochs': 5,
    'student_stride': 4,
    'rounds': 1,
    'scale_jitter': 1.4,
    'stain_jitter': 0.3,
    'light_jitter': 0.2,
    'classifier_scale': 0.5,
    'background_weight': 0.3,
    'detach_background': True,
    'seed': 0,
}


def held_out_cases(source):
    """Training cases that everything is chosen on."""
    with source.open(newline='') as file:
        cases = sorted(
            {r['group'] for r in csv.DictReader(file) if r['split'] == 'train'}
        )
    random.Random(0).shuffle(cases)
    return set(cases[: int(HELD_OUT_SHARE * len(cases))])


def write_labels(source, output):
    """The table of image and field labels, with splits of its own."""
    chosen = held_out_cases(source)

    def split(row):
        if row['split'] == 'val':
            return 'test'
        return 'val' if row['group'] in chosen else 'train'

    return annotate(
        source, output, side=32, most=4, rename=CLASS_OF, splits=split
    )


def main():
    """Write the labels, then train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', type=Path, help="EBHI-Seg's labels.csv")
    parser.add_argument('--output', type=Path, required=True)
    parser.add_argument('--threads', type=int)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--resume', action='store_true')
    given = parser.parse_args()
    labels = given.output.with_suffix('.csv')
    labels.parent.mkdir(parents=True, exist_ok=True)
    print(write_labels(given.source, labels), flush=True)
    stated = {**RECIPE, 'seed': given.seed, 'threads': given.threads}
    config = configure('self-taught', **stated)
    began = time.perf_counter()
    for event in train(labels, config, given.output, resume=given.resume):
        if isinstance(event, StepDone) and event.step % 20:
            continue
        print(f'{time.perf_counter() - began:.0f} s', event, flush=True)


if __name__ == '__main__':
    sys.exit(main())
