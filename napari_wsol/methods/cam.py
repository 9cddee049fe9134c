"""The baseline: a classifier whose class maps are the localization."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from napari_wsol.methods.labels import localizer_labels
from napari_wsol.methods.method import Batch, Method, encoder_maps
from napari_wsol.methods.terms import partial_cross_entropy
from napari_wsol.models.localizer import Localizer, without_margin


@dataclass
class ClassActivation(Method):
    """Cross-entropy of the pooled class maps, and nothing else.

    The map-range constants are learned on the way, so that the map can be
    stretched at inference (Zhou et al., CVPR 2016).
    """

    def terms(self, network: Localizer, batch: Batch) -> dict[str, Tensor]:
        """Localizer and classifier each learn the image's class."""
        features = encoder_maps(network, batch)
        maps = without_margin(
            network.localizer_maps(features), batch.margin // network.stride
        )
        network.pixel_logits(maps.detach())
        cells = without_margin(
            network.classifier(features[-1]),
            batch.margin // network.class_stride,
        )
        return {
            'localizer': partial_cross_entropy(
                network.image_scores(maps),
                localizer_labels(network, batch.labels),
            ),
            'classifier': partial_cross_entropy(
                network.image_scores(cells), batch.labels
            ),
        }
