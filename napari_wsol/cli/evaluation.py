"""``napari-wsol evaluate``: how well a model does on a labelled data set."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_wsol.cli.console import progress_bar, remark
from napari_wsol.errors import BadInputError
from napari_wsol.inference.settings import (
    DeviceChoice,
    MapChoice,
    PrecisionChoice,
    PredictionSettings,
)
from napari_wsol.models.library import DEFAULT_MODEL, find_model
from napari_wsol.training.table import read_table

if TYPE_CHECKING:
    from napari_wsol.evaluation.report import Report
    from napari_wsol.evaluation.run import Evaluation


def evaluate(
    data: Annotated[
        Path,
        typer.Argument(
            help='A CSV with the columns image,label (and optionally mask,'
            'group,split,field,mpp), or a folder with one sub-folder of '
            'images per class. Folds of the public code are read too.'
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            '--output',
            '-o',
            help='The report to write, as in report.json; a report.csv with '
            'one row per image and a page, report.html, come beside it.',
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            '--model',
            '-m',
            help='A name from `models list`, a model folder, or '
            'organisation/name@revision of an imported hub model.',
        ),
    ] = DEFAULT_MODEL,
    images: Annotated[
        Path | None,
        typer.Option(
            metavar='ROOT',
            help='Folder that the paths in DATA are relative to, where that '
            'is not its own.',
        ),
    ] = None,
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
    set_threshold: Annotated[
        bool,
        typer.Option(
            '--set-threshold',
            help="Choose the model's threshold on the masks of a validation "
            'split, and write it into its card.',
        ),
    ] = False,
    negative_label: Annotated[
        str | None,
        typer.Option(
            help='The label of images without any region of interest; '
            "without it, the model's negative class.",
        ),
    ] = None,
    page: Annotated[
        bool,
        typer.Option('--page/--no-page', help='Also write report.html.'),
    ] = True,
    tissue_only: Annotated[
        bool,
        typer.Option(
            '--tissue-only/--whole',
            help='Mark no glass, as predict, or look everywhere.',
        ),
    ] = True,
    device: Annotated[
        DeviceChoice, typer.Option(help='Where to compute.')
    ] = 'auto',
    precision: Annotated[
        PrecisionChoice, typer.Option(help='How exactly to compute.')
    ] = 'auto',
    map_: Annotated[
        MapChoice,
        typer.Option(
            '--map',
            help="Measure an activation map of the model's classifier instead "
            'of its localizer, to compare.',
        ),
    ] = 'localizer',
) -> None:
    """Measure a model on labelled images, and on their masks if there are.

    Writes the classification error, and with masks F1 of foreground and
    background, PxAP and the confusion of pixels, all in percent, with 95 %
    intervals over groups. Images are classified among the classes that the
    data set has.
    """
    if output is not None and output.suffix in ('.csv', '.html'):
        raise BadInputError(
            f'--output {output}: this is the place of the figures, as in '
            f'{output.with_suffix(".json")}; images and page come beside it.'
        )
    if set_threshold and threshold is not None:
        raise BadInputError(
            '--set-threshold chooses the threshold: leave out --threshold.'
        )
    if set_threshold and map_ != 'localizer':
        raise BadInputError(
            "--set-threshold chooses the localizer's threshold: leave out "
            '--map.'
        )
    folder = find_model(model)
    table = read_table(
        data, images
    )  # before torch, which takes seconds to import

    from napari_wsol.evaluation.cases import Gallery
    from napari_wsol.evaluation.page import write_page
    from napari_wsol.evaluation.report import write_report
    from napari_wsol.evaluation.run import Evaluation, choose_rows
    from napari_wsol.evaluation.thresholds import check_choice, keep_threshold
    from napari_wsol.models.loading import load_model

    rows = choose_rows(table, split)
    if set_threshold:
        check_choice(folder, rows, split)
    gallery = Gallery() if page and output is not None else None
    evaluation = Evaluation(
        load_model(folder),
        rows,
        PredictionSettings(
            tissue_only=tissue_only,
            threshold=threshold,
            device=device,
            precision=precision,
            map=map_,
        ),
        rename=_pairs(rename or []),
        data_mpp=mpp,
        negative_label=negative_label,
        gallery=None if set_threshold else gallery,
    )
    _run(evaluation)
    if set_threshold:
        chosen = keep_threshold(
            folder, evaluation.cohort, data.name, split or ''
        )
        remark(
            f'The threshold of "{folder.card.name}" is now {chosen:g} (was '
            f'{folder.card.threshold:g}).'
        )
        evaluation = replace(
            evaluation,
            settings=replace(evaluation.settings, threshold=chosen),
            gallery=gallery,
        )
        _run(evaluation)
    report = evaluation.report(data.name, split or 'all')
    if output is not None:
        write_report(report, evaluation.results, output)
    if output is not None and page:
        write_page(
            report,
            evaluation.results,
            evaluation.cohort,
            gallery,
            output.with_suffix('.html'),
        )
    if not split and table.splits:
        remark(
            f'All rows were used, whatever their split; --split takes one '
            f'of: {", ".join(table.splits)}.'
        )
    _show(report)


def _run(evaluation: Evaluation) -> None:
    total = len(evaluation.rows)
    with progress_bar('evaluating') as show:
        show(0, total, '')
        for done, result in enumerate(evaluation.run(), start=1):
            show(done, total, result.image)


def _show(report: Report) -> None:
    """One figure a line, with its interval."""
    figures = asdict(report)
    intervals = figures.pop('intervals') or {}
    for name, value in (figures.pop('f1_classes') or {}).items():
        figures[f'f1_classes.{name}'] = value
    typer.echo(f'{"threshold":22} {figures.pop("threshold"):g}')
    for name, value in figures.items():
        if isinstance(value, float):
            ends = intervals.get(name)
            told = f'  [{ends[0]:.2f}, {ends[1]:.2f}]' if ends else ''
            typer.echo(f'{name:22} {value:.2f}{told}')
        elif isinstance(value, (int, str)):
            typer.echo(f'{name:22} {value}')


def _pairs(texts: list[str]) -> dict[str, str]:
    """``LABEL=CLASS`` texts as a dictionary."""
    pairs = {}
    for text in texts:
        label, equals, name = text.partition('=')
        if not (label and equals and name):
            raise BadInputError(f'--rename {text}: give LABEL=CLASS.')
        pairs[label] = name
    return pairs
