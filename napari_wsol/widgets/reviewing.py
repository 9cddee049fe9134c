"""The review of one result: its regions, and what was said of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import shapely
from qtpy.QtCore import QObject, Signal

from napari_wsol.errors import WsolError
from napari_wsol.regions.changes import Changes, changes
from napari_wsol.regions.decisions import (
    OPEN,
    Decision,
    Kind,
    Review,
    decide,
    decisions_on,
)
from napari_wsol.regions.outlines import Outlines
from napari_wsol.regions.region import RegionTable
from napari_wsol.regions.suspicion import Suspicion, suspicion
from napari_wsol.settings import reviews_folder
from napari_wsol.widgets.images import image_path

if TYPE_CHECKING:
    from napari_wsol.slides.geometry import Box
    from napari_wsol.widgets.labelling import Labelling
    from napari_wsol.widgets.shown_results import ShownResult

__all__ = ['VERDICTS', 'Reviewing', 'Verdict', 'review_file']

Verdict = Literal['open', 'accepted', 'rejected']
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


def review_file(shown: ShownResult) -> Path:
    """Where the decisions on an image are kept.

    They are about the image, whichever model marked it; one that exists only
    in the viewer goes by its name.
    """
    path = image_path(shown.source)
    what = str(path.resolve()) if path else shown.source.name
    digest = hashlib.blake2b(what.encode(), digest_size=6).hexdigest()
    stem = Path(what).stem if path else 'unsaved'
    return reviews_folder() / f'{stem}-{digest}.jsonl'


class Reviewing(QObject):
    """Regions of the result in hand, ranked, with decisions.

    Attributes
    ----------
    result_changed
        Another result is in hand, or none.
    regions_changed
        There are other regions.
    decisions_changed
        Something was decided or taken back.
    said
        A sentence to the user, and its kind as for ``Message.say``.
    decisions
        All that stand on this image, oldest first.
    verdicts
        Place of each region's verdict in ``VERDICTS``.
    changes
        What another model made of the regions that the one before had found
        in this image; None before there is another.
    """

    result_changed = Signal()
    regions_changed = Signal()
    decisions_changed = Signal()
    said = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.shown: ShownResult | None = None
        self.table: RegionTable | None = None
        self.outlines: Outlines | None = None
        self.suspicion: Suspicion | None = None
        self.on_negative = np.zeros(0, bool)
        self.decided = np.zeros(0, np.int64)
        self.verdicts = np.zeros(0, np.int64)
        self.decisions: tuple[Decision, ...] = ()
        self.changes: Changes | None = None
        self._review: Review | None = None
        self._before: tuple[ShownResult, RegionTable, Outlines] | None = None

    @property
    def count(self) -> int:
        """How many regions there are."""
        return 0 if self.table is None else len(self.table)

    @property
    def seconds(self) -> float:
        """Spent on deciding."""
        return 0.0 if self._review is None else self._review.seconds

    def set_result(self, shown: ShownResult | None) -> None:
        """Take a result in hand; its regions come later."""
        self._remember(shown)
        self.shown, self._review = shown, None
        self._clear()
        if shown is not None:
            try:
                self._review = Review(review_file(shown))
                self.decisions = self._review.decisions
            except WsolError as error:
                self.said.emit(str(error), 'stop')
        self.result_changed.emit()
        self.regions_changed.emit()

    def set_regions(
        self,
        table: RegionTable,
        outlines: Outlines,
        labelling: Labelling | None,
    ) -> None:
        """Show regions, ranked by how suspicious they are.

        Parameters
        ----------
        labelling
            Says which parts of the image are fully negative.
        """
        self.table, self.outlines = table, outlines
        self.decided = np.full(len(table), OPEN, np.int64)
        self.suspicion = None
        self.rank(labelling)
        self._match(np.arange(len(table)))
        self._compare()
        self.regions_changed.emit()

    def rank(self, labelling: Labelling | None) -> bool:
        """Rank the regions by what is known of them.

        Whether that is something else than before: a label elsewhere in the
        project changes nothing.
        """
        negative = _on_negative(self.table, self.shown, labelling)
        where = np.zeros(self.count, bool) if negative is None else negative
        if self.suspicion and np.array_equal(where, self.on_negative):
            return False
        self.on_negative = where
        self.suspicion = suspicion(self.table, negative)
        self._judge()
        return True

    def decision(self, place: int) -> Decision | None:
        """What was said of the region at a place of the table."""
        number = self.decided[place]
        return None if number == OPEN else self.decisions[number]

    def verdict(self, place: int) -> Verdict:
        """Whether a region stands.

        On a fully negative image or field every region is a false positive,
        unless somebody says otherwise.
        """
        return VERDICTS[self.verdicts[place]]

    def polygon(self, place: int) -> shapely.Polygon:
        """The outline of the region at a place of the table."""
        return self.outlines.polygon(int(self.table.number[place]))

    def decide(
        self, places: Sequence[int], kind: Kind, reason: str = ''
    ) -> bool:
        """Say the same of some regions; whether it is on the disk."""
        decisions = [
            decide(kind, self.polygon(place), reason=reason)
            for place in places
        ]
        return self._add(decisions, places)

    def miss(self, box: Box, label: str = '') -> bool:
        """Say that there is a region that the model did not mark."""
        square = shapely.box(box.x, box.y, box.right, box.bottom)
        return self._add([decide('missed', square, label=label)])

    def add(self, decisions: Sequence[Decision]) -> bool:
        """Take decisions that were made elsewhere, as one step."""
        return self._add(list(decisions))

    def sides(self, side_um: float) -> tuple[float, float]:
        """Height and width in level-0 pixels of a field of so many µm.

        Where the pixel size is not known, a pixel is taken for the model's.
        """
        size, mpp = self.shown.pixel_size, self.shown.result.model_mpp
        if size is None:
            return (side_um / (mpp or 1.0),) * 2
        return side_um / size.y, side_um / size.x

    def undo(self) -> None:
        """Take the last decision back."""
        if self._review is None:
            return
        try:
            taken = self._review.undo()
        except OSError as error:
            self.said.emit(f'It could not be taken back: {error}.', 'stop')
            return
        if not taken:
            self.said.emit('There is nothing to take back.', 'note')
            return
        self.decisions = self._review.decisions
        what = taken[0].kind if len(taken) == 1 else f'{len(taken)} decisions'
        self._match(np.flatnonzero(self.decided >= len(self.decisions)))
        self.decisions_changed.emit()
        self.said.emit(f'Taken back: {what}.', 'fine')

    def counts(self) -> dict[str, int]:
        """How many regions are accepted, rejected, open; and missed ones."""
        found = np.bincount(self.verdicts, minlength=len(VERDICTS)).tolist()
        missed = sum(each.kind == 'missed' for each in self.decisions)
        return {**dict(zip(VERDICTS, found, strict=True)), 'missed': missed}

    def pace(self) -> str:
        """How long the review took, and how fast it was."""
        decided, minutes = len(self.decisions), self.seconds / 60
        if decided < 2 or minutes <= 0:
            return ''
        return f'{minutes:.1f} min, {decided / minutes:.0f} regions a minute'

    def _add(
        self, decisions: list[Decision], places: Sequence[int] = ()
    ) -> bool:
        """Note decisions; those on regions name their places."""
        if self._review is None:
            self.said.emit('There is no result to decide on.', 'note')
            return False
        try:
            self._review.add(decisions)
        except OSError as error:
            self.said.emit(
                f'The decision could not be saved ({error}) and does not '
                'stand. Make room on the disk and decide again.',
                'stop',
            )
            return False
        first = len(self.decisions)
        self.decisions = self._review.decisions
        if places:
            self.decided[list(places)] = first + np.arange(len(places))
        elif self.table is not None:
            new = decisions_on(self.table, self.outlines, decisions)
            self.decided = np.where(new == OPEN, self.decided, first + new)
        self._judge()
        self.decisions_changed.emit()
        return True

    def _match(self, places: np.ndarray) -> None:
        """Ask again which decisions stand for some regions."""
        if self.table is not None and self.outlines is not None:
            self.decided[places] = decisions_on(
                self.table.chosen(places), self.outlines, self.decisions
            )
        self._judge()

    def _judge(self) -> None:
        """What stands of each region now."""
        kinds = np.array(
            [
                VERDICTS.index(each.kind) if each.kind in VERDICTS else 0
                for each in self.decisions
            ]
            + [0],
            np.int64,
        )
        said = kinds[self.decided]
        by_label = np.where(self.on_negative, VERDICTS.index('rejected'), 0)
        self.verdicts = np.where(self.decided == OPEN, by_label, said)

    def _remember(self, shown: ShownResult | None) -> None:
        """Keep the regions of an image while another model marks it."""
        now = self.shown
        if now is None or self.table is None or self.outlines is None:
            return
        if (
            shown is not None
            and shown.source is now.source
            and shown.result.model_hash != now.result.model_hash
        ):
            self._before = now, self.table, self.outlines

    def _compare(self) -> None:
        self.changes = None
        if self._before is None:
            return
        before, *regions = self._before
        if before.source is self.shown.source:
            self.changes = changes(
                self.decisions,
                (regions[0], regions[1]),
                (self.table, self.outlines),
            )

    def _clear(self) -> None:
        self.table = self.outlines = self.suspicion = None
        self.decisions, self.verdicts = (), np.zeros(0, np.int64)
        self.decided = np.zeros(0, np.int64)
        self.on_negative = np.zeros(0, bool)


def _on_negative(
    table: RegionTable, shown: ShownResult, labelling: Labelling | None
) -> np.ndarray | None:
    """Which regions lie where a label says that nothing should be marked.

    None where no label of the image says so of anything.
    """
    path = image_path(shown.source)
    if labelling is None or path is None or not labelling.negative_class:
        return None
    negative = labelling.negative_class
    whole = labelling.item_at(path)
    if whole is not None and whole.label == negative:
        return np.ones(len(table), bool)
    boxes = [
        each.field
        for each in labelling.fields_of(path)
        if each.label == negative
    ]
    if not boxes:
        return None
    inside = np.zeros(len(table), bool)
    for box in boxes:
        inside |= (
            (table.centre_y >= box.y)
            & (table.centre_y < box.bottom)
            & (table.centre_x >= box.x)
            & (table.centre_x < box.right)
        )
    return inside
