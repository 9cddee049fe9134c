"""``napari-wsol predict``: maps and figures for any number of images."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_wsol.cli.console import progress_bar, remark
from napari_wsol.cli.failures import BAD_INPUT, FAILED, report
from napari_wsol.errors import BadInputError
from napari_wsol.inference.settings import (
    DeviceChoice,
    MapChoice,
    PrecisionChoice,
    Prediction,
    PredictionSettings,
    Progress,
)
from napari_wsol.models.library import DEFAULT_MODEL, find_model
from napari_wsol.slides.pixel_size import PixelSize

if TYPE_CHECKING:
    from napari_wsol.models.loading import LoadedModel
    from napari_wsol.slides.slide import Slide


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
) -> None:
    """Mark in images what decided the model's answer, and how sure it was.

    Writes for each image DIR/NAME.zarr (OME-Zarr: probability, entropy,
    labels/mask), DIR/NAME.json (the figures) and DIR/NAME-maps.png (a
    picture). An image that fails is reported and the others go on. The same
    command goes on where it was stopped.
    """
    settings = PredictionSettings(
        tissue_only=tissue_only,
        threshold=threshold,
        device=device,
        precision=precision,
        tile=tile,
        map=map_,
    )
    pixel_size = (
        None if mpp is None else PixelSize(mpp, mpp, 'entered by the user')
    )
    folder = find_model(model)
    make_results_folder(output)
    names = result_names(images, output)

    from napari_wsol.models.loading import load_model
    from napari_wsol.slides.opening import open_slide

    loaded = load_model(folder)
    codes = []
    for path, name in names.items():
        try:
            with closing(open_slide(path, pixel_size)) as slide:
                predict_slide(slide, loaded, output, name, settings)
        except KeyboardInterrupt:
            remark(
                f'What is done is kept in {output}: the same command goes on '
                'where it was stopped.'
            )
            raise
        except Exception as error:  # the other images shall go on
            codes.append(report(error, str(path) if len(names) > 1 else ''))
    if codes:
        all_bad = len(codes) == len(names) and set(codes) == {BAD_INPUT}
        raise typer.Exit(BAD_INPUT if all_bad else FAILED)


def make_results_folder(folder: Path) -> None:
    """Make the folder of the results, and see that it can be written to.

    Raises
    ------
    BadInputError
        Where it cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BadInputError(
            f'The results cannot be written to "{folder}" '
            f'({error.strerror or error}): choose another folder.'
        ) from error


def result_names(images: Iterable[Path], folder: Path) -> dict[Path, str]:
    """What the results of each image are called, no two alike.

    That is the image's name without its suffix; where several images share
    it, or the folder holds another file ``NAME.json``, a number follows, in
    the order given. An image given twice counts once.

    Raises
    ------
    BadInputError
        Where a result would lie where one of the images lies.
    """
    paths = {path.resolve(): path for path in images}
    names: dict[Path, str] = {}
    for path in paths.values():
        stem = name = path.stem or path.resolve().stem
        number = 1
        while name in names.values() or _is_of_another(
            folder / f'{name}.json', path
        ):
            number += 1
            name = f'{stem}-{number}'
        names[path] = name
    for name in names.values():
        if (folder / f'{name}.zarr').resolve() in paths:
            raise BadInputError(
                f'The results of "{name}" would replace the image itself: '
                'choose another folder for them.'
            )
    return names


def _is_of_another(card: Path, image: Path) -> bool:
    """Whether a file is there that is no result card of such an image."""
    from napari_wsol.inference.results import read_card

    if not card.exists():
        return False
    try:
        return read_card(card).image != image.name
    except BadInputError:
        return True


def predict_slide(
    slide: Slide,
    model: LoadedModel,
    folder: Path,
    name: str,
    settings: PredictionSettings,
) -> Prediction:
    """Run a model over a slide, write its results and say what was found."""
    from napari_wsol.inference.picture import save_picture
    from napari_wsol.inference.predicting import predict as run
    from napari_wsol.inference.results import write_card

    store = folder / f'{name}.zarr'
    events = run(slide, model, store, settings)
    with progress_bar(slide.name) as show, closing(events):
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                result: Prediction = end.value
                break
            if isinstance(event, Progress):
                show(
                    event.done,
                    event.total,
                    f'{event.rate:.1f} {event.unit}/s {event.message}',
                )
    write_card(folder / f'{name}.json', result)
    save_picture(folder / f'{name}-maps.png', slide, result)
    for note in result.notes:
        remark(f'{slide.name}: {note}')
    typer.echo(f'{slide.name}: {finding(result)} -> {store}')
    return result


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
