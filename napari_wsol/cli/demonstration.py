"""``napari-wsol demo``: the bundled model on the bundled sample."""

from __future__ import annotations

import importlib.util
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from napari_wsol.cli.console import progress_bar, remark
from napari_wsol.cli.prediction import tell
from napari_wsol.cohorts.results import Results, make_results_folder
from napari_wsol.cohorts.task import SlideReport, SlideRow
from napari_wsol.inference.settings import DeviceChoice, PredictionSettings
from napari_wsol.models.library import DEFAULT_MODEL, find_model

SAMPLE = 'synthetic_slide'


def demo(
    headless: Annotated[
        bool,
        typer.Option(
            '--headless', help='Write maps and pictures, open no viewer.'
        ),
    ] = False,
    output: Annotated[
        Path, typer.Option(help='Folder of the maps, where headless.')
    ] = Path('wsol-demo'),
    device: Annotated[
        DeviceChoice, typer.Option(help='Where to compute, where headless.')
    ] = 'auto',
) -> None:
    """Run the bundled model on the bundled sample, in the viewer.

    Without a screen or without napari it writes the maps and a picture to a
    folder instead, as `--headless` does.
    """
    find_model(DEFAULT_MODEL)
    if not headless and not can_show_a_viewer():
        remark('There is no screen or no napari here: writing files instead.')
        headless = True
    if headless:
        _write(output, device)
    else:
        _show()


def can_show_a_viewer() -> bool:
    """Whether napari, a Qt binding and a screen are there."""
    bindings = ('PyQt6', 'PySide6')
    has_screen = sys.platform in ('darwin', 'win32') or any(
        os.environ.get(name) for name in ('DISPLAY', 'WAYLAND_DISPLAY')
    )
    return (
        has_screen
        and importlib.util.find_spec('napari') is not None
        and any(map(importlib.util.find_spec, bindings))
    )


def _write(output: Path, device: DeviceChoice) -> None:
    """Run the model on the synthetic slide and write what it found."""
    make_results_folder(output)

    from napari_wsol.cohorts.slide_work import write_results
    from napari_wsol.models.loading import load_model
    from napari_wsol.slides.synthetic import synthetic_slide

    slide = synthetic_slide()
    steps = write_results(
        slide,
        load_model(find_model(DEFAULT_MODEL)),
        Results(output, SAMPLE),
        PredictionSettings(device=device),
    )
    with progress_bar(slide.name) as show, closing(steps):
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                made = end.value
                break
            show(step.done, step.total, f'{step.rate:.1f} {step.unit}/s')
    row = SlideRow(SAMPLE, slide.name, 'done', made.prediction, made.regions)
    tell(SlideReport(row))


def _show() -> None:
    """Open the sample and the Localize widget in napari, and press Run."""
    import napari

    viewer = napari.Viewer()
    _, truth = viewer.open_sample('napari-wsol', SAMPLE)
    truth.visible = False
    _, widget = viewer.window.add_plugin_dock_widget('napari-wsol', 'Localize')
    widget.run()
    napari.run()
