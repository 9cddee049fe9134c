"""From a table of labels to a model folder, in stages that can be resumed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch

from napari_wsol.methods.registry import create_method
from napari_wsol.models.card import Normalization
from napari_wsol.models.encoders import (
    load_imagenet_weights,
    normalization_of,
)
from napari_wsol.models.folder import read_folder
from napari_wsol.models.inheritance import inherit
from napari_wsol.models.loading import LoadedModel, load_model, save_model
from napari_wsol.models.localizer import Localizer
from napari_wsol.training.augmentation import ColourJitter
from napari_wsol.training.batches import Sampler
from napari_wsol.training.calibration import (
    Calibration,
    calibrate,
    marked_share,
    turning_point,
)
from napari_wsol.training.cards import card_of
from napari_wsol.training.checking import UNFINISHED, check_run
from napari_wsol.training.config import TrainingConfig
from napari_wsol.training.contrast import Contrast, mark_by_contrast
from napari_wsol.training.loop import EpochDone, Remark, StepDone, fit
from napari_wsol.training.processes import from_first, is_first
from napari_wsol.training.pseudo_labels import Bands, Teachers
from napari_wsol.training.recipes import (
    PARENT,
    BandKind,
    Stage,
    like_parent,
    stages_of,
)
from napari_wsol.training.scanning import Scanner, validation_figures
from napari_wsol.training.splitting import (
    training_and_validation,
    untested_labels,
)
from napari_wsol.training.table import DataTable, Row, read_table
from napari_wsol.training.views import View, make_views, opened

DEFAULT_MPP = 1.0
"""µm per pixel at which a model looks where nothing else is said."""


MANY_FIELDS = 100
"""For each labelled image: so many leave little of it unlabelled."""

BESIDE_MANY_FIELDS = 0.3
"""Weight of the pseudo-labels then."""


@dataclass(frozen=True)
class StageDone:
    """A stage's end, or a word about what it does."""

    stage: str
    message: str


TrainingEvent = StepDone | EpochDone | Remark | StageDone


