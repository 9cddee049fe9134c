"""The card that a training writes on its model."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from napari_wsol.models.card import ModelCard, TrainingRecord
from napari_wsol.models.localizer import Localizer
from napari_wsol.training.calibration import Calibration
from napari_wsol.training.recipes import PARENT, halo_of

if TYPE_CHECKING:
    from napari_wsol.training.runner import Training


def card_of(
    training: Training, network: Localizer, calibration: Calibration
) -> ModelCard:
    """The card of a trained network."""
    config, table = training.config, training.table
    fields = sum(row.field is not None for row in table.rows)
    images = len(table.rows) - fields
    return ModelCard(
        name=config.name,
        title=config.title or config.name,
        finds=_finds(training),
        tissue=config.tissue or 'As in the training images.',
        method=config.method,
        architecture=network.architecture,
        classes=training.classes,
        negative_class=config.negative_class,
        mpp=config.mpp,
        halo=halo_of(network.architecture),
        normalization=training.normalization,
        pixel_temperature=calibration.pixel_temperature,
        image_temperature=calibration.image_temperature,
        threshold=calibration.threshold,
        training=TrainingRecord(
            data=table.source.name,
            labels=f'{images} image labels, {fields} field labels',
            data_hash=table.digest,
            recipe=config.model_dump(),
            seed=config.seed,
            versions={
                name: version(name)
                for name in ('napari-wsol', 'torch', 'timm')
            },
        ),
        metrics={'validation labels': calibration.figures},
        parent=training.parent.sha256 if training.init is not None else None,
    )


def _finds(training: Training) -> str:
    """What it marks: as its parent where that knew the same classes."""
    config = training.config
    if config.finds:
        return config.finds
    marked = [c for c in training.classes if c != config.negative_class]
    if config.teacher == PARENT:
        card = training.parent.card
        if set(card.roi_classes) == set(marked):
            return card.finds
    return f'Regions of {", ".join(marked)}.'
