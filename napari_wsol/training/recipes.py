"""Each method as a chain of stages, with the settings that suit it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from napari_wsol.models.card import Architecture, MethodName, ModelCard
from napari_wsol.training.config import TrainingConfig

Speed = Literal['quick', 'full']
Lesson = Literal['labels', 'pixels', 'seeds']
BandKind = Literal['rank', 'pooled', 'confidence', 'stretched', 'class-map']

PARENT: Literal['parent'] = 'parent'
"""The model that a run starts from, where it teaches the first stage."""

NO_SECOND_LOOK = ('masked_weight', 0.0)
"""Only the model itself has to tell foreground from background alone."""

DEFAULTS: dict[MethodName, dict[str, Any]] = {
    'cam': {'modalities': 1, 'pooling': 'gap', 'epochs': 12},
    'min-max-entropy': {
        'sharpness': 8.0,
        'classifier_scale': 0.5,
        'kmax': 0.09,
    },
    'max-min-uncertainty': {},
    'negev': {'seeds': 20},
    'pseudo-label': {'atrous_rates': (3, 6, 9)},
    'self-taught': {'background_weight': 0.0, 'masked_weight': 0.3},
}
"""Where a method's own settings differ from those of ``TrainingConfig``."""


SPEEDS: dict[Speed, dict[str, Any]] = {
    'quick': {
        'rounds': 1,
        'freeze_encoder': True,
        'cached_versions': 4,
        'epochs': 10,
        'student_epochs': 10,
        'stride': 4,
        'margin': 32,
        'foreground_weight': 0.0,
        'background_weight': 0.0,
        'masked_weight': 0.0,
        'averaged_views': False,
    },
    'full': {'rounds': 1, 'students_from': 'imagenet'},
}
"""What fine-tuning does, beyond the default method."""


def configure(method: MethodName, **stated: Any) -> TrainingConfig:
    """The method's settings, those stated going before its defaults."""
    return TrainingConfig(
        **{**DEFAULTS[method], **stated, 'method': method},
    )


def fine_tuning(
    speed: Speed,
    *,
    parent: bool,
    negative_class: str | None = None,
    **stated: Any,
) -> TrainingConfig:
    """Settings to go on learning from a few labels.

    Parameters
    ----------
    speed
        ``'quick'``: upon features of an encoder that does not learn, kept on
        disk; ``'full'``: all weights.
    parent
        Whether there is a model to start from; its own maps, wherever they
        are sure, then teach beside the labels. Without one, the tissue's
        main contrast does, or, in full, all of the default method.
    """
    if speed == 'full' and not parent:
        return configure(
            'self-taught', **{'negative_class': negative_class, **stated}
        )
    return configure(
        'self-taught',
        **{
            'teacher': PARENT if parent else 'contrast',
            'negative_class': negative_class,
            **SPEEDS[speed],
            **stated,
        },
    )


def like_parent(
    config: TrainingConfig, card: ModelCard, labels: Sequence[str]
) -> TrainingConfig:
    """The settings with all that a parent's weights ask for.

    Its encoder, its neck and heads, its pixel size, its fully negative class
    and, unless they are stated, its classes together with new ``labels``.
    """
    theirs = card.architecture
    taken = {
        name: getattr(theirs, name)
        for name in (
            *('encoder', 'encoder_head', 'channels', 'pooling', 'kmax'),
            *('attention_gate', 'kmin', 'alpha', 'dropout', 'sharpness'),
            'classifier_scale',
        )
    }
    if theirs.neck == 'pyramid':
        taken['student_stride'] = theirs.stride
    if config.classes is None:
        taken['classes'] = tuple(dict.fromkeys((*card.classes, *labels)))
    return config.model_copy(
        update={
            **taken,
            'mpp': config.mpp or card.mpp,
            'negative_class': config.negative_class or card.negative_class,
        }
    )


@dataclass(frozen=True)
class Stage:
    """A network to be trained, and what it learns from.

    Parameters
    ----------
    name
        Also of its folder in the run.
    method
        For ``methods.registry.create_method``.
    epochs
        0 where nothing is learned; its classifier then knows nothing.
    margin
        Context along each side of its crops, in working px.
    taught_by
        Earlier stages whose averaged maps it is taught with.
    lesson
        What it is taught with besides the given labels: nothing, the pixels
        that those maps are sure of, or the maps themselves to draw seeds
        from.
    bands
        Which pixels those maps are sure of (``pseudo_labels.Bands``).
    starts_from
        An earlier stage of which it takes encoder and classifier; else it
        starts as the run does.
    anew
        Whether its encoder starts from ImageNet's weights although the run
        starts from a model.
    frozen
        Parts of the network that do not learn.
    by_contrast
        Whether its localizer is set by ``contrast.mark_by_contrast``.
    seed
        Added to the run's.
    settings
        Of its method, where they are not the run's.
    """

    name: str
    method: str
    architecture: Architecture
    epochs: int
    margin: int
    taught_by: tuple[str, ...] = ()
    lesson: Lesson = 'labels'
    bands: BandKind = 'rank'
    starts_from: str | None = None
    anew: bool = False
    frozen: tuple[str, ...] = ()
    by_contrast: bool = False
    seed: int = 0
    settings: tuple[tuple[str, Any], ...] = ()


