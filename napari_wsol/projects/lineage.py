"""Kept models: which follows from which, and going back to an earlier one."""

from __future__ import annotations

import json
import re
import shutil
import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from napari_wsol.errors import BadInputError, WsolError
from napari_wsol.models.folder import (
    copy_folder,
    read_folder,
    rewrite_card,
)
from napari_wsol.projects.files import KeptFile, sync_folder
from napari_wsol.projects.items import now, told_path
from napari_wsol.projects.project import Project
from napari_wsol.projects.runs import (
    MODEL,
    MODELS,
    ORIGIN,
    discard,
    number_of,
)
from napari_wsol.projects.tables import read_items, table_text
from napari_wsol.projects.verdict import Comparison, Figures, verdict
from napari_wsol.training.table import PROJECT_LABELS

LINEAGE = 'lineage.json'
"""In a kept model's folder, beside its card."""

_NO_NAME = re.compile(r'[^A-Za-z0-9._-]+')


@dataclass(frozen=True)
class Version:
    """A kept model.

    Parameters
    ----------
    number
        Of the run that made it; versions go up.
    name
        What the user calls it.
    path
        The model folder.
    hash, parent_hash
        sha256 of its weights, and of those it was taught from; None where
        it was taught from an encoder.
    when
        UTC, ISO 8601.
    figures
        On the items that were held out then.
    labels_used
        How many labels it learned from; the table is beside its card.
    recipe
        The settings of its training.
    old_figures
        Of the model before, on the same items.
    verdict
        What was thought of it then.
    """

    number: int
    name: str
    path: Path
    hash: str
    parent_hash: str | None
    when: str
    figures: Figures
    labels_used: int
    recipe: Mapping[str, Any]
    old_figures: Figures | None = None
    verdict: str = ''


@dataclass(frozen=True)
class Node:
    """A version and those that were taught from it."""

    version: Version
    children: tuple[Node, ...] = ()


@dataclass(frozen=True)
class _Lineage:
    """The content of ``lineage.json``."""

    name: str
    when: str
    labels_used: int
    recipe: dict[str, Any]
    comparison: Comparison
    verdict: str


_LINEAGES = TypeAdapter(_Lineage)


def versions(project: Project) -> tuple[Version, ...]:
    """The kept models, oldest first; damaged ones are left out."""
    return versions_in(project.folder)


def versions_in(folder: Path) -> tuple[Version, ...]:
    """The kept models of the project in a folder, which need not be open."""
    models = folder / MODELS
    if not models.is_dir():
        return ()
    found = [
        version
        for path in models.iterdir()
        if (version := _version(path)) is not None
    ]
    return tuple(sorted(found, key=lambda version: version.number))


def current_version(project: Project) -> Version | None:
    """The version in use; None where none is, or it is not there."""
    number = project.settings.current_version
    return next((v for v in versions(project) if v.number == number), None)


def tree(versions: Sequence[Version]) -> tuple[Node, ...]:
    """The versions below those they were taught from.

    A version comes below the newest older one with its parent's weights;
    versions may have the same weights, where nothing was learned.
    """
    ordered = sorted(versions, key=lambda version: version.number)
    below: dict[int | None, list[Version]] = {}
    for place, version in enumerate(ordered):
        parents = [
            older.number
            for older in ordered[:place]
            if older.hash == version.parent_hash
        ]
        below.setdefault(parents[-1] if parents else None, []).append(version)

    def nodes(parent: int | None) -> tuple[Node, ...]:
        return tuple(
            Node(version, nodes(version.number))
            for version in below.get(parent, [])
        )

    return nodes(None)


def keep(
    project: Project, run: Path, name: str, comparison: Comparison
) -> Version:
    """Keep the model of a run and use it from now on; the run goes.

    All of it or nothing: a kill leaves the run as it was, or the version
    complete.

    Parameters
    ----------
    name
        What the user calls it.

    Raises
    ------
    BadInputError
        Where the run has no model, or its weights are damaged.
    WsolError
        Where the version cannot be written.
    """
    number = number_of(run)
    if number is None:
        raise BadInputError(f'"{run}" is no training of this project.')
    name = ' '.join(name.split()) or run.name
    models = project.folder / MODELS
    version = next((v for v in versions(project) if v.number == number), None)
    if version is None:
        partial = models / f'.{uuid.uuid4().hex}.partial'
        try:
            models.mkdir(exist_ok=True)
            _fill(partial, project, run, name, comparison)
            path = models / f'{number:04}-{plain_name(name)}'
            partial.rename(path)
            sync_folder(models)
        except OSError as error:
            raise WsolError(
                f'The model could not be kept in "{models}": '
                f'{error.strerror or error}. The training is still there: '
                'make room and keep it again.'
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        version = _version(path)
        assert version is not None
    roll_back(project, version)
    discard(project, run)
    return version


def roll_back(project: Project, version: Version) -> None:
    """Use a version, and start the next training from it."""
    project.change_settings(
        current_version=version.number,
        parent=told_path(version.path, project.folder),
    )


def plain_name(name: str) -> str:
    """A name as it may stand in a model's card, and as a folder."""
    plain = unicodedata.normalize('NFKD', name)
    ascii_only = plain.encode('ascii', 'ignore').decode()
    return _NO_NAME.sub('-', ascii_only).strip('-._')[:60] or 'model'


def _fill(
    partial: Path,
    project: Project,
    run: Path,
    name: str,
    comparison: Comparison,
) -> None:
    """Write all that a version consists of."""
    folder = copy_folder(read_folder(run / MODEL), partial)
    learned = KeptFile(run / PROJECT_LABELS)
    items = project.labelled()
    if learned.path.is_file():
        items = tuple(read_items(learned.read(), project.folder)[0])
    sides = project.split_of
    KeptFile(partial / PROJECT_LABELS).write(table_text(items, partial, sides))
    card = folder.card
    title = card.title if card.title != card.name else name
    metrics = {**card.metrics, 'held-out items': _numbers(comparison.new)}
    rewrite_card(
        folder,
        card.model_copy(
            update={
                'name': plain_name(name),
                'title': title,
                'metrics': metrics,
                'parent': card.parent or _parent_hash(run),
            }
        ),
    )
    lineage = _Lineage(
        name,
        now(),
        sum(sides(item) == 'train' for item in items),
        card.training.recipe,
        comparison,
        verdict(comparison).text,
    )
    KeptFile(partial / LINEAGE).write(
        _LINEAGES.dump_json(lineage, indent=2).decode() + '\n'
    )


def _parent_hash(run: Path) -> str | None:
    """Of the weights that a run started from; None for an encoder's."""
    try:
        told = json.loads((run / ORIGIN).read_text('utf-8'))
        return read_folder(told['parent']).card.sha256
    except (OSError, ValueError, KeyError, TypeError, BadInputError):
        return None


def _numbers(figures: Figures) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in vars(figures).items()
        if value is not None
    }


def _version(path: Path) -> Version | None:
    """The version in a folder; None where there is none, or it is damaged."""
    number = number_of(path)
    if number is None or not (path / LINEAGE).is_file():
        return None
    try:
        told = _LINEAGES.validate_json(KeptFile(path / LINEAGE).read())
        card = read_folder(path).card
    except (BadInputError, ValueError):
        return None
    return Version(
        number,
        told.name,
        path,
        card.sha256,
        card.parent,
        told.when,
        told.comparison.new,
        told.labels_used,
        told.recipe,
        told.comparison.old,
        told.verdict,
    )
