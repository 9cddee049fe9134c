"""A network over whole views: validation figures and averaged maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_wsol.methods.terms import IGNORE
from napari_wsol.models.card import Normalization
from napari_wsol.models.localizer import Localizer, resize, without_margin
from napari_wsol.models.precision import computes_in_bfloat16
from napari_wsol.slides.geometry import Box
from napari_wsol.slides.mirroring import read_mirrored
from napari_wsol.training.batches import normalised
from napari_wsol.training.views import (
    PixelMap,
    View,
    opened,
    pixel_classes,
)

FloatMap = npt.NDArray[np.float32]

ZOOMS = (0.8, 1.0, 1.25)
"""Scales over which a teacher's maps are averaged."""


@dataclass(frozen=True)
class Scan:
    """What a network says of one view.

    ``pixel`` is ``(K, h, w)`` at the network's stride over the view's
    region; ``cells`` are the classifier's maps ``(C, hc, wc)`` at its own,
    and ``logits`` the image's ``(C,)``.
    """

    view: View
    pixel: FloatMap
    cells: FloatMap
    logits: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Scanner:
    """Runs a network over views in one pass each.

    Each is read with ``margin`` working pixels around it, mirrored where the
    image ends, that are cut off again: what a tile's halo does. Views are
    crops of a bounded size (``training.views``); slides are
    ``inference``'s business.
    """

    normalization: Normalization
    mpp: float | None
    batch: int = 16
    margin: int = 32

    @torch.inference_mode()
    def scan(
        self,
        network: Localizer,
        views: Sequence[View],
        *,
        zoom: float = 1.0,
        flips: bool = False,
    ) -> Iterator[Scan]:
        """Every view in order; with ``flips``, averaged over three flips."""
        was_training = network.training
        network.eval()
        device = network.pixel_temperature.device
        try:
            for group in self._same_size(views, zoom, network.class_stride):
                images = torch.stack(
                    [self._image(v, zoom, network) for v in group]
                ).to(device)
                answers = self._averaged(network, images, flips)
                for number, view in enumerate(group):
                    pixel, cells, logits = (
                        answer[number].cpu().numpy() for answer in answers
                    )
                    yield Scan(view, pixel, cells, logits)
        finally:
            network.train(was_training)

    @torch.inference_mode()
    def features(
        self, network: Localizer, view: View
    ) -> tuple[Tensor, list[Tensor]]:
        """A view's normalised pixels ``(3, H, W)`` and the encoder's maps.

        Those are ``(C, h, w)`` float32, finest first.
        """
        network.eval()
        device = network.pixel_temperature.device
        image = self._image(view, 1.0, network)
        with torch.autocast(
            device.type, torch.bfloat16, enabled=computes_in_bfloat16(device)
        ):
            maps = network.encoder(image[None].to(device))
        strides = network.encoder.strides
        return without_margin(image, self.margin), [
            without_margin(each, self.margin // stride)[0].float().cpu()
            for each, stride in zip(maps, strides, strict=True)
        ]

    def _averaged(
        self, network: Localizer, images: Tensor, flips: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        sides: list[list[int]] = [[], [-1], [-2]] if flips else [[]]
        pixels, classes, logits = [], [], []
        for side in sides:
            shown = images.flip(side) if side else images
            with torch.autocast(
                images.device.type,
                torch.bfloat16,
                enabled=computes_in_bfloat16(images.device),
            ):
                features = network.encoder(shown)
                maps = without_margin(
                    network.localizer_maps(features),
                    self.margin // network.stride,
                )
                whole = without_margin(
                    network.classifier(features[-1]),
                    self.margin // network.class_stride,
                )
            pixel = network.pixel_logits(maps).float()
            pixel = (pixel / network.pixel_temperature).softmax(1)
            pixels.append(pixel.flip(side) if side else pixel)
            cells = whole[:, : len(network.classes)].float()
            classes.append(cells.flip(side) if side else cells)
            logits.append(network.image_scores(whole).float())
        pixel, cells, logit = (
            torch.stack(each).mean(0) for each in (pixels, classes, logits)
        )
        return pixel, cells, logit

    def _shape(
        self, view: View, zoom: float, multiple: int
    ) -> tuple[int, int]:
        step_y, step_x = opened(view.path, view.mpp).working_step(self.mpp)
        return (
            multiple
            * max(1, round(view.region.height * zoom / step_y / multiple)),
            multiple
            * max(1, round(view.region.width * zoom / step_x / multiple)),
        )

    def _same_size(
        self, views: Sequence[View], zoom: float, multiple: int
    ) -> Iterator[list[View]]:
        group: list[View] = []
        shape = None
        for view in views:
            mine = self._shape(view, zoom, multiple)
            if group and (mine != shape or len(group) == self.batch):
                yield group
                group = []
            shape = mine
            group.append(view)
        if group:
            yield group

    def _image(self, view: View, zoom: float, network: Localizer) -> Tensor:
        height, width = self._shape(view, zoom, network.class_stride)
        region, margin = view.region, self.margin
        step_y, step_x = region.height / height, region.width / width
        around = Box(
            region.y - margin * step_y,
            region.x - margin * step_x,
            region.height + 2 * margin * step_y,
            region.width + 2 * margin * step_x,
        )
        pixels = read_mirrored(
            opened(view.path, view.mpp),
            around,
            height + 2 * margin,
            width + 2 * margin,
        )
        image = torch.from_numpy(np.ascontiguousarray(pixels))
        image = image.permute(2, 0, 1).float() / 255
        return normalised(image[None], self.normalization)[0]


def validation_figures(
    network: Localizer, scanner: Scanner, views: Sequence[View]
) -> dict[str, float]:
    """``figures_of`` what a network says of views."""
    return figures_of(list(scanner.scan(network, views)), network)


def figures_of(scans: Sequence[Scan], network: Localizer) -> dict[str, float]:
    """Classification error of images, and of field pixels, in percent.

    Images are told apart among the labels that the views hold: a set
    without images of the fully negative class does not test it.
    """
    present = sorted({s.view.label for s in scans} - {IGNORE})
    wrong = images = 0
    right_pixels = pixels = 0
    for scan in scans:
        if scan.view.label != IGNORE and present:
            best = present[int(np.argmax(scan.logits[present]))]
            wrong += best != scan.view.label
            images += 1
        if scan.view.fields:
            truth = truth_at(scan, network.roi)
            known = truth != IGNORE
            found = scan.pixel.argmax(0)
            if len(scan.pixel) == 2:
                truth = np.minimum(truth, 1)
            right_pixels += int((found == truth)[known].sum())
            pixels += int(known.sum())
    figures: dict[str, float] = {}
    if pixels:
        figures['validation_field_error'] = 100 * (1 - right_pixels / pixels)
    figures['validation_error'] = (
        100 * wrong / images
        if images
        else figures.get('validation_field_error', 0.0)
    )
    return figures


def truth_at(scan: Scan, roi: list[int]) -> PixelMap:
    """Classes of field pixels on a scan's own grid, -1 outside fields."""
    height, width = scan.pixel.shape[1:]
    return pixel_classes(scan.view, scan.view.region, height, width, roi)


def averaged_maps(
    networks: Sequence[Localizer],
    scanner: Scanner,
    view: View,
    *,
    zooms: Sequence[float] = ZOOMS,
    flips: bool = True,
    stride: int = 4,
) -> Scan:
    """Maps of a view averaged over networks, scales and flips.

    ``pixel`` is on the grid of ``stride`` or of the networks' own, whichever
    is finer.
    """
    scans = [
        next(
            scanner.scan(
                network, [view], zoom=zoom, flips=flips and zoom == 1.0
            )
        )
        for network in networks
        for zoom in (1.0, *(z for z in zooms if z != 1.0))
    ]
    height, width = scans[0].pixel.shape[1:]
    finer = max(1, networks[0].stride // stride)
    return Scan(
        view,
        _mean([scan.pixel for scan in scans], (height * finer, width * finer)),
        _mean([scan.cells for scan in scans], scans[0].cells.shape[1:]),
        np.mean([scan.logits for scan in scans], axis=0),
    )


def _mean(maps: Sequence[FloatMap], size: tuple[int, ...]) -> FloatMap:
    """Of ``(K, h, w)`` maps of several sizes, on a grid of one size."""
    same = [
        resize(torch.from_numpy(each)[None], (size[0], size[1]))[0].numpy()
        for each in maps
    ]
    return np.asarray(np.mean(same, axis=0), np.float32)
