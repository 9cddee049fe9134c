"""The result card: what a prediction found, as JSON beside its store."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from napari_wsol.errors import BadInputError, WsolError
from napari_wsol.inference.settings import Prediction

FORMAT_VERSION = 1

_PACKAGES = ('napari-wsol', 'torch', 'timm', 'numpy', 'zarr')
_BY_CLASS = (
    'class_probabilities',
    'background_probabilities',
    'top_probabilities',
)


def write_card(path: Path, prediction: Prediction) -> None:
    """Write a prediction as JSON, at once or not at all.

    Of places it names only the image's and the store's own names: folders
    may bear a patient's.

    Raises
    ------
    WsolError
        Where the file cannot be written.
    """
    entries: dict[str, Any] = asdict(prediction)
    entries['image'] = Path(prediction.image).name
    entries['store'] = Path(prediction.store).name
    for name in _BY_CLASS:
        if entries[name] is not None:
            entries[name] = dict(
                zip(prediction.classes, entries[name], strict=True)
            )
    card = {
        'format_version': FORMAT_VERSION,
        **entries,
        'versions': _versions(),
    }
    partial = path.with_name(path.name + '.partial')
    try:
        partial.write_text(json.dumps(card, indent=2) + '\n', 'utf-8')
        partial.replace(path)
    except OSError as error:
        raise WsolError(
            f'The result card "{path}" cannot be written: '
            f'{error.strerror or error}. Make room or choose another folder, '
            'and run again.'
        ) from error


def read_card(path: Path) -> Prediction:
    """The prediction in a JSON file; its store is looked for beside it.

    Raises
    ------
    BadInputError
        Where the file is missing, damaged or of a later version.
    """
    try:
        entries = json.loads(path.read_text('utf-8'))
        found = entries.pop('format_version')
        if found != FORMAT_VERSION:
            raise BadInputError(
                f'"{path}" is a result card of version {found}, which this '
                'program does not know. Update napari-wsol.'
            )
        entries.pop('versions')
        entries['store'] = str(path.parent / entries['store'])
        for name in _BY_CLASS:
            if entries.get(name) is not None:
                entries[name] = tuple(entries[name].values())
        for name in ('classes', 'roi_classes', 'notes'):
            entries[name] = tuple(entries[name])
        return Prediction(**entries)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInputError(
            f'"{path}" cannot be read as a result card ({error}). Run the '
            'prediction again.'
        ) from error


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
