"""Which files the results of a slide are, and what they are called."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from napari_wsol.errors import BadInputError
from napari_wsol.inference.results import read_card

THUMBNAILS = 'thumbnails'


@dataclass(frozen=True)
class Results:
    """Where the results of a slide lie in the cohort's folder."""

    folder: Path
    name: str

    @property
    def store(self) -> Path:
        """The maps."""
        return self.folder / f'{self.name}.zarr'

    @property
    def card(self) -> Path:
        """The figures."""
        return self.folder / f'{self.name}.json'

    @property
    def outlines(self) -> Path:
        """The regions, as QuPath reads them."""
        return self.folder / f'{self.name}.geojson'

    @property
    def measurements(self) -> Path:
        """A row of figures per region."""
        return self.folder / f'{self.name}-regions.csv'

    @property
    def fields(self) -> Path:
        """A row of figures per field; not there where there is no field."""
        return self.folder / f'{self.name}-fields.csv'

    @property
    def picture(self) -> Path:
        """Image and maps side by side."""
        return self.folder / f'{self.name}-maps.png'

    @property
    def thumbnail(self) -> Path:
        """The slide."""
        return self.folder / THUMBNAILS / f'{self.name}.jpg'

    @property
    def overlay(self) -> Path:
        """The slide with what is marked."""
        return self.folder / THUMBNAILS / f'{self.name}-overlay.jpg'

    @property
    def after_card(self) -> tuple[Path, ...]:
        """All that is made after the card, in this order."""
        return (
            self.outlines,
            self.measurements,
            self.picture,
            self.thumbnail,
            self.overlay,
        )

    @property
    def are_there(self) -> bool:
        """Whether no file is missing."""
        return all(path.is_file() for path in (self.card, *self.after_card))

    def clear(self) -> None:
        """Remove all but the maps, of which none may speak any longer.

        The card goes last: it says whose files the others are.
        """
        for path in (*self.after_card, self.fields, self.card):
            path.unlink(missing_ok=True)

    def belong_to(self, image: str) -> bool:
        """Whether what is there came from an image of this name.

        That is so where nothing is there; files without a card are another's.
        """
        if self.card.exists():
            try:
                return read_card(self.card).image == image
            except BadInputError:
                return False
        beside = self.outlines, self.measurements, self.fields, self.picture
        return not any(path.exists() for path in beside)


def make_results_folder(folder: Path) -> None:
    """Make the folder of the results, and see that it can be written to.

    Raises
    ------
    BadInputError
        Where it cannot.
    """
    try:
        (folder / THUMBNAILS).mkdir(parents=True, exist_ok=True)
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
    it, or the folder holds such files of another, a number follows, in the
    order given. An image given twice counts once.

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
        while name in names.values() or not Results(folder, name).belong_to(
            path.name
        ):
            number += 1
            name = f'{stem}-{number}'
        names[path] = name
    for name in names.values():
        results = Results(folder, name)
        for place in (results.store, results.picture, results.thumbnail):
            if place.resolve() in paths:
                raise BadInputError(
                    f'The results of "{name}" would replace the image itself '
                    f'("{place.name}"): choose another folder for them.'
                )
    return names
