"""The regions of a result, as files beside it."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING

from napari_wsol.cohorts.results import Results
from napari_wsol.inference.settings import Prediction, Progress

if TYPE_CHECKING:
    from napari_wsol.models.loading import LoadedModel
    from napari_wsol.slides.slide import Slide


def write_regions(
    slide: Slide, model: LoadedModel, prediction: Prediction, results: Results
) -> Generator[Progress, None, int]:
    """Write the regions of a result as GeoJSON and CSV; give their number.

    Raises
    ------
    BadInputError
        Where the maps are damaged, or the files cannot be written.
    """
    from napari_wsol.inference.summary import class_probabilities
    from napari_wsol.regions.exchange import write_geojson
    from napari_wsol.regions.finding import find_regions
    from napari_wsol.regions.measurements_csv import write_measurements

    table, outlines = yield from find_regions(
        prediction,
        prediction.threshold,
        slide,
        partial(class_probabilities, model=model),
    )
    bounds = slide.bounds
    write_geojson(
        results.outlines,
        table,
        outlines,
        # As the Review widget names it, which can bring back what was edited.
        f'{slide.path or slide.name}|{prediction.model_hash}|'
        f'{prediction.threshold:.4f}',
        origin=(0.0, 0.0) if bounds is None else (bounds.y, bounds.x),
    )
    write_measurements(results.measurements, table)
    return len(table)


def count_regions(results: Results) -> int:
    """How many regions the CSV of an earlier run has."""
    with results.measurements.open('rb') as lines:
        return max(0, sum(1 for _ in lines) - 1)
