"""What to label next: fields that would teach a model much."""

from __future__ import annotations

import random
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_wsol.inference.pace import Pace
from napari_wsol.inference.settings import DeviceChoice, Progress
from napari_wsol.models.loading import LoadedModel
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.slide import Slide
from napari_wsol.slides.tissue import tissue_mask
from napari_wsol.training.looking import Look, look_at
from napari_wsol.training.reports import Suggestion
from napari_wsol.training.views import opened

if TYPE_CHECKING:
    from napari_wsol.projects.items import Item

MOST_CANDIDATES = 240
"""Fields that are looked at, of all images together."""

MOST_LABELLED = 60
"""Labelled items, the latest, that a suggestion shall be unlike."""

LEAST_TISSUE = 0.5
"""Share of a field."""

OVERLAP = 0.25
"""Share of a field from which on it counts as labelled."""

DISAGREEMENT_WEIGHT = 0.5

Vectors = npt.NDArray[np.float64]
Suggesting = Generator[Progress, None, tuple[Suggestion, ...]]


@dataclass(frozen=True)
class Candidate:
    """A field that could be labelled, and what the model says of it."""

    image: Path
    mpp: float | None
    box: Box
    look: Look
    takes_for: str
    background_for: str | None
    pixel_entropy: float

    @property
    def doubt(self) -> float:
        """How unsure the model is of class and pixels, 0-1."""
        return (self.look.entropy + self.pixel_entropy) / 2

    @property
    def disagreement(self) -> float:
        """How surely it sees a class where it marks nothing, 0-1."""
        if self.background_for is None:
            return 0.0
        return 1 - self.look.entropy_background


def suggest(
    images: Sequence[tuple[Path, float | None]],
    labelled: Sequence[Item],
    model: LoadedModel,
    count: int,
    *,
    side_um: float,
    negative_class: str | None = None,
    device: DeviceChoice = 'auto',
) -> Suggesting:
    """Rank unlabelled fields of images, best first.

    A field is worth labelling where the model is unsure of it, where it sees
    a class in what it does not mark, and where it is unlike all that is
    labelled or suggested already (k-centre greedy, Sener and Savarese, ICLR
    2018, on the encoder's features). An image smaller than a field is
    suggested whole; of large ones a random part of the fields is looked at,
    the same each time. Fields of an image that is labelled as a whole are
    suggested where they can say more than it does: what of it is nothing to
    be marked.

    Parameters
    ----------
    images
        Paths, and µm per pixel where the file does not state it.
    labelled
        All labelled items of the project.
    count
        How many to suggest at most.
    side_um
        Side of a field.
    negative_class
        The label of what holds nothing to be marked.

    Yields
    ------
    Progress

    Raises
    ------
    BadInputError
        Where an image cannot be read or needs a pixel size.
    """
    places = list(_places(images, labelled, side_um, negative_class))
    known = [item for item in labelled if item.image.exists()]
    latest = sorted(known, key=lambda item: item.when)[-MOST_LABELLED:]
    total = len(places) + len(latest)
    pace = Pace(total, 'fields', 'Looking for fields')
    candidates: list[Candidate] = []
    for done, (path, mpp, box) in enumerate(places, 1):
        look = look_at(model, path, mpp, box, device=device)
        candidates.append(_candidate(path, mpp, box, look, model))
        yield pace(done)
    taught: list[Look] = []
    for done, item in enumerate(latest, len(places) + 1):
        taught.append(
            look_at(model, item.image, item.mpp, item.field, device=device)
        )
        yield pace(done)
    return tuple(_ranked(candidates, taught, count))


