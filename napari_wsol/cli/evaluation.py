"""``napari-wsol evaluate``: how well a model does on a labelled data set."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from napari_wsol.cli.console import progress_bar, remark
from napari_wsol.errors import BadInputError
from napari_wsol.inference.settings import (
    DeviceChoice,
    PrecisionChoice,
    PredictionSettings,
)
from napari_wsol.models.library import DEFAULT_MODEL, find_model
from napari_wsol.training.table import read_table


def evaluate(
    data: Annotated[
        Path,
        typer.Argument(
            help='A CSV with the columns image,label (and optionally mask,'
            'group,split,field,mpp), or a folder with one sub-folder of '
            'images per class.'
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            '--output',
            '-o',
            help='The report to write, as in report.json; a report.csv with '
            'one row per image comes beside it.',
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            '--model',
            '-m',
            help='A name from `models list`, a model folder, or '
            'organisation/name@revision of an imported hub model.',
        ),
    ] = DEFAULT_MODEL,
    split: Annotated[
        str | None,
        typer.Option(help='Only the rows of this split; all without it.'),
    ] = None,
    mpp: Annotated[
        float | None,
        typer.Option(
            min=0.05,
            max=20,
            help='µm per pixel of images whose file states none.',
        ),
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            metavar='LABEL=CLASS',
            help="A label of the data that is another of the model's "
            'classes; may be given several times.',
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Mark from this probability on, instead of the model's.",
        ),
    ] = None,
    device: Annotated[
        DeviceChoice, typer.Option(help='Where to compute.')
    ] = 'auto',
    precision: Annotated[
        PrecisionChoice, typer.Option(help='How exactly to compute.')
    ] = 'auto',
) -> None:
    """Measure a model on labelled images, and on their masks if there are.

    Writes the classification error, and with masks F1 of foreground and
    background, PxAP and the confusion of pixels, all in percent. Images are
    classified among the classes that the data set has.
    """
    folder = find_model(model)
    table = read_table(data)  # before torch, which takes seconds to import

    from napari_wsol.evaluation.report import write_report
    from napari_wsol.evaluation.run import Evaluation, choose_rows
    from napari_wsol.models.loading import load_model

    evaluation = Evaluation(
        load_model(folder),
        choose_rows(table, split),
        PredictionSettings(
            tissue_only=False,
            threshold=threshold,
            device=device,
            precision=precision,
        ),
        rename=_pairs(rename or []),
        data_mpp=mpp,
    )
    total = len(evaluation.rows)
    with progress_bar('evaluating') as show:
        show(0, total, '')
        for done, result in enumerate(evaluation.run(), start=1):
            show(done, total, result.image)
    report = evaluation.report(data.name, split or 'all')
    write_report(report, evaluation.results, output)
    if not split and table.splits:
        remark(
            f'All rows were used, whatever their split; --split takes one '
            f'of: {", ".join(table.splits)}.'
        )
    for name, value in asdict(report).items():
        if value is not None:
            shown = f'{value:.2f}' if isinstance(value, float) else value
            typer.echo(f'{name:22} {shown}')


def _pairs(texts: list[str]) -> dict[str, str]:
    """``LABEL=CLASS`` texts as a dictionary."""
    pairs = {}
    for text in texts:
        label, equals, name = text.partition('=')
        if not (label and equals and name):
            raise BadInputError(f'--rename {text}: give LABEL=CLASS.')
        pairs[label] = name
    return pairs
