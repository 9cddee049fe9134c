"""The part of the form that takes regions out, and edits back in."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from napari.qt.threading import create_worker
from qtpy.compat import isalive
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QPushButton,
)

from napari_wsol.errors import WsolError
from napari_wsol.projects.exchange import qupath_origin
from napari_wsol.regions.decisions import Decision, decide
from napari_wsol.regions.edits import DELETED, Edits, read_edits
from napari_wsol.regions.exchange import write_geojson
from napari_wsol.regions.label_image import write_labels
from napari_wsol.regions.measurements_csv import write_measurements
from napari_wsol.regions.outlines import Outlines
from napari_wsol.regions.region import RegionTable
from napari_wsol.regions.report import (
    Case,
    Picture,
    SlideReport,
    write_report,
)
from napari_wsol.regions.verdicts import Verdicts
from napari_wsol.slides.arrays import ArraySlide
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.slide import Slide
from napari_wsol.widgets.images import image_levels, image_path
from napari_wsol.widgets.regions_model import surroundings
from napari_wsol.widgets.reviewing import Reviewing
from napari_wsol.widgets.texts import Message, Section

if TYPE_CHECKING:
    from napari_wsol.widgets.shown_results import ShownResult

__all__ = ['ExportSection', 'decisions_of']

OVERVIEW = 900
"""Longest side of the report's overview in pixels."""

CASES, CASE_SIDE = 10, 160
"""How many regions the report shows, and the side of each picture."""

LABEL_CHUNK = 1024


@dataclass(frozen=True)
class Exported:
    """All that an export needs, as it was when it was asked for."""

    shown: ShownResult
    table: RegionTable
    outlines: Outlines
    verdicts: Verdicts
    order: tuple[int, ...]
    why: tuple[str, ...]
    minutes: float

    @property
    def identity(self) -> str:
        """Names the result in identifiers, from which it cannot be read."""
        result = self.shown.result
        path = image_path(self.shown.source)
        return (
            f'{path or self.shown.source.name}|{result.model_hash}|'
            f'{self.shown.threshold:.4f}'
        )

    @property
    def origin(self) -> tuple[float, float]:
        """Where QuPath's image begins."""
        path = image_path(self.shown.source)
        return (0.0, 0.0) if path is None else qupath_origin(path)

    @property
    def slide(self) -> Slide:
        """The image as it is in the viewer."""
        source = self.shown.source
        return ArraySlide(source.name, image_levels(source))


