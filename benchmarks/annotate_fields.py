"""Play an annotator who clicks fields: image labels in, field labels out.

A field is a square that is nearly all region of interest or nearly all
background. The masks decide only which label a field gets, as a click would.
The output is a CSV with the image labels and one row per field.
"""

from __future__ import annotations

import argparse
import csv
import random
from pathlib import Path

import numpy as np
from PIL import Image

PURE = 0.95


def pure_squares(mask, side, stride):
    """Corners of squares nearly all inside, and of those nearly outside."""
    total = np.pad(mask.astype(np.int64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    height, width = mask.shape
    rows = np.arange(0, height - side + 1, stride)
    columns = np.arange(0, width - side + 1, stride)
    y, x = np.meshgrid(rows, columns, indexing='ij')
    inside = (
        total[y + side, x + side]
        - total[y, x + side]
        - total[y + side, x]
        + total[y, x]
    ) / side**2
    return (
        list(zip(y[inside >= PURE], x[inside >= PURE], strict=True)),
        list(zip(y[inside <= 1 - PURE], x[inside <= 1 - PURE], strict=True)),
    )


def spread(corners, side, most, rng):
    """At most ``most`` corners, at random, overlapping by half at most."""
    rng.shuffle(corners)
    kept = []
    for y, x in corners:
        if all(max(abs(y - v), abs(x - u)) >= side // 2 for v, u in kept):
            kept.append((int(y), int(x)))
        if len(kept) == most:
            break
    return kept


def annotate(
    source,
    output,
    *,
    side,
    most,
    background='background',
    rename=None,
    drop=(),
    splits=None,
    seed=0,
):
    """Write the table; returns how many fields of each kind.

    ``rename`` gives labels other names, ``drop`` leaves labels out, and
    ``splits`` (a function of a row) may put a row into another split.
    """
    rng = random.Random(seed)
    counts = {'roi': 0, 'background': 0}
    with source.open(newline='') as file:
        rows = [
            row for row in csv.DictReader(file) if row['label'] not in drop
        ]
    names = ['image', 'label', 'mask', 'group', 'split', 'field', 'mpp']
    with output.open('w', newline='') as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        for row in rows:
            path = (source.parent / row['mask']).resolve()
            told = {
                'image': (source.parent / row['image']).resolve(),
                'mask': path,
                'label': (rename or {}).get(row['label'], row['label']),
                'group': row.get('group', ''),
                'split': splits(row) if splits else row['split'],
                'mpp': row['mpp'],
            }
            writer.writerow(told)
            with Image.open(path) as opened:
                mask = np.asarray(opened.convert('L')) > 0
            inside, outside = pure_squares(mask, side, max(4, side // 8))
            for kind, corners in (('roi', inside), ('background', outside)):
                label = background if kind == 'background' else told['label']
                for y, x in spread(corners, side, most, rng):
                    field = f'{y},{x},{side},{side}'
                    writer.writerow({**told, 'label': label, 'field': field})
                    counts[kind] += 1
    return counts


def main():
    """Parse the command line and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', type=Path, help='CSV with masks')
    parser.add_argument('output', type=Path)
    parser.add_argument('--side', type=int, default=64, help='px, level 0')
    parser.add_argument('--most', type=int, default=4, help='per image, kind')
    parser.add_argument('--background', default='background')
    parser.add_argument('--rename', nargs='*', default=[], metavar='OLD=NEW')
    parser.add_argument('--drop', nargs='*', default=[])
    parser.add_argument('--seed', type=int, default=0)
    given = vars(parser.parse_args())
    given['rename'] = dict(pair.split('=') for pair in given['rename'])
    counts = annotate(**given)
    print(f'{counts["roi"]} ROI fields, {counts["background"]} background')


if __name__ == '__main__':
    main()
