"""Which models there are: bundled, the user's own, and the hub's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_wsol.errors import BadInputError, WsolError
from napari_wsol.models.folder import (
    CARD,
    README,
    WEIGHTS,
    ModelFolder,
    copy_folder,
    read_folder,
    verify_folder,
)
from napari_wsol.settings import models_folder

DEFAULT_MODEL = 'colon-glands'
"""The bundled model that is used where none is named."""

_HUB_ID = re.compile(
    r'(?P<repository>[\w-][\w.-]*/[\w-][\w.-]*)(@(?P<revision>[\w./-]+))?'
)
_MOVING = ('main', 'master', 'HEAD')


@dataclass(frozen=True)
class BrokenModel:
    """A folder that should hold a model, and why it cannot be used."""

    path: Path
    reason: str


def bundled_dir() -> Path:
    """The folder of the models that come with the plugin."""
    return Path(__file__).parents[1] / 'starter'


def list_models(models_dir: Path | None = None) -> list[ModelFolder]:
    """The models that can be used, the bundled ones first, by name.

    Parameters
    ----------
    models_dir
        The user's models folder; None takes the one of the settings.

    See Also
    --------
    broken_models : The folders that were left out, with reasons.
    """
    return [
        found for found in _scan(models_dir) if isinstance(found, ModelFolder)
    ]


def broken_models(models_dir: Path | None = None) -> list[BrokenModel]:
    """Folders beside the usable models that cannot be used, with reasons."""
    return [
        found for found in _scan(models_dir) if isinstance(found, BrokenModel)
    ]


def find_model(
    name: str | Path,
    models_dir: Path | None = None,
    *,
    allow_download: bool = False,
) -> ModelFolder:
    """A model by name, by folder, or by hub id with a revision.

    Parameters
    ----------
    name
        A bundled or own model's name, the path of a model folder, or
        ``'organisation/name@revision'``. A name wins over a folder of the
        same name; ``./name`` means the folder.
    models_dir
        The user's models folder; None takes the one of the settings.
    allow_download
        Let a hub model that is not on this computer be downloaded; without
        it nothing is ever asked from the network.

    Raises
    ------
    BadInputError
        Where there is no such model, or it cannot be used.
    WsolError
        Where a download failed.
    """
    if isinstance(name, Path):
        return read_folder(name)
    models = list_models(models_dir)
    named = [model for model in models if model.card.name == name]
    if len(named) > 1:
        places = ' and '.join(f'"{model.path}"' for model in named)
        raise BadInputError(
            f'There are {len(named)} models named "{name}", in {places}: '
            'give the folder of the one you mean.'
        )
    if named:
        return named[0]
    if Path(name).is_dir():
        return read_folder(name)
    for broken in broken_models(models_dir):
        if broken.path.name == name:
            raise BadInputError(broken.reason)
    hub_id = _HUB_ID.fullmatch(name)
    if hub_id:
        return _find_on_hub(
            hub_id['repository'], hub_id['revision'], allow_download
        )
    known = ', '.join(model.card.name for model in models) or 'none'
    raise BadInputError(
        f'There is no model "{name}". Known models: {known}. A model may also '
        'be given as a folder, or as organisation/name@revision on the '
        'Hugging Face hub.'
    )


def import_model(
    model: ModelFolder,
    models_dir: Path | None = None,
    *,
    replace: bool = False,
) -> ModelFolder:
    """Copy a model, verified first, into the user's models folder.

    Raises
    ------
    BadInputError
        Where it is damaged, its name is taken by a bundled model, or by an
        own one and ``replace`` is False.
    """
    if (bundled_dir() / model.card.name).exists():
        raise BadInputError(
            f'"{model.card.name}" is the name of a bundled model: give the '
            'model another name (the field "name" of its config.json).'
        )
    place = models_dir or models_folder()
    return copy_folder(model, place / model.card.name, replace=replace)


def _scan(models_dir: Path | None) -> Iterator[ModelFolder | BrokenModel]:
    """Every folder of the two places, bundled first, by name."""
    for place in (bundled_dir(), models_dir or models_folder()):
        if not place.is_dir():
            continue
        for path in sorted(place.iterdir()):
            if not path.is_dir() or path.name.startswith(('.', '__')):
                continue
            try:
                yield read_folder(path)
            except (WsolError, OSError) as error:
                yield BrokenModel(path, str(error))


def _find_on_hub(
    repository: str, revision: str | None, allow_download: bool
) -> ModelFolder:
    """A hub model from the cache, or downloaded where that is allowed."""
    if revision is None or revision in _MOVING:
        raise BadInputError(
            f'There is no folder "{repository}". If you mean the model of '
            f'that name on the hub, say which revision, as in '
            f'{repository}@1f2e3d4 (a commit or a tag): without it the model '
            'could change under your results.'
        )
    from huggingface_hub import errors, snapshot_download

    def fetch(*, offline: bool) -> Path:
        return Path(
            snapshot_download(
                repository,
                revision=revision,
                allow_patterns=[WEIGHTS, CARD, README],
                local_files_only=offline,
            )
        )

    name = f'{repository}@{revision}'
    try:
        cached = fetch(offline=True)
        if (cached / WEIGHTS).is_file() and (cached / CARD).is_file():
            return read_folder(cached)
    except errors.LocalEntryNotFoundError:
        pass
    if not allow_download:
        raise BadInputError(
            f'The model "{name}" is not on this computer. Get it once with: '
            f'napari-wsol models import {name}'
        )
    try:
        model = read_folder(fetch(offline=False))
    except errors.RevisionNotFoundError as error:
        raise BadInputError(
            f'The hub has no revision "{revision}" of "{repository}".'
        ) from error
    except errors.GatedRepoError as error:
        raise BadInputError(
            f'The hub gives "{repository}" only to users who accepted its '
            'terms: accept them on its page and log in with "hf auth login".'
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise BadInputError(
            f'The hub has no model "{repository}", or you may not see it.'
        ) from error
    except OSError as error:
        raise WsolError(
            f'The model "{name}" could not be downloaded: the hub cannot be '
            'reached from this computer. Get the model folder another way '
            'and give its path.'
        ) from error
    verify_folder(model)
    return model