class ExportSection(Section):
    """GeoJSON, CSV, OME-Zarr and report; QuPath's edits back.

    Parameters
    ----------
    reviewing
        Holds regions and decisions.
    """

    def __init__(self, reviewing: Reviewing) -> None:
        super().__init__('Take it along')
        self._reviewing = reviewing
        self._name = QCheckBox("With the image's name")
        self._name.setToolTip(
            "Write the file's name into the report. It may tell who the "
            'patient is; nothing else that is exported names the image.'
        )
        export, bring = QPushButton('Export'), QPushButton('Bring back')
        menu = QMenu(export)
        menu.addAction('Regions for QuPath (GeoJSON)...', self._ask_geojson)
        menu.addAction('Measurements (CSV)...', self._ask_measurements)
        menu.addAction('Regions as labels (OME-Zarr)...', self._ask_labels)
        menu.addAction('Report (HTML)...', self._ask_report)
        export.setMenu(menu)
        menu = QMenu(bring)
        menu.addAction('Edits from QuPath (GeoJSON)...', self._ask_edits)
        bring.setMenu(menu)
        self.message = Message()
        row = QHBoxLayout()
        row.addWidget(export)
        row.addWidget(bring)
        row.addStretch()
        self.body.addLayout(row)
        self.add(self._name)
        self.add(self.message)

    def export_geojson(self, path: Path) -> None:
        """Write the regions as annotations of QuPath."""
        self._write(
            path.with_suffix('.geojson'),
            lambda what, place: write_geojson(
                place,
                what.table,
                what.outlines,
                what.identity,
                verdicts=what.verdicts,
                origin=what.origin,
            ),
        )

    def export_measurements(self, path: Path) -> None:
        """Write a row of figures per region."""
        self._write(
            path.with_suffix('.csv'),
            lambda what, place: write_measurements(
                place, what.table, what.verdicts
            ),
        )

    def export_labels(self, path: Path) -> None:
        """Write the regions that were not rejected as a label image."""
        self._write(path.with_suffix('.zarr'), _write_labels)

    def export_report(self, path: Path) -> None:
        """Write a page with pictures and counts."""
        named = self._name.isChecked()
        self._write(
            path.with_suffix('.html'),
            lambda what, place: write_report(place, _report(what, named)),
        )

    def bring_edits(self, path: Path) -> None:
        """Take what was changed in QuPath as decisions, in one step."""
        what = self._at_hand()
        if what is None:
            return
        reviewing = self._reviewing

        def taken(edits: Edits) -> None:
            if reviewing.table is not what.table:
                self.message.say(
                    'The regions have changed meanwhile. Bring it back again.',
                    'note',
                )
                return
            found = decisions_of(edits, what, reviewing.decisions)
            if found and not reviewing.add(found):
                return
            self.message.say(_told(edits, len(found)), 'good')

        self._run(
            lambda: read_edits(
                path,
                what.table,
                what.outlines,
                what.identity,
                origin=what.origin,
            ),
            taken,
        )

    def _at_hand(self) -> Exported | None:
        reviewing = self._reviewing
        if reviewing.table is None or reviewing.shown is None:
            self.message.say('There are no regions yet.', 'note')
            return None
        places = range(reviewing.count)
        numbers = reviewing.table.number
        by = {
            kind: [p for p in places if reviewing.verdict(p) == kind]
            for kind in ('accepted', 'rejected')
        }
        rejected = {}
        for place in by['rejected']:
            decision = reviewing.decision(place)
            rejected[int(numbers[place])] = decision.reason if decision else ''
        missed = tuple(
            (each.polygon, each.label or None)
            for each in reviewing.decisions
            if each.kind == 'missed'
        )
        order = tuple(map(int, reviewing.suspicion.order[:CASES]))
        return Exported(
            reviewing.shown,
            reviewing.table,
            reviewing.outlines,
            Verdicts(
                frozenset(int(numbers[place]) for place in by['accepted']),
                rejected,
                missed,
            ),
            order,
            tuple(reviewing.suspicion.why(place) for place in order),
            reviewing.seconds / 60,
        )

    def _write(
        self, path: Path, write: Callable[[Exported, Path], object]
    ) -> None:
        what = self._at_hand()
        if what is not None:
            self.message.say(f'Writing "{path.name}"...')
            self._run(
                lambda: write(what, path),
                lambda _: self.message.say(f'It is in "{path}".', 'good'),
            )

    def _run(
        self, work: Callable[[], Any], done: Callable[[Any], object]
    ) -> None:
        """Do something in the background; say what went wrong."""

        def answer(found: tuple[Any, Exception | None]) -> None:
            result, error = found
            if not isalive(self):
                return
            if error is None:
                done(result)
                return
            if not isinstance(error, WsolError):
                traceback.print_exception(error)
            self.message.say(str(error), 'stop')

        worker = create_worker(_quiet, work)
        worker.returned.connect(answer)
        worker.start()

    def _ask_geojson(self) -> None:
        self._ask(
            'regions.geojson', 'GeoJSON (*.geojson)', self.export_geojson
        )

    def _ask_measurements(self) -> None:
        self._ask('regions.csv', 'Tables (*.csv)', self.export_measurements)

    def _ask_labels(self) -> None:
        self._ask('regions.zarr', 'OME-Zarr (*.zarr)', self.export_labels)

    def _ask_report(self) -> None:
        self._ask('report.html', 'Pages (*.html)', self.export_report)

    def _ask_edits(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, 'Edits from QuPath', '', 'GeoJSON (*.geojson *.json)'
        )
        if name:
            self.bring_edits(Path(name))

    def _ask(
        self, name: str, kind: str, export: Callable[[Path], object]
    ) -> None:
        chosen, _ = QFileDialog.getSaveFileName(
            self, 'Where to write it', name, kind
        )
        if chosen:
            export(Path(chosen))


