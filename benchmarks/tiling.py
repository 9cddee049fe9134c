"""The same image predicted whole, in 1024-px tiles and in 512-px tiles.

Prints the mean and largest difference of ROI probability from the whole
image's, over all map pixels and over those away from the image's own borders.

    python benchmarks/tiling.py [--model FOLDER] [--image FILE]
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from made_images import made_slide, random_model

from napari_wsol.inference.inmemory import probability_of
from napari_wsol.inference.settings import PredictionSettings
from napari_wsol.models.loading import load_model
from napari_wsol.slides.opening import open_slide

BORDER = 64
"""Working pixels at the image's border that are left out."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--model', type=Path, help='default: random weights')
    parser.add_argument('--image', type=Path, help='default: a generated one')
    parser.add_argument('--side', type=int, default=2100)
    parser.add_argument('--precision', default='float32')
    given = parser.parse_args()
    model = load_model(given.model) if given.model else random_model()
    if given.image:
        slide = open_slide(given.image)
    else:
        slide = made_slide(given.side, given.side, model.card.mpp or 0.5)
    settings = PredictionSettings(
        tissue_only=False, precision=given.precision, batch=1
    )
    maps = {}
    for tile in (1 << 20, 1024, 512):
        maps[tile], result = probability_of(
            slide, model, replace(settings, tile=tile)
        )
        print(
            f'tile {"whole" if tile == 1 << 20 else tile:>5}: '
            f'{maps[tile].shape} map pixels, {result.precision}, '
            f'class probabilities '
            f'{np.round(result.class_probabilities or (), 4)}'
        )
    whole = maps.pop(1 << 20)
    edge = BORDER // model.network.stride
    inner = np.s_[edge:-edge, edge:-edge]
    print(f'spread of the whole map: {whole.std():.4f}')
    for tile, found in maps.items():
        difference = np.abs(found - whole)
        print(
            f'tile {tile:>5}: mean {difference[inner].mean():.5f}, largest '
            f'{difference[inner].max():.5f} away from borders; mean '
            f'{difference.mean():.5f} everywhere'
        )


if __name__ == '__main__':
    main()
