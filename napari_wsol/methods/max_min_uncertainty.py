"""Max-min uncertainty (IEEE TMI 41(3), 2022), in both of its regimes."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from napari_wsol.errors import BadInputError
from napari_wsol.methods.labels import (
    among,
    as_channels,
    cell_labels,
    is_positive,
    pixel_labels,
    pixel_terms,
)
from napari_wsol.methods.method import Batch, Method, encoder_maps
from napari_wsol.methods.second_look import (
    Uncertainty,
    background_loss,
    foreground_loss,
)
from napari_wsol.methods.terms import (
    area_barrier,
    foreground_barrier,
    partial_cross_entropy,
    size_barrier,
)
from napari_wsol.models.localizer import Localizer, resize, without_margin


@dataclass
class MaxMinUncertainty(Method):
    """Foreground that decides, background that leaves the classifier unsure.

    Minimises ``H(y, p(X+)) + H(y, p_loc) + lambda R(p(X-))`` plus a barrier
    on sizes (TMI, eq. 5-9). Without a fully negative class, both regions are
    everywhere: the barrier keeps either from vanishing. With one, its images
    and fields are background in every pixel, and only the foreground of the
    other images is kept from vanishing.

    Parameters
    ----------
    uncertainty
        ``'surrogate'`` (SEM) or ``'explicit'`` (EEM).
    foreground_weight
        Weight of the second look at the foreground, 1 as published. It costs
        more than half of a step, and features that are kept do not serve it.
    background_weight
        lambda. The published 1e-7 leaves R without effect; with 1 and an
        attached mask the mask becomes an adversarial texture.
    barrier_start, barrier_growth, barrier_end
        t of the log-barrier and how it grows per epoch.
    area_target
        Smallest and largest share of an image that its ROI takes: barriers
        keep it between them. None: the published barrier, which keeps the
        ROI and (without a fully negative class) the background from
        vanishing, and pulls both towards one half.
    sigma_start, sigma_step, sigma_end
        The threshold inside the class-map mask, per epoch.
    pixel_weight, field_weight
        Weight of what pseudo-labels say of pixels, and of what fields do.
    detach_background
        Whether the background's uncertainty stops at the mask and teaches
        the classifier alone.
    """

    uncertainty: Uncertainty = 'surrogate'
    foreground_weight: float = 1.0
    background_weight: float = 1e-7
    barrier_start: float = 5.0
    barrier_growth: float = 1.01
    barrier_end: float = 10.0
    area_target: tuple[float, float] | None = None
    sigma_start: float = 0.15
    sigma_step: float = 0.001
    sigma_end: float = 0.2
    pixel_weight: float = 1.0
    field_weight: float = 1.0
    detach_background: bool = False

    def __post_init__(self) -> None:
        if self.area_target is not None:
            low, high = self.area_target
            if not 0 <= low < high <= 1:
                raise BadInputError(
                    f'The area of the region cannot lie between {low:g} and '
                    f'{high:g} of an image: give two shares from 0 to 1, the '
                    'smaller first.'
                )
        self.t = self.barrier_start

    def begin_epoch(self, network: Localizer, epoch: int) -> None:
        """Tighten the barrier and raise sigma."""
        self.t = min(
            self.barrier_end, self.barrier_start * self.barrier_growth**epoch
        )
        network.sigma.fill_(
            min(self.sigma_end, self.sigma_start + self.sigma_step * epoch)
        )

    def terms(self, network: Localizer, batch: Batch) -> dict[str, Tensor]:
        """Classification of whole, foreground, background; sizes; fields.

        A batch's margin gives context to the features and is then cut off:
        mask, sizes and the second look know only what lies inside, else the
        mask moves into the frame, where zero padding is easy to tell.
        """
        features = encoder_maps(network, batch)
        maps = without_margin(
            network.localizer_maps(features), batch.margin // network.stride
        )
        cells = without_margin(
            network.classifier(features[-1]),
            batch.margin // network.class_stride,
        )
        images = without_margin(batch.images, batch.margin)
        pixels = without_margin(pixel_labels(network, batch), batch.margin)
        logits = resize(network.pixel_logits(maps), images.shape[-2:])
        mask = network.foreground(logits)
        terms = {
            'classifier': partial_cross_entropy(
                network.image_scores(cells), batch.labels
            )
        }
        terms.update(self._localizer_terms(network, maps, batch.labels))
        positive = is_positive(network, batch.labels)
        terms.update(
            self._masked_terms(
                network,
                images[positive],
                mask[positive],
                batch.labels[positive],
            )
        )
        terms |= pixel_terms(
            logits,
            as_channels(pixels, logits),
            without_margin(batch.in_field, batch.margin),
            (self.pixel_weight, self.field_weight),
        )
        if network.negative_class is not None:
            terms['cells'] = self.pixel_weight * partial_cross_entropy(
                network.evidence(cells), cell_labels(network, pixels)
            )
        return terms

    def _localizer_terms(
        self, network: Localizer, maps: Tensor, labels: Tensor
    ) -> dict[str, Tensor]:
        """The image's class from the localizer's own maps (ROI classes)."""
        if network.by_class_maps:
            scores = network.image_scores(maps)
            return {'localizer': partial_cross_entropy(scores, labels)}
        if network.negative_class is None or len(network.roi) < 2:
            return {}
        scores = network.image_scores(maps[:, 1:])
        return {
            'localizer': partial_cross_entropy(
                scores, among(network.roi, labels)
            )
        }

    def _masked_terms(
        self,
        network: Localizer,
        images: Tensor,
        mask: Tensor,
        labels: Tensor,
    ) -> dict[str, Tensor]:
        """Second look at images that hold a ROI, through the mask."""
        if len(images) == 0:
            return {}
        terms = {'size': self._size_term(network, mask)}
        if self.foreground_weight:
            terms['foreground'] = self.foreground_weight * foreground_loss(
                network, images, mask, labels
            )
        if self.background_weight:
            hidden = mask.detach() if self.detach_background else mask
            terms['background'] = self.background_weight * background_loss(
                network, images, hidden, self.uncertainty
            )
        return terms

    def _size_term(self, network: Localizer, mask: Tensor) -> Tensor:
        if self.area_target is not None:
            return area_barrier(mask, *self.area_target, self.t)
        if network.by_class_maps or network.negative_class is None:
            return size_barrier(mask, self.t)
        return foreground_barrier(mask, self.t)
