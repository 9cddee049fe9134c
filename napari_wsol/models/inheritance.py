"""A network that starts from the weights of another."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from napari_wsol.errors import BadInputError
from napari_wsol.models.heads import ClassMaps
from napari_wsol.models.localizer import Localizer

BACKGROUND = 'background'
"""Of pixels; whatever the fully negative class is called."""

ANY_ROI = 'region of interest'
"""Of pixels whose class is not told."""


def inherit(network: Localizer, donor: Localizer) -> None:
    """Start a network from another one's weights.

    The encoder is taken whole, the neck where it is built the same, and of
    both heads the rows of classes of the same name; the fully negative class
    is the same whatever its name. A class with regions that the donor does
    not know begins as the mean of those that it knows. Where the donor's
    pixels tell no classes apart, those of its one region share its
    probability.

    Raises
    ------
    BadInputError
        Where the encoders differ.
    """
    mine, theirs = network.architecture, donor.architecture
    if not _fits(network.encoder, donor.encoder):
        raise BadInputError(
            f'The model to start from has the encoder {theirs.encoder}'
            f'{_ending(donor)}, the run {mine.encoder}{_ending(network)}: '
            'choose the same.'
        )
    network.encoder.load_state_dict(donor.encoder.state_dict())
    inherit_rows(
        network.classifier,
        donor.classifier,
        _image_classes(network),
        _image_classes(donor),
    )
    if network.by_class_maps != donor.by_class_maps or not _fits(
        network.neck, donor.neck
    ):
        return
    network.neck.load_state_dict(donor.neck.state_dict())
    inherit_rows(
        network.localizer,
        donor.localizer,
        pixel_classes(network),
        pixel_classes(donor),
    )
    if network.range is not None and donor.range is not None:
        network.range.load_state_dict(donor.range.state_dict())


def pixel_classes(network: Localizer) -> list[str]:
    """What the channels of a localizer's head mean."""
    if network.by_class_maps:
        return _image_classes(network)
    if network.pixel_channels == 2 and len(network.roi) > 1:
        return [BACKGROUND, ANY_ROI]
    return [BACKGROUND, *(network.classes[i] for i in network.roi)]


def inherit_rows(
    head: ClassMaps,
    donor: ClassMaps,
    classes: Sequence[str],
    theirs: Sequence[str],
) -> None:
    """Fill a head with the rows of another's classes; see ``inherit``.

    Left as it is where the two read other features or have another number of
    modalities.
    """
    new, old = head.to_modalities, donor.to_modalities
    each = new.weight.shape[0] // len(classes)
    if new.weight.shape[1:] != old.weight.shape[1:] or old.weight.shape[
        0
    ] != each * len(theirs):
        return
    bias = _bias(old).detach().clone()
    if ANY_ROI in theirs and ANY_ROI not in classes:
        bias[each * theirs.index(ANY_ROI) :] -= math.log(len(classes) - 1)
    for mine, source in ((new.weight, old.weight), (_bias(new), bias)):
        rows = source.detach().view(len(theirs), each, *source.shape[1:])
        own = mine.detach().view(len(classes), each, *mine.shape[1:])
        taken = [
            own[number] if row is None else row
            for number, row in enumerate(
                _row(rows, name, theirs) for name in classes
            )
        ]
        with torch.no_grad():
            mine.copy_(torch.stack(taken).flatten(0, 1))


def _row(rows: Tensor, name: str, theirs: Sequence[str]) -> Tensor | None:
    if name in theirs:
        return rows[theirs.index(name)]
    if name == BACKGROUND:
        return None
    roi = [i for i, known in enumerate(theirs) if known != BACKGROUND]
    return rows[roi].mean(0)


def _image_classes(network: Localizer) -> list[str]:
    return [
        BACKGROUND if name == network.negative_class else name
        for name in network.classes
    ]


def _bias(convolution: nn.Conv2d) -> Tensor:
    assert convolution.bias is not None
    return convolution.bias


def _fits(one: nn.Module, other: nn.Module) -> bool:
    """Whether the tensors of two modules have the same names and shapes."""
    mine, theirs = one.state_dict(), other.state_dict()
    return mine.keys() == theirs.keys() and all(
        value.shape == theirs[name].shape for name, value in mine.items()
    )


def _ending(network: Localizer) -> str:
    has_head = network.architecture.encoder_head
    return ' with its last convolution' if has_head else ''
