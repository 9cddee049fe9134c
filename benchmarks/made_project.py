"""A small project of painted tissue that the benchmarks make."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice, product
from pathlib import Path

import numpy as np
from PIL import Image

from napari_wsol.models.library import DEFAULT_MODEL, find_model
from napari_wsol.projects.project import Project
from napari_wsol.slides.synthetic import SyntheticSlide, synthetic_slide

MPP = 0.5
LABELS = 'benign', 'malignant'
NEGATIVE = 'background'

LEAST_GLAND = 0.25
"""Share of an image."""


def made_project(folder: Path, count: int = 8, side: int = 256) -> Project:
    """Images of benign and malignant glands in turn, labelled.

    The project starts from the bundled model and is open.
    """
    images = folder / 'images'
    images.mkdir(parents=True)
    project = Project.create(
        folder / 'project',
        classes=LABELS,
        negative_class=NEGATIVE,
        parent=find_model(DEFAULT_MODEL).path,
    )
    for number, (slide, y, x, label) in enumerate(_places(count, side)):
        path = images / f'p{number}.png'
        Image.fromarray(slide.read_level(0, y, x, side, side)).save(path)
        project.add_images([path], mpp=MPP, label=label)
    return project


def _places(
    count: int, side: int
) -> Iterator[tuple[SyntheticSlide, int, int, str]]:
    """Where images show glands of one kind only, both kinds in turn."""
    slide = synthetic_slide()
    height, width = slide.shape
    found: dict[str, list[tuple[int, int]]] = {label: [] for label in LABELS}
    for y, x in product(
        range(0, height - side, side), range(0, width - side, side)
    ):
        truth = slide.gland_mask(y, x, side, side)
        shares = [float(np.mean(truth == kind)) for kind in (1, 2)]
        if max(shares) > LEAST_GLAND and min(shares) == 0:
            found[LABELS[int(np.argmax(shares))]].append((y, x))
    pairs = zip(*found.values(), strict=False)
    places = islice(chain.from_iterable(pairs), count)
    for number, (y, x) in enumerate(places):
        yield slide, y, x, LABELS[number % 2]
