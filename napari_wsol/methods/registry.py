"""Methods by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from napari_wsol.errors import BadInputError
from napari_wsol.methods.cam import ClassActivation
from napari_wsol.methods.max_min_uncertainty import MaxMinUncertainty
from napari_wsol.methods.method import Method
from napari_wsol.methods.min_max_entropy import MinMaxEntropy
from napari_wsol.methods.negev import NegativeEvidence
from napari_wsol.methods.segmentation import Segmentation

METHODS: dict[str, type[Method]] = {
    'cam': ClassActivation,
    'min-max-entropy': MinMaxEntropy,
    'max-min-uncertainty': MaxMinUncertainty,
    'negev': NegativeEvidence,
    'segmentation': Segmentation,
}
"""How one network learns. What a user calls a method may be a chain of
these (``training.recipes``)."""


def create_method(name: str, settings: Mapping[str, Any]) -> Method:
    """The method of that name.

    Parameters
    ----------
    settings
        Settings by name; the method takes those that it declares (they are
        the fields of its dataclass) and leaves the others, which may be
        another method's.

    Raises
    ------
    BadInputError
        Where no method of that name can be trained.
    """
    if name not in METHODS:
        raise BadInputError(
            f'The method "{name}" cannot be trained. Choose one of: '
            f'{", ".join(METHODS)}.'
        )
    method = METHODS[name]
    declared = {field.name for field in fields(method)}
    return method(**{k: v for k, v in settings.items() if k in declared})