def _places(
    images: Sequence[tuple[Path, float | None]],
    labelled: Sequence[Item],
    side_um: float,
    negative_class: str | None,
) -> Iterator[tuple[Path, float | None, Box]]:
    """Unlabelled fields with tissue, at most ``MOST_CANDIDATES``."""
    per_image = max(1, MOST_CANDIDATES // max(1, len(images)))
    for path, mpp in images[:MOST_CANDIDATES]:
        mine = [item for item in labelled if item.image == path]
        whole = [item.label for item in mine if item.field is None]
        if whole and negative_class in (None, *whole):
            continue
        taken = [item.field for item in mine if item.field is not None]
        found = _fields(opened(path, mpp), side_um, taken, not mine)
        for box, _ in zip(found, range(per_image), strict=False):
            yield path, mpp, box


def _fields(
    slide: Slide, side_um: float, taken: list[Box], is_new: bool
) -> Iterator[Box]:
    """Free fields with tissue on a grid over a slide, in random order.

    A slide that is smaller than a field is one, unless it is labelled.
    """
    size = slide.pixel_size
    step_y, step_x = (
        (side_um / size.y, side_um / size.x)
        if size is not None and size.is_plausible
        else (side_um, side_um)
    )
    height, width = slide.shape
    rows, columns = int(height // step_y), int(width // step_x)
    if not rows or not columns:
        if is_new:
            yield slide.box
        return
    tissue = tissue_mask(slide)
    top = (height - rows * step_y) / 2
    left = (width - columns * step_x) / 2
    order = list(range(rows * columns))
    random.Random(slide.name).shuffle(order)
    for number in order:
        row, column = divmod(number, columns)
        box = Box(top + row * step_y, left + column * step_x, step_y, step_x)
        if tissue.covers(box, LEAST_TISSUE) and not any(
            _share(box, other) > OVERLAP for other in taken
        ):
            yield box


def _share(box: Box, other: Box) -> float:
    """Of a box that another covers."""
    common = box.intersection(other)
    if common is None:
        return 0.0
    return common.height * common.width / (box.height * box.width)


def _candidate(
    path: Path, mpp: float | None, box: Box, look: Look, model: LoadedModel
) -> Candidate:
    card = model.card
    behind = card.classes[int(np.argmax(look.background))]
    return Candidate(
        path,
        mpp,
        box,
        look,
        card.classes[int(np.argmax(look.probabilities))],
        None if behind == card.negative_class else behind,
        _pixel_entropy(look),
    )


def _pixel_entropy(look: Look) -> float:
    """Mean entropy of ROI against background; a slide's map is not kept."""
    if look.map is None:
        return look.entropy
    roi = look.map.astype(np.float64).clip(1e-7, 1 - 1e-7)
    bits = -(roi * np.log2(roi) + (1 - roi) * np.log2(1 - roi))
    return float(bits.mean())


def _ranked(
    candidates: list[Candidate], taught: list[Look], count: int
) -> Iterator[Suggestion]:
    """Greedily, each next one by its own worth and its distance to all."""
    if not candidates:
        return
    vectors = _vectors([candidate.look for candidate in candidates])
    learned = _vectors(taught)
    worth = np.array(
        [c.doubt + DISAGREEMENT_WEIGHT * c.disagreement for c in candidates]
    )
    unlike = _distance(vectors, learned)
    scale = max(float(np.quantile(unlike, 0.95)), 1e-9)
    novelty = np.minimum(unlike / scale, 1.0)
    distance = unlike.copy()
    left = np.ones(len(candidates), bool)
    for _ in range(min(count, len(candidates))):
        score = worth + np.minimum(distance / scale, 1.0)
        best = int(np.argmax(np.where(left, score, -np.inf)))
        left[best] = False
        chosen = candidates[best]
        is_new = bool(taught) and novelty[best] > 0.5
        yield Suggestion(
            str(chosen.image),
            chosen.box,
            chosen.mpp,
            float(score[best]),
            _reason(chosen, float(novelty[best]) if is_new else 0.0),
            chosen.takes_for,
            max(chosen.look.probabilities),
        )
        distance = np.minimum(
            distance, _distance(vectors, vectors[best : best + 1])
        )


def _reason(chosen: Candidate, novelty: float) -> str:
    """The strongest of three reasons, in a few words."""
    doubt = chosen.doubt
    behind = DISAGREEMENT_WEIGHT * chosen.disagreement
    if behind > max(doubt, novelty):
        return f'background alone still looks {chosen.background_for}'
    if novelty > doubt:
        return 'unlike anything labelled'
    return f'unsure: {doubt:.2f} of 1'


def _vectors(looks: Sequence[Look]) -> Vectors:
    """Features of unit length, ``(N, C)``."""
    found = [look.features for look in looks if look.features is not None]
    if not found:
        return np.zeros((0, 1))
    vectors = np.stack(found).astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12))


def _distance(vectors: Vectors, others: Vectors) -> Vectors:
    """To the nearest of the others, ``(N,)``; the same where there is none."""
    if not len(others):
        return np.ones(len(vectors))
    products = (vectors @ others.T).clip(-1, 1)
    return np.asarray(np.sqrt(2 - 2 * products).min(1))
