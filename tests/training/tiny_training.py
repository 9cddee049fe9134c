"""A training so small that a test can afford it many times."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from napari_wsol.methods.cam import ClassActivation
from napari_wsol.models.card import Architecture, Normalization
from napari_wsol.models.localizer import Localizer
from napari_wsol.slides.geometry import Box
from napari_wsol.training.batches import Sampler
from napari_wsol.training.config import TrainingConfig
from napari_wsol.training.loop import fit
from napari_wsol.training.views import View

CLASSES = ('dots', 'stripes')
SIDE = 32


def write_images(folder: Path, count: int = 8) -> list[View]:
    """Dots and stripes in turn, 40 px wide."""
    rng = np.random.default_rng(0)
    views = []
    for number in range(count):
        pixels = rng.integers(190, 230, (40, 40, 3), np.uint8)
        step = 1 if number % 2 else 4
        pixels[4:36:4, 4:36:step] = (120, 40, 120)
        path = folder / f'{number}.png'
        Image.fromarray(pixels).save(path)
        views.append(View(path, 1.0, Box(0, 0, 40, 40), number % 2, ()))
    return views


@dataclass
class Tiny:
    """All that ``fit`` needs."""

    views: list[View]
    folder: Path
    batch: int = 4
    epochs: int = 3
    seed: int = 0
    validate: object = None

    def __post_init__(self):
        torch.manual_seed(0)
        self.network = Localizer(
            Architecture(
                encoder='test_efficientnet',
                neck='pyramid',
                stride=8,
                channels=8,
                modalities=1,
                pixel_head='class-maps',
            ),
            CLASSES,
        )

    @property
    def sampler(self) -> Sampler:
        return Sampler(
            self.views,
            Normalization(mean=(0.5,) * 3, std=(0.25,) * 3),
            [0, 1],
            1.0,
            crop=SIDE,
            margin=0,
            batch=self.batch,
            seed=self.seed,
        )

    def fit(self, **settings):
        """Train to the end; what ``fit`` said on the way."""
        return list(self.events(**settings))

    def events(self, *, resume=False, frozen=(), method=None, **settings):
        """Train as far as one listens."""
        config = TrainingConfig(
            **{
                'device': 'cpu',
                'precision': 'float32',
                'warmup_steps': 2,
                'validate_every': 1,
                'learning_rate_encoder': 1e-3,
                **settings,
            }
        )
        return fit(
            self.network,
            method or ClassActivation(),
            self.sampler,
            self.validate or validate,
            config,
            self.folder,
            epochs=self.epochs,
            stage='tiny',
            resume=resume,
            frozen=frozen,
        )

    @property
    def weights(self) -> dict[str, torch.Tensor]:
        return {
            name: value.detach().clone()
            for name, value in self.network.state_dict().items()
        }


def validate(network: Localizer) -> dict[str, float]:
    """A figure that moves with the weights, in steps, so with ties."""
    total = sum(float(p.detach().double().sum()) for p in network.parameters())
    return {'validation_error': float(int(1e3 * total) % 3)}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Bit for bit."""
    return all(torch.equal(value, other[name]) for name, value in one.items())
