"""A model is a folder: weights, card and a README for people.

Nothing here runs code that a model folder holds, and nothing loads torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from napari_wsol.errors import BadInputError, WsolError
from napari_wsol.models.card import CARD_VERSION, ModelCard
from napari_wsol.models.readme import render_readme

WEIGHTS = 'model.safetensors'
CARD = 'config.json'
README = 'README.md'

_PICKLES = (b'PK\x03\x04', b'\x80\x02', b'\x80\x03', b'\x80\x04', b'\x80\x05')
_BLOCK = 1 << 20


@dataclass(frozen=True)
class ModelFolder:
    """A model on disk and its card."""

    path: Path
    card: ModelCard

    @property
    def weights(self) -> Path:
        """The file with the weights."""
        return self.path / WEIGHTS


def read_folder(path: Path | str) -> ModelFolder:
    """The model in a folder, its card checked and its weights unread.

    Raises
    ------
    BadInputError
        Where the folder or one of its files is missing, or the card is not
        one that this version understands; the message names the field.
    """
    path = Path(path)
    if not path.is_dir():
        what = 'is a file' if path.exists() else 'does not exist'
        raise BadInputError(
            f'The model folder "{path}" {what}; a model is a folder with '
            f'{WEIGHTS} and {CARD}.'
        )
    for name in (CARD, WEIGHTS):
        if not (path / name).is_file():
            raise BadInputError(
                f'The model folder "{path}" lacks the file {name}: copy the '
                'whole folder again.'
            )
    return ModelFolder(path, _read_card(path / CARD))


def verify_folder(folder: ModelFolder) -> None:
    """Check that the weights are readable and the ones the card speaks of.

    Raises
    ------
    BadInputError
        Where ``model.safetensors`` is no whole safetensors file or its
        sha256 differs from the card's.
    """
    _check_weights(folder.weights)
    if not folder.card.sha256:
        raise BadInputError(
            f'The card of the model in "{folder.path}" states no sha256, so '
            'its weights cannot be checked: get the model again.'
        )
    found = hash_file(folder.weights)
    if found != folder.card.sha256:
        raise BadInputError(
            f'The weights in "{folder.path}" are not the ones that the card '
            f'describes (sha256 {found[:12]}..., card '
            f'{folder.card.sha256[:12]}...): the file was changed or damaged, '
            'get the model again.'
        )


def write_folder(
    path: Path | str,
    card: ModelCard,
    weights: Path | bytes,
    *,
    readme: str | None = None,
    replace: bool = False,
) -> ModelFolder:
    """Write a model folder, all of it or nothing.

    Parameters
    ----------
    path
        Where the folder shall be; its parents are made.
    card
        Written with the sha256 of the weights filled in.
    weights
        A safetensors file, or its content.
    readme
        Text of the README; None makes one from the card.
    replace
        Allow that an earlier model of this place is replaced.

    Raises
    ------
    BadInputError
        Where something is there already and must not be replaced, where the
        weights are not a safetensors file, or the place is not writable.
    WsolError
        Where writing failed, for example on a full disk; what was there
        before is still there.
    """
    path = Path(path)
    _require_free(path, replace=replace)
    partial = path.with_name(f'.{path.name}.{uuid.uuid4().hex}.partial')
    try:
        partial.mkdir(parents=True)
        _copy_weights(weights, partial / WEIGHTS)
        _check_weights(partial / WEIGHTS)
        digest = hash_file(partial / WEIGHTS)
        card = card.model_copy(update={'sha256': digest})
        text = render_readme(card) if readme is None else readme
        (partial / CARD).write_text(
            card.model_dump_json(indent=2) + '\n', encoding='utf-8'
        )
        (partial / README).write_text(text, encoding='utf-8')
        _put_in_place(partial, path)
    except PermissionError as error:
        raise BadInputError(
            f'The model cannot be written to "{path}": permission denied. '
            'Choose a folder that you may write to.'
        ) from error
    except OSError as error:
        raise WsolError(
            f'The model could not be written to "{path}" '
            f'({error.strerror or error}); nothing there was changed.'
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return ModelFolder(path, card)


def rewrite_card(folder: ModelFolder, card: ModelCard) -> ModelFolder:
    """Put another card beside the same weights, all of it or nothing.

    A README that was made from the card is made anew; any other stays.

    Raises
    ------
    BadInputError
        Where the folder may not be written to.
    WsolError
        Where writing failed; the old card is still there.
    """
    card = card.model_copy(update={'sha256': folder.card.sha256})
    readme = folder.path / README
    texts = {CARD: card.model_dump_json(indent=2) + '\n'}
    try:
        was_made = readme.is_file() and (
            readme.read_text('utf-8') == render_readme(folder.card)
        )
        if was_made:
            texts[README] = render_readme(card)
        for name, text in texts.items():
            _replace_text(folder.path / name, text)
    except PermissionError as error:
        raise BadInputError(
            f'The model in "{folder.path}" cannot be changed: permission '
            'denied. Export it to a folder that you may write to.'
        ) from error
    except OSError as error:
        raise WsolError(
            f'The card of the model in "{folder.path}" could not be written '
            f'({error.strerror or error}); nothing there was changed.'
        ) from error
    return ModelFolder(folder.path, card)


def copy_folder(
    folder: ModelFolder, path: Path | str, *, replace: bool = False
) -> ModelFolder:
    """Copy a model, verified first, to another folder.

    Raises
    ------
    BadInputError, WsolError
        As ``verify_folder`` and ``write_folder`` do.
    """
    verify_folder(folder)
    readme = folder.path / README
    return write_folder(
        path,
        folder.card,
        folder.weights,
        readme=readme.read_text('utf-8') if readme.is_file() else None,
        replace=replace,
    )


def hash_file(path: Path) -> str:
    """The sha256 of a file in hexadecimal, read in blocks."""
    with path.open('rb') as stream:
        return hashlib.file_digest(stream, 'sha256').hexdigest()


def _read_card(path: Path) -> ModelCard:
    """The card in a ``config.json``, its faults named field by field."""
    try:
        data: Any = json.loads(path.read_text('utf-8'))
    except (ValueError, RecursionError) as error:
        raise BadInputError(
            f'The model card "{path}" is not valid JSON ({error}): get the '
            'model again.'
        ) from error
    if not isinstance(data, dict):
        raise BadInputError(
            f'The model card "{path}" is not a model card: it holds no '
            'fields. Get the model again.'
        )
    version = data.get('format_version', CARD_VERSION)
    if isinstance(version, int) and version > CARD_VERSION:
        raise BadInputError(
            f'The model in "{path.parent}" was made by a newer napari-wsol '
            f'(card version {version}, this one reads up to {CARD_VERSION}): '
            'update the plugin.'
        )
    try:
        return ModelCard.model_validate(data)
    except ValidationError as error:
        faults = '; '.join(
            f'{".".join(map(str, fault["loc"])) or "card"}: {fault["msg"]}'
            for fault in error.errors(include_url=False)
        )
        raise BadInputError(
            f'The model card "{path}" does not fit this version of '
            f'napari-wsol: {faults}. Update the plugin or get the model again.'
        ) from error


def _check_weights(path: Path) -> None:
    """Raise where a file is no whole safetensors file; runs nothing of it."""
    try:
        with safe_open(path, framework='numpy') as tensors:
            names = tuple(tensors.keys())
    except SafetensorError as error:
        with path.open('rb') as stream:
            is_pickle = stream.read(4).startswith(_PICKLES)
        if is_pickle:
            raise BadInputError(
                f'"{path}" is a PyTorch pickle under the name of a '
                'safetensors file. Pickles can run code and are not opened.'
            ) from error
        raise BadInputError(
            f'"{path}" is no whole safetensors file ({error}): it is damaged '
            'or was copied only in part, get the model again.'
        ) from error
    if not names:
        raise BadInputError(f'"{path}" holds no weights.')


def _replace_text(path: Path, text: str) -> None:
    """Write a text file so that it is never there in part."""
    partial = path.with_name(f'.{path.name}.{uuid.uuid4().hex}.partial')
    try:
        with partial.open('w', encoding='utf-8') as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _copy_weights(weights: Path | bytes, target: Path) -> None:
    """Write the weights and make sure that they are on the disk."""
    with target.open('wb') as stream:
        if isinstance(weights, bytes):
            stream.write(weights)
        else:
            with weights.open('rb') as source:
                shutil.copyfileobj(source, stream, _BLOCK)
        stream.flush()
        os.fsync(stream.fileno())


def _require_free(path: Path, *, replace: bool) -> None:
    """Raise where writing to a path would destroy something."""
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not (path.is_dir() and (path / CARD).is_file()):
        raise BadInputError(
            f'"{path}" exists and is not a model: choose another name.'
        )
    if not replace:
        raise BadInputError(
            f'There is already a model in "{path}": choose another name, or '
            'ask for it to be replaced.'
        )


def _put_in_place(partial: Path, path: Path) -> None:
    """Rename a complete folder to its place; the old one returns on error."""
    if not path.exists():
        partial.rename(path)
        return
    old = path.with_name(f'.{path.name}.{uuid.uuid4().hex}.old')
    path.rename(old)
    try:
        partial.rename(path)
    except OSError:
        old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)
