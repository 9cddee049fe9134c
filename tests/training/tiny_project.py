"""A project so small that a test can afford to teach in it."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from napari_wsol.models.card import (
    Architecture,
    ModelCard,
    Normalization,
    TrainingRecord,
)
from napari_wsol.models.loading import LoadedModel, build
from napari_wsol.projects.project import Project
from napari_wsol.slides.geometry import Box
from napari_wsol.training.config import TrainingConfig
from napari_wsol.training.recipes import configure

SIDE = 96

TINY = {
    'encoder': 'test_efficientnet',
    'weights': 'random',
    'crop': 64,
    'margin': 32,
    'batch': 2,
    'channels': 8,
    'epochs': 2,
    'student_epochs': 1,
    'stride': 8,
    'student_stride': 8,
    'device': 'cpu',
    'precision': 'float32',
    'learning_rate_encoder': 1e-3,
    'validate_every': 1,
    'mpp': 1.0,
}


def config(method: str = 'cam', **changes: object) -> TrainingConfig:
    return configure(method, **{**TINY, **changes})


def write_image(path: Path, *, stripes: bool, seed: int = 0) -> Path:
    """Stripes or dots on tissue, in the upper two thirds."""
    rng = np.random.default_rng(seed)
    pixels = np.empty((SIDE, SIDE, 3), np.uint8)
    pixels[:] = (205, 150, 190)
    pixels += rng.integers(0, 20, pixels.shape, np.uint8)
    step = 1 if stripes else 4
    pixels[16:64:4, 16:64:step] = (120, 40, 120)
    Image.fromarray(pixels).save(path)
    return path


def make_project(folder: Path, *, fields: bool = False) -> Project:
    """Eight images of two kinds, or a field of each and a flat one."""
    images = folder / 'images'
    images.mkdir(parents=True)
    project = Project.create(
        folder / 'project',
        classes=['stripes', 'dots'],
        negative_class='flat' if fields else None,
        field_side_um=32.0,
    )
    for number in range(8):
        label = ('stripes', 'dots')[number % 2]
        path = write_image(
            images / f'p{number}.png',
            stripes=label == 'stripes',
            seed=number,
        )
        if fields:
            inside, outside = Box(16, 16, 32, 32), Box(64, 0, 32, 96)
            project.add_field(path, inside, label, mpp=1.0)
            project.add_field(path, outside, 'flat', mpp=1.0)
        else:
            project.set_label(project.add_images([path], mpp=1.0), label)
    return project


def make_model(
    classes: tuple[str, ...] = ('flat', 'dots', 'stripes'),
    negative: str = 'flat',
    seed: int = 0,
) -> LoadedModel:
    """One that has learned nothing."""
    card = ModelCard(
        name='tiny',
        title='Tiny',
        finds='Dots',
        tissue='none',
        method='max-min-uncertainty',
        architecture=Architecture(
            encoder='test_efficientnet',
            channels=8,
            modalities=1,
            pixel_head='softmax',
        ),
        classes=classes,
        negative_class=negative,
        mpp=1.0,
        tile=128,
        halo=32,
        normalization=Normalization(mean=(0.5,) * 3, std=(0.25,) * 3),
        training=TrainingRecord(data='none'),
    )
    torch.manual_seed(seed)
    return LoadedModel(card, build(card).eval(), str(seed))


def end_of(events: Generator[object, None, Any]) -> Any:
    """What a generator gives back."""
    while True:
        try:
            next(events)
        except StopIteration as end:
            return end.value