def _quiet(work: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """The result, or the error: napari would open a window for one."""
    try:
        return work(), None
    except Exception as error:
        return None, error


def _write_labels(what: Exported, path: Path) -> None:
    numbers, rejected = what.table.number, list(what.verdicts.rejected)
    shape = tuple(map(int, what.shown.maps.probability[0].shape))
    for _ in write_labels(
        path,
        what.table.chosen(~np.isin(numbers, rejected)),
        what.outlines,
        shape,
        (LABEL_CHUNK, LABEL_CHUNK),
    ):
        pass


def _report(what: Exported, named: bool) -> SlideReport:
    result, slide = what.shown.result, what.slide
    whole = slide.box
    cases = tuple(
        Case(
            int(what.table.number[place]),
            _picture(slide, surroundings(what.table.box(place)), CASE_SIDE),
            why,
        )
        for place, why in zip(what.order, what.why, strict=True)
    )
    note = (
        f'Marked by the model {result.model} (hash {result.model_hash[:12]}) '
        f'from a probability of {what.shown.threshold:.2f} on.'
    )
    return SlideReport(
        table=what.table,
        outlines=what.outlines,
        overview=_picture(slide, whole, OVERVIEW),
        verdicts=what.verdicts,
        cases=cases,
        name=what.shown.source.name if named else None,
        minutes=what.minutes,
        notes=(note,),
    )


def _picture(slide: Slide, box: Box, side: int) -> Picture:
    shrink = max(box.height, box.width) / side
    height, width = (
        max(1, round(each / shrink)) for each in (box.height, box.width)
    )
    return Picture(slide.read_resized(box, height, width), box)


def decisions_of(
    edits: Edits, what: Exported, known: Sequence[Decision] = ()
) -> list[Decision]:
    """Edits as decisions; what was said already is left out.

    Parameters
    ----------
    known
        Decisions that stand: areas that were missed before are not again.
    """
    return [*_of_regions(edits, what), *_missed(edits, known)]


def _of_regions(edits: Edits, what: Exported) -> Iterator[Decision]:
    said = what.verdicts
    for number, reason in edits.rejected:
        reason = 'other' if reason in ('', DELETED) else reason
        if said.rejected.get(number) != reason:
            polygon = what.outlines.polygon(number)
            yield decide('rejected', polygon, reason=reason)
    for number in edits.accepted:
        if number not in said.accepted:
            yield decide('accepted', what.outlines.polygon(number))


def _missed(edits: Edits, known: Sequence[Decision]) -> Iterator[Decision]:
    before = [each.polygon for each in known if each.kind == 'missed']
    for area, label in edits.missed:
        for part in shapely.get_parts(area):
            if not any(
                shapely.equals_exact(part.normalize(), each.normalize(), 0.05)
                for each in before
            ):
                yield decide('missed', part, label=label or '')


def _told(edits: Edits, taken: int) -> str:
    parts = [f'{taken} decisions taken over']
    if edits.reshaped:
        parts.append(
            f'{len(edits.reshaped)} reshaped outlines are not taken over'
        )
    if edits.replaced:
        parts.append(f'{len(edits.replaced)} were drawn anew')
    if edits.reclassified:
        parts.append(f'{len(edits.reclassified)} bear another class')
    if edits.ignored:
        parts.append(f'{edits.ignored} other annotations mean nothing here')
    return f'{"; ".join(parts)}.'
