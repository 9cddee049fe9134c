"""From a table of labels to a model folder, in stages that can be resumed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import torch

from napari_wsol.errors import BadInputError
from napari_wsol.methods.method import Method
from napari_wsol.methods.registry import create_method
from napari_wsol.models.card import (
    Architecture,
    ModelCard,
    Normalization,
    TrainingRecord,
)
from napari_wsol.models.encoders import (
    load_imagenet_weights,
    normalization_of,
)
from napari_wsol.models.loading import load_model, save_model
from napari_wsol.models.localizer import Localizer
from napari_wsol.training.augmentation import ColourJitter
from napari_wsol.training.batches import Sampler
from napari_wsol.training.calibration import calibrate
from napari_wsol.training.config import TrainingConfig
from napari_wsol.training.loop import EpochDone, StepDone, fit
from napari_wsol.training.pseudo_labels import Bands, make_pseudo_labels
from napari_wsol.training.scanning import Scanner, validation_figures
from napari_wsol.training.splitting import training_and_validation
from napari_wsol.training.table import DataTable, Row, read_table
from napari_wsol.training.views import View, make_views, opened

DEFAULT_MPP = 1.0
"""µm per pixel at which a model looks where nothing else is said."""


@dataclass(frozen=True)
class StageDone:
    """A stage's end, or a word about what it does."""

    stage: str
    message: str


TrainingEvent = StepDone | EpochDone | StageDone


def train(
    source: Path,
    config: TrainingConfig,
    output: Path,
    *,
    resume: bool = False,
    init: Path | None = None,
) -> Iterator[TrainingEvent]:
    """Train a model from a data set; it lies in ``output / 'model'`` then.

    Parameters
    ----------
    source
        CSV or folder of classes (``training.table``).
    output
        The run's folder: ``config.json``, one folder per stage with
        ``metrics.csv``, ``last.pt`` and ``best.pt``, and the model.
    resume
        Go on with the run in ``output``; needs the same configuration.
    init
        A model folder to start the weights from, instead of ImageNet's.

    Raises
    ------
    BadInputError
        Before anything runs, where table, configuration or folder are bad.
    """
    table = read_table(source)
    training = Training(table, with_working_mpp(table, config), init)
    training.check(output, resume=resume)
    return training.run(output, resume=resume)


def with_working_mpp(
    table: DataTable, config: TrainingConfig
) -> TrainingConfig:
    """The configuration with a pixel size to look at, if one can be known.

    Where none is asked for, images whose pixel size is known are looked at
    with ``DEFAULT_MPP``; where one image has none, all are taken pixel by
    pixel, and so will be what the model is run on.
    """
    if config.mpp is not None:
        return config
    for row in table.rows:
        size = opened(row.image, row.mpp or config.data_mpp).pixel_size
        if size is None or not size.is_plausible:
            return config
    return config.model_copy(update={'mpp': DEFAULT_MPP})