def train(
    source: Path,
    config: TrainingConfig,
    output: Path,
    *,
    resume: bool = False,
    init: Path | None = None,
    features: Path | None = None,
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
        A model folder to start the weights from, instead of ImageNet's. With
        the setting ``teacher='parent'`` it also teaches, and architecture,
        classes and pixel size are its own.
    features
        Where features of frozen encoders are kept, for other runs too; None:
        in the run's folder.

    Raises
    ------
    BadInputError
        Before anything runs, where table, configuration or folder are bad.
    """
    training = Training.of(read_table(source), config, init, features)
    check_run(training, output, resume=resume)
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


def with_guide(table: DataTable, config: TrainingConfig) -> TrainingConfig:
    """The configuration with whether localizers are guided, where open.

    They are where images are labelled with two classes that have regions.
    Fully negative images tell more than a guide, and fields alone leave
    nothing to tell apart.
    """
    if config.guided is not None:
        return config
    whole = {row.label for row in table.rows if row.field is None}
    guided = config.negative_class not in whole and len(whole) > 1
    return config.model_copy(update={'guided': guided})


def with_students(table: DataTable, config: TrainingConfig) -> TrainingConfig:
    """The configuration with the students that suit the labels.

    Where there are as many fields as labelled images, one student learns as
    long as else three do: what is certain bears a longer look, and maps that
    teach maps add nothing to it. Where they cover most of the images it
    learns twice as long, and pseudo-labels, which are left with what no field
    covers, count for less. Settings that were stated stay.
    """
    if config.model_fields_set & {'rounds', 'student_epochs'}:
        return config
    fields = sum(row.field is not None for row in table.rows)
    images = len(table.rows) - fields
    if fields < images:
        return config
    epochs = config.rounds * config.student_epochs
    changes: dict[str, object] = {'rounds': 1, 'student_epochs': epochs}
    if fields >= MANY_FIELDS * images:
        changes['student_epochs'] = 2 * epochs
        if 'pixel_weight' not in config.model_fields_set:
            changes['pixel_weight'] = BESIDE_MANY_FIELDS
    return config.model_copy(update=changes)


def with_beginning(table: DataTable, config: TrainingConfig) -> TrainingConfig:
    """The configuration with students that can know all of its classes.

    What only the parent knows of, students learn from its weights alone;
    background they see in every image.
    """
    known = {*(config.classes or ())} - {config.negative_class}
    if config.teacher != PARENT or known <= {*table.labels}:
        return config
    return config.model_copy(update={'students_from': PARENT})


@dataclass(frozen=True)
class Training:
    """One run over one table."""

    table: DataTable
    config: TrainingConfig
    init: Path | None = None
    features: Path | None = None

    @classmethod
    def of(
        cls,
        table: DataTable,
        config: TrainingConfig,
        init: Path | None = None,
        features: Path | None = None,
    ) -> Training:
        """A run whose settings follow from its data and its parent."""
        if init is not None and config.teacher == PARENT:
            card = read_folder(init).card
            config = like_parent(config, card, table.labels)
        for fit_to in (
            with_guide,
            with_students,
            with_beginning,
            with_working_mpp,
        ):
            config = fit_to(table, config)
        return cls(table, config, init, features)

    @property
    def classes(self) -> tuple[str, ...]:
        """The model's classes: the fully negative one first."""
        negative = self.config.negative_class
        named = self.config.classes or self.table.labels
        rest = tuple(c for c in named if c != negative)
        return (negative, *rest) if negative else rest

    @property
    def normalization(self) -> Normalization:
        """The encoder's input normalisation."""
        return normalization_of(self.config.encoder)

    def run(self, output: Path, *, resume: bool) -> Iterator[TrainingEvent]:
        """All stages; see ``train``."""
        config = self.config
        _limit_threads(config.threads)
        if is_first():
            output.mkdir(parents=True, exist_ok=True)
            unfinished = output / UNFINISHED
            unfinished.write_text(json.dumps(self.resolved))
            unfinished.replace(output / 'config.json')
        train_rows, held_out = training_and_validation(
            self.table, share=config.validation_share, seed=config.seed
        )
        views, validation = self.views(train_rows), self.views(held_out)
        yield StageDone(
            'data',
            f'{len(views)} training and {len(validation)} validation images, '
            + (
                f'looked at with {config.mpp:g} µm per pixel'
                if config.mpp
                else 'pixel by pixel (their pixel size is not known)'
            ),
        )
        if untested := untested_labels(self.table, held_out):
            yield StageDone(
                'data',
                f'no validation image is labelled {", ".join(untested)}: the '
                'figures below say nothing of it',
            )
        scanner = Scanner(self.normalization, config.mpp, margin=config.margin)
        networks: dict[str, Localizer] = {}
        if config.teacher == PARENT:
            networks[PARENT] = self._parent_in_own_terms()
        for stage in stages_of(config):
            taught, words = self._taught(
                stage, networks, scanner, views, validation, output
            )
            if words:
                yield StageDone(stage.name, words)
            network = self.network(stage, networks)
            if stage.by_contrast:
                found = mark_by_contrast(network, scanner, views)
                yield StageDone(stage.name, _told(found))
            if stage.epochs:
                yield from fit(
                    network,
                    create_method(
                        stage.method,
                        config.model_dump() | dict(stage.settings),
                    ),
                    self.sampler(taught, network.roi, stage),
                    lambda net: validation_figures(net, scanner, validation),
                    config,
                    output / stage.name,
                    epochs=stage.epochs,
                    stage=stage.name,
                    resume=resume,
                    frozen=stage.frozen,
                    features=self.features,
                )
            networks[stage.name] = network
        if is_first():
            card = card_of(
                self, network, self.calibrated(network, scanner, validation)
            )
            folder = save_model(output / 'model', card, network, replace=True)
            yield StageDone('model', str(folder.path))

    def views(self, rows: tuple[Row, ...]) -> list[View]:
        """The images of some rows, as they are trained on."""
        config = self.config
        stated = tuple(
            replace(row, mpp=config.data_mpp) if row.mpp is None else row
            for row in rows
        )
        return make_views(
            stated, self.classes, mpp=config.mpp, crop=config.crop
        )

    def _taught(
        self,
        stage: Stage,
        networks: dict[str, Localizer],
        scanner: Scanner,
        views: list[View],
        validation: list[View],
        output: Path,
    ) -> tuple[list[View], str]:
        """The views with what earlier stages say of them, and words."""
        if stage.lesson == 'labels':
            return views, ''
        teachers = Teachers(
            [networks[name] for name in stage.taught_by],
            scanner,
            keep_wrong=self.config.keep_wrong
            or self._classifies_badly(stage.taught_by),
            averaged=self.config.averaged_views,
        )
        if stage.lesson == 'pixels':
            folder = output / f'{stage.name}-pseudo-labels'

            def pseudo_labelled() -> list[View]:
                turns_at = self._turning_point(
                    stage, scanner, validation, teachers.networks[0]
                )
                bands = self._bands(stage.bands, turns_at)
                return teachers.pseudo_labels(views, bands, folder)

            taught = from_first(pseudo_labelled)
        else:
            folder = output / f'{stage.name}-seeds'
            taught = from_first(lambda: teachers.seed_maps(views, folder))
        used = sum(
            view.pseudo is not None or view.seeds is not None
            for view in taught
        )
        return taught, f'{used} of {len(views)} images teach their pixels'

    @cached_property
    def parent(self) -> LoadedModel:
        """The model that the run starts from."""
        assert self.init is not None
        return load_model(self.init, trainable=True)

    def _parent_in_own_terms(self) -> Localizer:
        """The parent with the run's classes, to teach by its maps."""
        card = self.parent.card
        network = Localizer(
            card.architecture, self.classes, self.config.negative_class
        )
        inherit(network, self.parent.network)
        network.calibrate(card)
        return network.eval()

    def network(
        self, stage: Stage, networks: dict[str, Localizer]
    ) -> Localizer:
        """A stage's network as it starts; ``networks`` by stage's name."""
        config = self.config
        torch.manual_seed(config.seed * 1000 + stage.seed)
        network = Localizer(
            stage.architecture, self.classes, config.negative_class
        )
        if stage.starts_from is not None:
            inherit(network, networks[stage.starts_from])
        elif self.init is not None and not stage.anew:
            network.encoder.load_state_dict(
                self.parent.network.encoder.state_dict()
            )
        elif config.weights == 'imagenet':
            load_imagenet_weights(network.encoder, config.encoder)
        return network

    def sampler(
        self, views: list[View], roi: list[int], stage: Stage
    ) -> Sampler:
        """What draws a stage's crops."""
        config = self.config
        return Sampler(
            views,
            self.normalization,
            roi,
            config.mpp,
            crop=config.crop,
            margin=stage.margin,
            batch=config.batch,
            scale=config.scale_jitter,
            balance=config.balance,
            colour=ColourJitter(config.stain_jitter, config.light_jitter),
            seed=config.seed * 1000 + stage.seed,
            draws=config.draws,
        )

    def _classifies_badly(self, teachers: tuple[str, ...]) -> bool:
        """Whether a teacher's classifier never saw the images' labels."""
        untrained = {s.name for s in stages_of(self.config) if not s.epochs}
        return bool({PARENT, *untrained} & {*teachers})

    def _turning_point(
        self,
        stage: Stage,
        scanner: Scanner,
        validation: list[View],
        teacher: Localizer,
    ) -> float | None:
        """The ROI probability at which a teacher's map turns, if known.

        A parent's own; where confidences are asked for, that of held-out
        fields. Fields lie inside of regions or outside, so that they tell
        nothing about shares of all pixels.
        """
        if PARENT in stage.taught_by:
            return self.parent.card.threshold
        if stage.bands == 'confidence':
            return turning_point(teacher, scanner, validation)
        return None

    def calibrated(
        self, network: Localizer, scanner: Scanner, validation: list[View]
    ) -> Calibration:
        """What makes a trained network's numbers mean what they say.

        How much of the images is region is taken to be as it was for the
        first pseudo-labels: what a parent marks, or less where the network
        takes less for likely, since too much is what these methods mark; the
        stated share, where all that the images tell is their class.
        """
        config = self.config
        share, least = config.roi_share if config.guided else None, 0.0
        if config.teacher == PARENT:
            share = marked_share(
                self._parent_in_own_terms(),
                scanner,
                validation,
                self.parent.card.threshold,
            )
            least = 0.5
        return calibrate(network, scanner, validation, share, least)

    def _bands(self, kind: BandKind, turns_at: float | None) -> Bands:
        config = self.config
        match kind:
            case 'rank':
                shares = config.foreground_rank, config.background_rank
            case 'pooled':
                shares = config.foreground_pooled, config.background_pooled
            case _:
                shares = (
                    config.foreground_confidence,
                    config.background_confidence,
                )
        return Bands(kind, *shares, turns_at, config.roi_share)

    @property
    def resolved(self) -> dict[str, object]:
        """What a run is, so that another does not go on with its folder."""
        return {
            'training': self.config.model_dump(),
            'classes': list(self.classes),
            'data': self.table.digest,
        }


def _told(contrast: Contrast) -> str:
    return (
        'one side of the main contrast is marked: its largest connected '
        f'piece holds {100 * contrast.marked_connected:.0f} % of it, that '
        f'of the other side {100 * contrast.rest_connected:.0f} %'
    )


def _limit_threads(threads: int | None) -> None:
    if threads is not None:
        torch.set_num_threads(threads)
