"""All that is done with one slide, from opening it to its last file.

The heavy libraries are imported inside.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_wsol.cohorts.region_files import count_regions, write_regions
from napari_wsol.cohorts.results import Results
from napari_wsol.cohorts.task import SlideReport, SlideRow, SlideTask
from napari_wsol.errors import (
    BadInputError,
    CancelledError,
    OutOfMemoryError,
    WsolError,
)
from napari_wsol.inference.fields import read_fields
from napari_wsol.inference.fields_csv import write_fields_csv
from napari_wsol.inference.results import read_card, write_card
from napari_wsol.inference.settings import (
    Prediction,
    PredictionSettings,
    Progress,
)
from napari_wsol.models.library import bundled_dir
from napari_wsol.models.warm import WarmModels

if TYPE_CHECKING:
    from napari_wsol.models.loading import LoadedModel
    from napari_wsol.slides.slide import Slide

_models = WarmModels(kept=1)


@dataclass(frozen=True)
class Written:
    """What a slide's results hold.

    Parameters
    ----------
    before
        Whether they were all there already.
    """

    prediction: Prediction
    regions: int
    before: bool = False


def run_slide(
    task: SlideTask, cancelled: Callable[[], bool] = lambda: False
) -> Generator[Progress, None, SlideReport]:
    """Open a slide, run the model, and write all its results.

    What is finished is not done again; an unfinished run goes on. Closing
    the generator stops it within one batch.

    Yields
    ------
    Progress
        Of the maps, then of the regions.

    Returns
    -------
    SlideReport
        Also where something went wrong.

    Raises
    ------
    CancelledError
        Where ``cancelled`` said so.
    """
    from napari_wsol.slides.opening import open_slide

    try:
        with closing(open_slide(task.image, task.pixel_size)) as slide:
            written = yield from write_results(
                slide,
                model_of(task),
                Results(task.folder, task.name),
                task.settings,
                cancelled=cancelled,
                threads=task.threads,
            )
    except CancelledError:
        raise
    except Exception as error:  # the other slides shall go on
        return failed(task, error)
    row = SlideRow(
        task.name,
        task.image.name,
        'done',
        written.prediction,
        written.regions,
    )
    return SlideReport(row, skipped=written.before)


def write_results(
    slide: Slide,
    model: LoadedModel,
    results: Results,
    settings: PredictionSettings,
    *,
    cancelled: Callable[[], bool] = lambda: False,
    threads: int | None = None,
) -> Generator[Progress, None, Written]:
    """Run a model over an open slide and write all its results.

    Raises
    ------
    WsolError
        As ``inference.predicting.predict``, or where a file cannot be
        written.
    """
    from napari_wsol.cohorts.thumbnails import save_thumbnails
    from napari_wsol.inference.picture import save_picture
    from napari_wsol.inference.predicting import predict

    if are_finished(slide, model, results, settings):
        prediction = read_card(results.card)
        return Written(prediction, count_regions(results), before=True)
    results.clear()
    prediction = yield from _progress_of(
        predict(
            slide,
            model,
            results.store,
            settings,
            cancelled=cancelled,
            threads=threads,
        )
    )
    write_card(results.card, prediction)
    if prediction.n_fields:
        write_fields_csv(results.fields, read_fields(results.store))
    regions = yield from write_regions(slide, model, prediction, results)
    partial = results.picture.with_name(f'.{results.picture.name}.tmp')
    save_picture(partial, slide, prediction)
    partial.replace(results.picture)
    save_thumbnails(slide, prediction, results)
    return Written(prediction, regions)


def are_finished(
    slide: Slide,
    model: LoadedModel,
    results: Results,
    settings: PredictionSettings,
) -> bool:
    """Whether a slide's results are whole, and of this model and settings.

    The model is not run.

    Raises
    ------
    WsolError
        Where the model cannot be run over the slide at all.
    """
    import zarr

    from napari_wsol.inference.job import make_job
    from napari_wsol.inference.layout import ATTRIBUTE

    job = make_job(slide, model, results.store, settings, None)
    if not results.are_there:
        return False
    try:
        read_card(results.card)
        group = zarr.open_group(results.store, mode='r', zarr_format=3)
    except (BadInputError, OSError, ValueError):
        return False
    record: Any = group.attrs.get(ATTRIBUTE, {})
    return bool(
        record.get('finished') and record.get('fingerprint') == job.fingerprint
    )


def failed(task: SlideTask, error: Exception) -> SlideReport:
    """The report on a slide to which something happened."""
    if isinstance(error, MemoryError):
        error = OutOfMemoryError(
            f'The memory was used up at "{task.image.name}". Close other '
            'programs, or run fewer slides at a time.'
        )
    message = without_places(in_words(error), task)
    row = SlideRow(task.name, task.image.name, 'failed', message=message)
    return SlideReport(row, error=error)


def in_words(error: Exception) -> str:
    """What happened, for the cohort's table."""
    if isinstance(error, WsolError):
        return str(error)
    if isinstance(error, OSError):
        where = f' ("{error.filename}")' if error.filename else ''
        return f'{error.strerror or error}{where}.'
    told = ' '.join(str(error).split())
    return f'Something unexpected happened ({type(error).__name__}: {told}).'


def without_places(message: str, task: SlideTask) -> str:
    """A message without the folders that it names: they may name a patient."""
    for place in (task.image.parent, task.folder, task.model.parent):
        message = message.replace(str(place / '_')[:-1], '')
        message = message.replace(str(place), '...')
    return message


def model_of(task: SlideTask) -> LoadedModel:
    """The model of a task; a bundled one may lie elsewhere on this machine."""
    bundled = bundled_dir() / task.model.name
    place = task.model
    if not place.is_dir() and bundled.is_dir():
        place = bundled
    model = _models.get(str(place))
    if model.sha256 != task.model_hash:
        raise BadInputError(
            f'The model "{model.card.name}" was changed meanwhile, or is '
            'another one on this machine. Run the command again, with the '
            'folder of a model that all machines see.'
        )
    return model


def _progress_of(
    events: Generator[Any, None, Prediction],
) -> Generator[Progress, None, Prediction]:
    """How far a run is, without what it tells besides."""
    with closing(events):
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                prediction: Prediction = end.value
                return prediction
            if isinstance(event, Progress):
                yield event