@dataclass(frozen=True)
class Training:
    """One run over one table."""

    table: DataTable
    config: TrainingConfig
    init: Path | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """The model's classes: the fully negative one first, then sorted."""
        negative = self.config.negative_class
        rest = tuple(c for c in self.table.labels if c != negative)
        return (negative, *rest) if negative else rest

    @property
    def normalization(self) -> Normalization:
        """The encoder's input normalisation."""
        return normalization_of(self.config.encoder)

    def check(self, output: Path, *, resume: bool) -> None:
        """Say what stands in the way, before anything runs."""
        negative = self.config.negative_class
        if negative and negative not in self.table.labels:
            raise BadInputError(
                f'No row of "{self.table.source}" is labelled "{negative}", '
                'the class said to be fully negative; it has: '
                f'{", ".join(self.table.labels)}.'
            )
        if len(self.classes) < 2:
            raise BadInputError(
                f'"{self.table.source}" has the label '
                f'"{self.classes[0]}" only. Two classes are needed, or '
                'positives and a fully negative class.'
            )
        self._method()
        _check_folder(output, self._resolved(), resume=resume)

    def run(self, output: Path, *, resume: bool) -> Iterator[TrainingEvent]:
        """All stages; see ``train``."""
        config = self.config
        _limit_threads(config.threads)
        output.mkdir(parents=True, exist_ok=True)
        (output / 'config.json').write_text(json.dumps(self._resolved()))
        train_rows, held_out = training_and_validation(
            self.table, share=config.validation_share, seed=config.seed
        )
        data_mpp = config.data_mpp

        def views_of(rows: tuple[Row, ...]) -> list[View]:
            stated = tuple(
                replace(r, mpp=data_mpp) if r.mpp is None else r for r in rows
            )
            return make_views(
                stated, self.classes, mpp=config.mpp, crop=config.crop
            )

        views, validation = views_of(train_rows), views_of(held_out)
        yield StageDone(
            'data',
            f'{len(views)} training and {len(validation)} validation images, '
            + (
                f'looked at with {config.mpp:g} µm per pixel'
                if config.mpp
                else 'pixel by pixel (their pixel size is not known)'
            ),
        )
        scanner = Scanner(self.normalization, config.mpp, margin=config.margin)
        network = None
        for round_ in range(config.rounds + 1):
            stage = 'teacher' if round_ == 0 else f'student-{round_}'
            if network is not None:
                views = list(
                    make_pseudo_labels(
                        network,
                        scanner,
                        views,
                        self._bands(),
                        output / f'pseudo-labels-{round_}',
                    )
                )
                used = sum(view.pseudo is not None for view in views)
                yield StageDone(
                    stage, f'pseudo-labels for {used} of {len(views)} images'
                )
            network = self._network(student=round_ > 0)
            yield from fit(
                network,
                self._method(),
                self._sampler(views, network.roi, round_),
                lambda net: validation_figures(net, scanner, validation),
                config,
                output / stage,
                epochs=config.student_epochs if round_ else config.epochs,
                stage=stage,
                resume=resume,
            )
        assert network is not None
        calibration = calibrate(network, scanner, validation)
        figures = validation_figures(network, scanner, validation)
        card = self._card(network, figures).model_copy(
            update={
                'pixel_temperature': calibration.pixel_temperature,
                'image_temperature': calibration.image_temperature,
                'threshold': calibration.threshold,
            }
        )
        folder = save_model(output / 'model', card, network, replace=True)
        yield StageDone('model', str(folder.path))

    def _network(self, *, student: bool) -> Localizer:
        config = self.config
        torch.manual_seed(config.seed)
        softmax = student or config.negative_class is not None
        architecture = Architecture(
            encoder=config.encoder,
            neck='pyramid' if config.method != 'cam' or student else 'none',
            stride=config.student_stride if student else config.stride,
            channels=config.channels,
            modalities=1 if softmax else config.modalities,
            pixel_head='softmax' if softmax else 'class-maps',
            classifier_scale=config.classifier_scale,
        )
        network = Localizer(architecture, self.classes, config.negative_class)
        if self.init is not None:
            donor = load_model(self.init, trainable=True)
            if donor.card.architecture.encoder != config.encoder:
                raise BadInputError(
                    f'The model "{donor.card.name}" has the encoder '
                    f'{donor.card.architecture.encoder}, the run '
                    f'{config.encoder}: choose the same.'
                )
            network.encoder.load_state_dict(donor.network.encoder.state_dict())
        elif config.weights == 'imagenet':
            load_imagenet_weights(network.encoder, config.encoder)
        return network

    def _method(self) -> Method:
        return create_method(self.config.method, self.config.model_dump())

    def _sampler(
        self, views: list[View], roi: list[int], round_: int
    ) -> Sampler:
        config = self.config
        return Sampler(
            views,
            self.normalization,
            roi,
            config.mpp,
            crop=config.crop,
            margin=config.margin,
            batch=config.batch,
            scale=config.scale_jitter,
            balance=config.balance,
            colour=ColourJitter(config.stain_jitter, config.light_jitter),
            seed=config.seed * 1000 + round_,
            draws=config.draws,
        )

    def _bands(self) -> Bands:
        config = self.config
        kind = config.bands
        if kind == 'auto':
            kind = 'confidence' if config.negative_class else 'rank'
        if kind == 'confidence':
            return Bands(
                'confidence',
                config.foreground_confidence,
                config.background_confidence,
            )
        return Bands('rank', config.foreground_rank, config.background_rank)

    def _resolved(self) -> dict[str, object]:
        return {
            'training': self.config.model_dump(),
            'classes': list(self.classes),
            'data': self.table.digest,
        }

    def _card(
        self, network: Localizer, figures: dict[str, float]
    ) -> ModelCard:
        config = self.config
        fields = sum(row.field is not None for row in self.table.rows)
        images = len(self.table.rows) - fields
        return ModelCard(
            name=config.name,
            title=config.title or config.name,
            finds=config.finds or f'Regions of {", ".join(self.classes)}.',
            tissue=config.tissue or 'As in the training images.',
            method=config.method,
            architecture=network.architecture,
            classes=self.classes,
            negative_class=config.negative_class,
            mpp=config.mpp,
            normalization=self.normalization,
            training=TrainingRecord(
                data=self.table.source.name,
                labels=f'{images} image labels, {fields} field labels',
                data_hash=self.table.digest,
                recipe=config.model_dump(),
                seed=config.seed,
                versions={
                    name: version(name)
                    for name in ('napari-wsol', 'torch', 'timm')
                },
            ),
            metrics={'validation labels': figures},
        )


def _check_folder(
    output: Path, resolved: dict[str, object], *, resume: bool
) -> None:
    stated = output / 'config.json'
    if resume:
        if not stated.exists():
            raise BadInputError(
                f'There is no run to resume in "{output}". Leave out '
                '--resume to start one.'
            )
        if json.loads(stated.read_text()) != json.loads(json.dumps(resolved)):
            raise BadInputError(
                f'The run in "{output}" was started with other settings or '
                'other data. Resume it with the same, or choose another '
                'folder.'
            )
        return
    if output.exists() and any(output.iterdir()):
        raise BadInputError(
            f'"{output}" is not empty. Choose another folder, or give '
            '--resume to go on with the run in it.'
        )
    parent = next(p for p in (output, *output.parents) if p.exists())
    if not os.access(parent, os.W_OK):
        raise BadInputError(f'Nothing can be written to "{parent}".')


def _limit_threads(threads: int | None) -> None:
    if threads is not None:
        torch.set_num_threads(threads)