def stages_of(config: TrainingConfig) -> tuple[Stage, ...]:
    """What is trained, in order; the last stage is the model."""
    match config.method:
        case 'cam':
            return (_classifier(config),)
        case 'min-max-entropy' | 'max-min-uncertainty':
            return _localizer(config, config.method)
        case 'negev':
            return _negative_evidence(config)
        case 'pseudo-label':
            return _pseudo_labelled(config)
        case 'self-taught':
            return _self_taught(config)


def _first_map(config: TrainingConfig) -> tuple[Stage, ...]:
    """What makes the map that seeds or labels are taken from."""
    match config.map_from:
        case 'class-map':
            return (_classifier(config),)
        case 'max-min-uncertainty':
            return _localizer(config, 'max-min-uncertainty')
        case 'contrast':
            return (_contrast(config),)


def _pseudo_labelled(config: TrainingConfig) -> tuple[Stage, ...]:
    earlier = _first_map(config)
    by_class_map = config.map_from == 'class-map'
    return (
        *earlier,
        Stage(
            'segmenter',
            'segmentation',
            _architecture(
                config,
                neck='deeplabv3plus',
                output_stride=16,
                stride=4,
                modalities=1,
                pixel_head='softmax',
            ),
            config.student_epochs,
            config.student_margin,
            taught_by=(earlier[-1].name,),
            lesson='pixels',
            bands='class-map' if by_class_map else 'pooled',
            seed=1,
        ),
    )


def _negative_evidence(config: TrainingConfig) -> tuple[Stage, ...]:
    earlier = _first_map(config)
    first = earlier[-1]
    return (
        *earlier,
        Stage(
            'decoder',
            'negev',
            _architecture(
                config,
                neck='unet',
                stride=config.student_stride,
                modalities=first.architecture.modalities,
                pixel_head='softmax',
            ),
            config.student_epochs,
            config.student_margin,
            taught_by=(first.name,),
            lesson='labels' if config.map_from == 'class-map' else 'seeds',
            starts_from=first.name,
            frozen=('encoder', 'classifier'),
            seed=1,
        ),
    )


def _self_taught(config: TrainingConfig) -> tuple[Stage, ...]:
    stages: tuple[Stage, ...] = ()
    match config.teacher:
        case 'contrast':
            stages = (_contrast(config),)
        case 'max-min-uncertainty':
            stages = _localizer(config, config.teacher)
    rounds = config.rounds
    for number in range(1, rounds + 1):
        stages += (
            Stage(
                f'student-{number}',
                'segmentation',
                _architecture(
                    config,
                    neck='pyramid',
                    stride=config.student_stride,
                    modalities=1,
                    pixel_head='softmax',
                ),
                config.student_epochs,
                config.student_margin,
                taught_by=(stages[-1].name if stages else PARENT,),
                lesson='pixels',
                bands=_bands(config, number),
                starts_from=PARENT if _inherits(config) else None,
                anew=config.teacher == PARENT and not _inherits(config),
                seed=100 + number,
                settings=() if number == rounds else (NO_SECOND_LOOK,),
            ),
        )
    return stages


def _inherits(config: TrainingConfig) -> bool:
    """Whether students go on from the parent's weights."""
    return config.teacher == PARENT and config.students_from == 'parent'


def _contrast(config: TrainingConfig) -> Stage:
    """A localizer by contrast, and a classifier upon the same encoder."""
    return Stage(
        'contrast',
        'segmentation',
        _architecture(
            config,
            neck='map',
            stride=config.contrast_stride,
            modalities=1,
            pixel_head='softmax',
        ),
        config.epochs,
        config.margin,
        frozen=('encoder', 'localizer'),
        by_contrast=True,
        settings=(NO_SECOND_LOOK,),
    )


def _bands(config: TrainingConfig, round_: int) -> BandKind:
    """Early maps rank pixels well, but know little of areas."""
    if config.bands != 'auto':
        return config.bands
    return 'rank' if round_ <= config.ranked_rounds else 'pooled'


def _classifier(config: TrainingConfig) -> Stage:
    return Stage(
        'classifier',
        'cam',
        _architecture(config, neck='none'),
        config.epochs,
        config.margin,
    )


def _localizer(config: TrainingConfig, method: str) -> tuple[Stage, ...]:
    """A localizer that is shown a second look, and what guides it."""
    guided = config.guided is not False
    by_class_maps = guided or config.negative_class is None
    localizer = Stage(
        'localizer',
        method,
        _architecture(
            config,
            neck='pyramid',
            modalities=config.modalities if by_class_maps else 1,
            pixel_head='class-maps' if by_class_maps else 'softmax',
        ),
        config.epochs,
        config.margin,
    )
    if not guided:
        return (localizer,)
    localizer = replace(localizer, lesson='pixels', bands='rank')
    contrast = replace(_contrast(config), epochs=0)
    return contrast, replace(localizer, taught_by=(contrast.name,))


def halo_of(architecture: Architecture) -> int:
    """Context that a tile needs, in working px.

    What DeepLabV3+ reads through its widest rate comes on top.
    """
    halo: int = ModelCard.model_fields['halo'].default
    if architecture.neck == 'deeplabv3plus':
        halo += architecture.output_stride * max(architecture.atrous_rates)
    return halo


def _architecture(config: TrainingConfig, **own: Any) -> Architecture:
    shared = {
        name: getattr(config, name)
        for name in Architecture.model_fields
        if name in TrainingConfig.model_fields
    }
    return Architecture(**{**shared, **own})
