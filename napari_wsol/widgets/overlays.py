"""The layers of a result: mask, ROI probability and pixel entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import napari
import numpy as np
import zarr

import napari_wsol
from napari_wsol.inference.settings import Prediction
from napari_wsol.widgets.maps import ResultMaps, mask_levels
from napari_wsol.widgets.palette import map_colormap, mask_colormap
from napari_wsol.widgets.placement import map_placement

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.viewer import Viewer

__all__ = [
    'METADATA',
    'ROLES',
    'Overlays',
    'image_of',
    'is_over',
    'is_overlay',
    'note_of',
]

METADATA = 'napari_wsol'
"""Key of what the plugin writes into a layer's metadata."""

ROLES = {
    'probability': 'ROI probability',
    'entropy': 'Pixel entropy',
    'mask': 'Mask',
}
"""Role of each layer -> how its name begins, from bottom to top."""

_KEPT = ('visible', 'opacity', 'blending', 'colormap', 'name')


def is_overlay(layer: Layer) -> bool:
    """Whether a layer is a result of this plugin, not an image to work on."""
    return 'role' in layer.metadata.get(METADATA, {})


def note_of(role: str, image: Image, **more: Any) -> dict[str, Any]:
    """Metadata of a layer that belongs to an image.

    Parameters
    ----------
    role
        What the layer is to the image.
    more
        What else is noted of it.
    """
    ties = {'role': role, 'source_id': str(image.unique_id)}
    return {METADATA: {**more, **ties}}


def is_over(layer: Layer, image: Image) -> bool:
    """Whether a layer belongs to an image."""
    return is_overlay(layer) and (
        layer.metadata[METADATA].get('source_id') == str(image.unique_id)
    )


def image_of(viewer: Viewer, layer: Layer | None) -> Layer | None:
    """The image that a layer belongs to; else the layer itself.

    None where that image was removed.
    """
    if layer is None or not is_overlay(layer):
        return layer
    return next((each for each in viewer.layers if is_over(layer, each)), None)


class Overlays:
    """Mask, probability and entropy of one result over its image.

    Layers that an earlier run made for the same image are used again, with
    the user's visibility, opacity and colours.

    Parameters
    ----------
    viewer
        Where the layers are, or go.
    source
        The image layer that the result is of.
    result, maps
        What was found.
    settings
        Of the run, for the layers' metadata.
    """

    def __init__(
        self,
        viewer: Viewer,
        source: Image,
        result: Prediction,
        maps: ResultMaps,
        settings: dict[str, Any],
    ) -> None:
        self._viewer = viewer
        self._source = source
        self._maps = maps
        self.threshold = result.threshold
        self.labels = mask_labels(result, maps)
        provenance = _provenance(result, source, settings)
        place = map_placement(
            source,
            (result.step_y, result.step_x),
            (result.origin_y, result.origin_x),
        )
        selection = set(viewer.layers.selection)
        data = {
            'probability': maps.probability,
            'entropy': maps.entropy,
            'mask': mask_levels(maps, result.threshold),
        }
        for role, levels in data.items():
            layer = self._put(role, levels, place)
            layer.metadata = note_of(role, source, **provenance)
        mask = self.layer('mask')
        mask.colormap = mask_colormap(len(self.labels))
        mask.editable = False
        viewer.layers.selection = selection & set(viewer.layers)

    def layer(self, role: str) -> Layer | None:
        """The layer with a role, None where the user removed it."""
        return next(
            (
                layer
                for layer in self._viewer.layers
                if is_over(layer, self._source)
                and layer.metadata[METADATA]['role'] == role
            ),
            None,
        )

    def set_threshold(self, threshold: float) -> None:
        """Mark where the ROI probability reaches a threshold."""
        self.threshold = threshold
        mask = self.layer('mask')
        if mask is None:
            return
        mask.data = _layer_data(mask_levels(self._maps, threshold))
        mask.metadata[METADATA]['threshold'] = threshold

    def refresh(self) -> None:
        """Show what was written since; only what is in view is read."""
        for role in ROLES:
            layer = self.layer(role)
            if layer is not None and layer.visible:
                layer.refresh(thumbnail=False, highlight=False, extent=False)

    def _put(
        self, role: str, levels: tuple[Any, ...], place: dict[str, Any]
    ) -> Layer:
        """Show a map in the layer of its role, a new one if need be."""
        layer = self.layer(role)
        if layer is not None and layer.multiscale == (len(levels) > 1):
            layer.data = _layer_data(levels)
            for name, value in place.items():
                setattr(layer, name, value)
            return layer
        options = {
            'name': f'{ROLES[role]}: {self._source.name}',
            'visible': role == 'mask',
            **_looks(role),
        }
        index = len(self._viewer.layers)
        if layer is None:
            index = self._viewer.layers.index(self._source) + 1
            index += sum(self.layer(lower) is not None for lower in ROLES)
        else:
            index = self._viewer.layers.index(layer)
            options |= {name: getattr(layer, name) for name in _KEPT}
            self._viewer.layers.remove(layer)
        kind = napari.layers.Labels if role == 'mask' else napari.layers.Image
        layer = kind(
            _layer_data(levels),
            multiscale=len(levels) > 1,
            metadata={},
            **options,
            **place,
        )
        self._viewer.layers.insert(index, layer)
        return layer


def _looks(role: str) -> dict[str, Any]:
    """How a layer looks before the user changes it."""
    if role == 'mask':
        return {'opacity': 0.45}
    return {
        'colormap': map_colormap(role),
        'contrast_limits': (0.0, 1.0),
        'opacity': 0.7,
        'blending': 'translucent',
        'interpolation2d': 'linear',
    }


def mask_labels(result: Prediction, maps: ResultMaps) -> tuple[str, ...]:
    """What the mask's values mean, from 1 on."""
    if maps.classes is None and len(result.roi_classes) > 1:
        return ('region of interest',)
    return result.roi_classes


def _layer_data(levels: tuple[Any, ...]) -> Any:
    return list(levels) if len(levels) > 1 else levels[0]


def _provenance(
    result: Prediction, source: Image, settings: dict[str, Any]
) -> dict[str, Any]:
    """What must be known to make the same result again."""
    return {
        'source_layer': source.name,
        'model': result.model,
        'model_hash': result.model_hash,
        'mpp': result.mpp,
        'mpp_source': result.mpp_source,
        'model_mpp': result.model_mpp,
        'threshold': result.threshold,
        'classes': result.classes,
        'roi_classes': result.roi_classes,
        'device': result.device,
        'precision': result.precision,
        'settings': settings,
        'versions': {
            'napari-wsol': napari_wsol.__version__,
            'napari': napari.__version__,
            'numpy': np.__version__,
            'zarr': zarr.__version__,
        },
    }
