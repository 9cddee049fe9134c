"""Networks from model folders, and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from napari_wsol.errors import BadInputError
from napari_wsol.models.card import ModelCard
from napari_wsol.models.folder import (
    ModelFolder,
    read_folder,
    verify_folder,
    write_folder,
)
from napari_wsol.models.folding import fold_batch_norm
from napari_wsol.models.localizer import Localizer


@dataclass(frozen=True)
class LoadedModel:
    """A model that is ready to run: in eval mode, on the CPU."""

    card: ModelCard
    network: Localizer
    sha256: str


def build(card: ModelCard) -> Localizer:
    """The network that a card describes, with random weights."""
    return Localizer(card.architecture, card.classes, card.negative_class)


def load_model(
    folder: ModelFolder | Path | str, *, trainable: bool = False
) -> LoadedModel:
    """Read, verify and build a model; nothing the files hold is executed.

    Parameters
    ----------
    trainable
        Keep batch normalisation apart, to train or to save the network
        again; else it is folded away, which is faster.

    Raises
    ------
    BadInputError
        Where a file is missing, damaged, or does not fit the card.
    """
    if not isinstance(folder, ModelFolder):
        folder = read_folder(Path(folder))
    verify_folder(folder)
    path = folder.path / 'model.safetensors'
    try:
        weights = load_file(path)
    except (SafetensorError, OSError) as error:
        raise BadInputError(
            f'The weights of the model in "{folder.path}" cannot be read '
            f'({error}). Fetch the model again.'
        ) from error
    network = build(folder.card)
    _fill(network, weights, folder)
    network.calibrate(folder.card)
    network.eval()
    if not trainable:
        fold_batch_norm(network)
    network.eval().requires_grad_(False)
    return LoadedModel(folder.card, network, folder.card.sha256)


def save_model(
    path: Path,
    card: ModelCard,
    network: Localizer,
    *,
    dtype: torch.dtype = torch.float16,
    replace: bool = False,
) -> ModelFolder:
    """Write a model folder, by default in half precision.

    Half precision rounds the weights; metrics on the card should be measured
    with the model as it is loaded again.
    """
    weights = {
        key: _stored(value, dtype)
        for key, value in network.state_dict().items()
        if key != 'pixel_temperature' and 'num_batches_tracked' not in key
    }
    return write_folder(path, card, save(weights), replace=replace)


def _stored(value: Tensor, dtype: torch.dtype) -> Tensor:
    value = value.detach().cpu().contiguous()
    return value.to(dtype) if value.is_floating_point() else value


def _fill(
    network: Localizer, weights: dict[str, Tensor], folder: ModelFolder
) -> None:
    expected = network.state_dict()
    # Until necks were a choice, the only one was called after its kind.
    weights = {
        key.replace('pyramid.', 'neck.', 1)
        if key.startswith('pyramid.')
        else key: value
        for key, value in weights.items()
    }
    derived = {
        key
        for key in expected
        if key == 'pixel_temperature' or 'num_batches_tracked' in key
    }
    missing = expected.keys() - derived - weights.keys()
    extra = weights.keys() - expected.keys()
    wrong = [
        key
        for key in weights.keys() & expected.keys()
        if weights[key].shape != expected[key].shape
    ]
    if missing or extra or wrong:
        raise BadInputError(
            f'The weights in "{folder.path}" do not fit its card: '
            f'{len(missing)} tensors are missing, {len(extra)} unknown, '
            f'{len(wrong)} of another shape. Fetch the model again.'
        )
    network.load_state_dict(
        {key: value.to(expected[key].dtype) for key, value in weights.items()},
        strict=False,
    )
