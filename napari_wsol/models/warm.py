"""Models that stay loaded between one use and the next."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from napari_wsol.models.folder import read_folder

if TYPE_CHECKING:
    from napari_wsol.models.loading import LoadedModel

MODELS_KEPT = 2


class WarmModels:
    """The models used last, kept loaded.

    A model is loaded again where its card, which holds the hash of its
    weights, was changed.
    """

    def __init__(self, kept: int = MODELS_KEPT) -> None:
        self._kept = kept
        self._models: OrderedDict[tuple[str, str], LoadedModel] = OrderedDict()

    def get(self, path: str) -> LoadedModel:
        """The model in a folder, loaded where it is not yet.

        Raises
        ------
        BadInputError
            Where the folder holds no usable model.
        """
        from napari_wsol.models.loading import load_model  # loads torch

        folder = read_folder(Path(path))
        card = folder.card.model_dump_json().encode()
        key = (str(folder.path), hashlib.sha256(card).hexdigest())
        if key not in self._models:
            self._models[key] = load_model(folder)
        self._models.move_to_end(key)
        while len(self._models) > self._kept:
            self._models.popitem(last=False)
        return self._models[key]
