"""``napari-wsol train``: a model from image-level labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from napari_wsol.cli.console import progress_bar, remark
from napari_wsol.cli.teaching import train_project
from napari_wsol.errors import BadInputError
from napari_wsol.inference.settings import DeviceChoice
from napari_wsol.models.card import MethodName
from napari_wsol.models.library import find_model
from napari_wsol.projects.recipe import in_words
from napari_wsol.training.config import TrainingConfig
from napari_wsol.training.recipes import Speed, configure
from napari_wsol.training.table import PROJECT_FILE, read_table

Precision = Literal['auto', 'float32', 'bfloat16']


def train(
    data: Annotated[
        Path,
        typer.Argument(
            help='A CSV with the columns image,label (and optionally mask,'
            'group,split,field,mpp), a folder with one sub-folder of images '
            "per class, or a project of the viewer's. Folds of the public "
            'code are read too.'
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            '--output',
            '-o',
            help='Folder of the run; the model is in its "model". A project '
            'has one of its own.',
        ),
    ] = None,
    speed: Annotated[
        Speed | None,
        typer.Option(
            help='Of a project: quick (the default) leaves the encoder as it '
            'is, full teaches all.'
        ),
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(
            metavar='NAME',
            help='Of a project: keep the model under this name, unless it is '
            'worse than the one before.',
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            metavar='ROOT',
            help='Folder that the paths in DATA are relative to, where that '
            'is not its own.',
        ),
    ] = None,
    method: Annotated[
        MethodName | None,
        typer.Option(
            help='How the model learns; the default, self-taught, is the '
            'best, and adapts to the labels.'
        ),
    ] = None,
    negative_class: Annotated[
        str | None,
        typer.Option(
            help='The label of images that hold nothing to be marked.'
        ),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            metavar='MODEL', help='Start from this model, not from ImageNet.'
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help='Name of the model.')
    ] = None,
    mpp: Annotated[
        float | None,
        typer.Option(
            min=0.05,
            max=20,
            help='µm per pixel of images whose file states none.',
        ),
    ] = None,
    model_mpp: Annotated[
        float | None,
        typer.Option(
            min=0.05,
            max=20,
            help='µm per pixel at which the model shall look.',
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help='Times through the images.')
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help='Images per step.')
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help='Of everything random.')
    ] = None,
    device: Annotated[
        DeviceChoice, typer.Option(help='Where to compute.')
    ] = 'auto',
    precision: Annotated[
        Precision, typer.Option(help='How exactly to compute.')
    ] = 'auto',
    settings: Annotated[
        list[str] | None,
        typer.Option(
            '--set',
            metavar='KEY=VALUE',
            help='Any other setting of the run, as named in its config.json.',
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option('--resume', help='Go on with the run in the folder.'),
    ] = False,
) -> None:
    """Train a model from image-level labels.

    Stopping (Ctrl-C, or the machine) loses at most the epoch in hand:
    the same command with `--resume` goes on to the same end.
    """
    stated = _stated(
        {
            'method': method,
            'name': name,
            'data_mpp': mpp,
            'mpp': model_mpp,
            'epochs': epochs,
            'batch': batch,
            'seed': seed,
            'device': device,
            'precision': precision,
        },
        settings or [],
    )
    if (data / PROJECT_FILE).is_file():
        _refuse(
            'The project states that itself: change it in the viewer.',
            {
                '--output': output,
                '--images': images,
                '--negative-class': negative_class,
                '--init': init,
            },
        )
        train_project(data, speed or 'quick', stated, resume=resume, name=keep)
        return
    _refuse(
        'Only a project is trained with it.',
        {'--speed': speed, '--keep': keep},
    )
    if output is None:
        raise BadInputError('Say with --output where the run shall be.')
    if negative_class is not None:
        stated['negative_class'] = negative_class
    config = _config(stated)
    start = find_model(init).path if init is not None else None
    try:
        _run(data, config, output, images=images, resume=resume, init=start)
    except KeyboardInterrupt:
        remark(
            f'Finished epochs are kept in {output}: run the same command '
            'with --resume to go on.'
        )
        raise


def _refuse(why: str, options: dict[str, Any]) -> None:
    """Say which options do not go with what is trained."""
    for option, value in options.items():
        if value is not None:
            raise BadInputError(f'{option} does not fit here. {why}')


def _stated(options: dict[str, Any], settings: list[str]) -> dict[str, Any]:
    """What options and ``KEY=VALUE`` texts say."""
    values = {
        key: value for key, value in options.items() if value is not None
    }
    for setting in settings:
        key, equals, value = setting.partition('=')
        if not equals or key not in TrainingConfig.model_fields:
            known = ', '.join(TrainingConfig.model_fields)
            raise BadInputError(
                f'--set {setting}: give KEY=VALUE with one of the keys '
                f'{known}.'
            )
        values[key] = _value(value)
    return values


def _config(stated: dict[str, Any]) -> TrainingConfig:
    """The settings of a run, those stated going before the method's."""
    with in_words():
        return configure(**{'method': 'self-taught', **stated})


def _value(text: str) -> Any:
    """A number, list, true, false or null as in JSON; else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _run(
    data: Path,
    config: TrainingConfig,
    output: Path,
    *,
    images: Path | None,
    resume: bool,
    init: Path | None,
) -> None:
    """Train and say how it goes, an epoch a line.

    Of several processes (``torchrun``) only the first speaks.
    """
    # The table is read before torch, which takes seconds to import.
    table = read_table(data, images)

    from napari_wsol.training.checking import check_run
    from napari_wsol.training.loop import EpochDone, StepDone
    from napari_wsol.training.processes import is_first
    from napari_wsol.training.runner import Training

    training = Training.of(table, config, init)
    check_run(training, output, resume=resume)
    if not is_first():
        for _ in training.run(output, resume=resume):
            pass
        return
    with progress_bar('training') as show:
        for event in training.run(output, resume=resume):
            if isinstance(event, StepDone):
                show(
                    event.epoch + event.step / event.steps,
                    event.epochs,
                    f'{event.images_per_second:.1f} images/s',
                )
            elif isinstance(event, EpochDone):
                figures = ', '.join(
                    f'{key} {value:.4g}'
                    for key, value in event.figures.items()
                )
                remark(
                    f'{event.stage}, epoch {event.epoch + 1} of '
                    f'{event.epochs}: {figures}'
                )
            else:
                remark(f'{event.stage}: {event.message}')
    typer.echo(f'The model is in {output / "model"}')
