r"""Pictures of where the bundled model works and where it fails.

    python benchmarks/starter_pictures.py EBHI/labels.csv docs/images

Runs the model on the official validation images of EBHI-Seg (not trained
on), orders them by the mean of F1+ and F1-, and draws the best, the median
and the worst: image, truth, probability, mask and entropy.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from train_starter import CLASS_OF

from napari_wsol.evaluation.pixels import confusion
from napari_wsol.evaluation.truth import read_mask, sample_map
from napari_wsol.inference.inmemory import probability_of
from napari_wsol.inference.picture import INFERNO, VIRIDIS, coloured
from napari_wsol.models.library import DEFAULT_MODEL, find_model
from napari_wsol.models.loading import load_model
from napari_wsol.slides.opening import open_slide
from napari_wsol.slides.pixel_size import PixelSize
from napari_wsol.training.table import read_table

SIDE = 224
ROWS_EACH = 3


def strips(table, model):
    """``(score, picture)`` of every validation image."""
    for row in table.split('val'):
        size = PixelSize(row.mpp, row.mpp, 'data table')
        slide = open_slide(row.image, size)
        maps, result = probability_of(slide, model)
        height, width = slide.shape
        probability = sample_map(
            maps,
            (np.arange(height) + 0.5) / result.step_y - 0.5,
            (np.arange(width) + 0.5) / result.step_x - 0.5,
        )
        truth = read_mask(row.mask, slide.shape)
        found = probability >= result.threshold
        counts = confusion(found, truth)
        score = (counts.f1_foreground + counts.f1_background) / 2
        p = probability.clip(1e-6, 1 - 1e-6)
        entropy = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
        image = slide.read_resized(slide.box, height, width)
        best = int(np.argmax(result.class_probabilities))
        caption = (
            f'{row.label}; said {result.classes[best]} '
            f'({result.class_probabilities[best]:.2f}); '
            f'F1+ {100 * counts.f1_foreground:.0f}, '
            f'F1- {100 * counts.f1_background:.0f}'
        )
        right = CLASS_OF[row.label] == result.classes[best]
        yield (
            score,
            strip(
                (
                    image,
                    on(image, truth),
                    coloured(probability, VIRIDIS),
                    on(image, found),
                    coloured(entropy, INFERNO),
                ),
                caption if right else f'{caption}  (wrong class)',
            ),
        )


def on(image, mask):
    """A mask's outside, darkened, over its image."""
    shown = image.copy()
    shown[~mask] = shown[~mask] // 4
    return shown


def strip(panels, caption):
    """One row of panels with a line of text under it."""
    canvas = Image.new('RGB', (len(panels) * (SIDE + 6), SIDE + 22), 'white')
    for number, panel in enumerate(panels):
        shown = Image.fromarray(panel).resize((SIDE, SIDE))
        canvas.paste(shown, (number * (SIDE + 6), 0))
    ImageDraw.Draw(canvas).text((2, SIDE + 4), caption, 'black')
    return canvas


def sheet(pictures, path):
    """Several rows under each other, as a JPEG."""
    titles = ('image', 'truth', 'probability', 'mask', 'entropy')
    width, height = pictures[0].size
    canvas = Image.new('RGB', (width, 18 + height * len(pictures)), 'white')
    for number, title in enumerate(titles):
        place = (number * (SIDE + 6) + 2, 3)
        ImageDraw.Draw(canvas).text(place, title, 'black')
    for number, picture in enumerate(pictures):
        canvas.paste(picture, (0, 18 + number * height))
    canvas.save(path, quality=88)
    print(path)


def main():
    """Draw the three sheets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', type=Path, help="EBHI-Seg's labels.csv")
    parser.add_argument('output', type=Path)
    parser.add_argument('--model', default=DEFAULT_MODEL)
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    model = load_model(find_model(given.model))
    scored = sorted(
        strips(read_table(given.source), model), key=lambda pair: -pair[0]
    )
    pictures = [picture for _, picture in scored]
    middle = len(pictures) // 2
    for name, chosen in (
        ('best', pictures[:ROWS_EACH]),
        ('typical', pictures[middle : middle + ROWS_EACH]),
        ('worst', pictures[-ROWS_EACH:]),
    ):
        sheet(chosen, given.output / f'starter-{name}.jpg')


if __name__ == '__main__':
    main()
