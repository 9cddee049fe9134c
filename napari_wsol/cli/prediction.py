"""``napari-wsol predict``: maps and figures for any number of images."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_wsol.cli.cluster_options import cluster_of
from napari_wsol.cli.cohort_table import cohort_table
from napari_wsol.cli.console import remark
from napari_wsol.cli.failures import BAD_INPUT, FAILED, report
from napari_wsol.cohorts.results import make_results_folder, result_names
from napari_wsol.cohorts.task import Notice, SlideReport, SlideTask
from napari_wsol.errors import PixelSizeError
from napari_wsol.inference.settings import (
    DeviceChoice,
    MapChoice,
    PrecisionChoice,
    Prediction,
    PredictionSettings,
)
from napari_wsol.models.library import DEFAULT_MODEL, find_model
from napari_wsol.slides.pixel_size import PixelSize

if TYPE_CHECKING:
    from napari_wsol.cohorts.cluster import Cluster
    from napari_wsol.cohorts.running import Events


def predict(
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar='IMAGE...',
            help='Images or whole slides: SVS, NDPI, MRXS and others, TIFF, '
            'OME-TIFF, OME-Zarr, PNG, JPEG, BMP.',
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            '--output', '-o', help='Folder of the results; made if missing.'
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
    mpp: Annotated[
        float | None,
        typer.Option(
            help='µm per pixel of the images, instead of what the files say '
            '(a 20x scan has about 0.5, a 40x scan about 0.25).'
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Mark from this probability on, not the model's.",
        ),
    ] = None,
    tissue_only: Annotated[
        bool,
        typer.Option(
            '--tissue-only/--whole', help='Skip glass, or look everywhere.'
        ),
    ] = True,
    device: Annotated[
        DeviceChoice, typer.Option(help='Where to compute.')
    ] = 'auto',
    precision: Annotated[
        PrecisionChoice, typer.Option(help='How exactly to compute.')
    ] = 'auto',
    tile: Annotated[
        int | None,
        typer.Option(min=32, help='Side of a tile in pixels of the model.'),
    ] = None,
    map_: Annotated[
        MapChoice,
        typer.Option(
            '--map',
            help="Where the probability comes from: the model's localizer, "
            'or, to compare, an activation map of its classifier for the '
            'likeliest class, stretched over the image.',
        ),
    ] = 'localizer',
    compiled: Annotated[
        bool,
        typer.Option(
            '--compile',
            help='Compile the network for this machine first: half a minute '
            'or more once, and seldom faster without a GPU. Needs a C++ '
            'compiler.',
        ),
    ] = False,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help='Cores to compute with, for each slide.'),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar='ADDRESS',
            help='Run the slides on Dask: tcp://HOST:8786, tls://HOST:8786, '
            "a scheduler's file, or `local` for processes here.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help='Processes of `--cluster local`.'),
    ] = None,
    split: Annotated[
        bool,
        typer.Option(
            '--split',
            help='Share each slide out over the workers, in blocks of tiles: '
            'for few, very large slides.',
        ),
    ] = False,
    resource: Annotated[
        list[str] | None,
        typer.Option(
            metavar='NAME=AMOUNT',
            help='What a slide needs of a worker; GPU=1 with `--device cuda`.',
        ),
    ] = None,
    tls_ca: Annotated[
        Path | None,
        typer.Option(help='Certificate authority of a tls:// cluster, PEM.'),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(help='Your certificate for it, PEM.')
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help='Its private key, PEM.')
    ] = None,
) -> None:
    """Mark in images what decided the model's answer, and how sure it was.

    Writes for each image DIR/NAME.zarr (OME-Zarr: probability, entropy,
    labels/mask), DIR/NAME.json (the figures), DIR/NAME.geojson and
    DIR/NAME-regions.csv (the regions) and DIR/NAME-maps.png (a picture); of
    all images DIR/summary.csv and DIR/index.html. An image that fails is
    reported and the others go on. The same command goes on where it was
    stopped, and skips what is finished.
    """
    settings = PredictionSettings(
        tissue_only=tissue_only,
        threshold=threshold,
        device=device,
        precision=precision,
        tile=tile,
        map=map_,
        compiled=compiled,
    )
    pixel_size = (
        None if mpp is None else PixelSize(mpp, mpp, 'entered by the user')
    )
    certificates = {
        '--tls-ca': tls_ca,
        '--tls-cert': tls_cert,
        '--tls-key': tls_key,
    }
    place = cluster_of(
        *(cluster, workers, resource or [], certificates, device),
        split=split,
        map_=map_,
    )
    folder = find_model(model)
    make_results_folder(output)
    tasks = [
        SlideTask(
            path.absolute(),
            output.absolute(),
            name,
            folder.path.absolute(),
            folder.card.sha256,
            settings,
            pixel_size,
            threads,
        )
        for path, name in result_names(images, output).items()
    ]
    try:
        codes = _run(tasks, place)
    except KeyboardInterrupt:
        remark(
            f'What is done is kept in {output}: the same command goes on '
            'where it was stopped.'
        )
        raise
    if len(tasks) > 1:
        remark(f'All of them: {output / "index.html"}')
    if codes:
        all_bad = len(codes) == len(tasks) and set(codes) == {BAD_INPUT}
        raise typer.Exit(BAD_INPUT if all_bad else FAILED)


def _run(tasks: list[SlideTask], cluster: Cluster | None) -> list[int]:
    """Run slides and say how each ended; the exit codes of those that failed.

    On a terminal, a table shows how they go on.
    """
    from napari_wsol.cohorts.summary import Summary

    summary = Summary(tasks[0].folder, tasks)
    images = {task.name: task.image for task in tasks}
    codes, skipped = [], 0
    with (
        cohort_table([task.name for task in tasks]) as table,
        closing(_events(tasks, cluster)) as events,
    ):
        for event in events:
            summary.take(event)
            table.show(event)
            if isinstance(event, Notice):
                remark(event.text)
            if not isinstance(event, SlideReport):
                continue
            skipped += event.skipped
            if event.error is not None:
                image = images[event.row.name]
                several = len(tasks) > 1
                unknown = isinstance(event.error, PixelSizeError)
                codes.append(
                    report(
                        event.error,
                        str(image) if several else '',
                        '--mpp gives it.' if unknown else '',
                    )
                )
            else:
                tell(event)
    if skipped:
        remark(
            f'{skipped} of {len(tasks)} had been finished before, and were '
            'not run again.'
        )
    return codes


def _events(tasks: list[SlideTask], cluster: Cluster | None) -> Events:
    if cluster is None:
        from napari_wsol.cohorts.running import run_here

        return run_here(tasks)
    from napari_wsol.cohorts.distributing import run_on

    return run_on(cluster, tasks)


def tell(done: SlideReport) -> None:
    """Say what was found in a slide, and what to know about it."""
    row = done.row
    assert row.result is not None
    if not done.skipped:
        for note in row.result.notes:
            remark(f'{row.image}: {note}')
    typer.echo(f'{row.image}: {finding(row.result)} -> {row.result.store}')


def finding(result: Prediction) -> str:
    """What a prediction found, on one line."""
    words = []
    if result.class_probabilities is not None:
        likely = sorted(
            zip(result.class_probabilities, result.classes, strict=True),
            reverse=True,
        )
        words += [f'{label} {share:.0%}' for share, label in likely]
    area = f'{result.foreground_fraction:.1%} marked'
    if result.foreground_mm2 is not None:
        area += f' ({result.foreground_mm2:.3g} mm²)'
    return ', '.join([*words, area])
