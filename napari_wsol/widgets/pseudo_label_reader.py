"""Opens pseudo-labels of a training run over the image they are of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from napari.utils.colormaps import DirectLabelColormap

from napari_wsol.errors import BadInputError
from napari_wsol.slides.opening import open_slide
from napari_wsol.training.pseudo_label_files import (
    SUFFIX,
    PseudoLabels,
    palette,
    read_pseudo_labels,
)
from napari_wsol.widgets.placement import map_placement
from napari_wsol.widgets.reader import dask_levels, layer_attributes

if TYPE_CHECKING:
    from napari.types import LayerData

__all__ = ['pseudo_label_layers']


def pseudo_label_layers(path: Path) -> list[LayerData]:
    """The image, where it is still there, and the labels over it.

    Without the image the labels lie in its level-0 pixels.

    Raises
    ------
    BadInputError
        Where the file holds no pseudo-labels.
    """
    labels = read_pseudo_labels(path)
    layers: list[LayerData] = []
    try:
        slide = open_slide(labels.image)
    except BadInputError:
        image = Image(np.zeros((1, 1)), axis_labels=('y', 'x'))
    else:
        image = Image(dask_levels(slide), **layer_attributes(slide))
        layers.append(image.as_layer_data_tuple())
    return [
        *layers,
        (labels.values, _attributes(path, labels, image), 'labels'),
    ]


def _attributes(
    path: Path, labels: PseudoLabels, image: Image
) -> dict[str, Any]:
    """What napari needs to know to show the labels over their image."""
    region = labels.region
    height, width = labels.values.shape
    meanings = ('unknown', *labels.names)
    colours = palette(len(labels.names))
    clear = np.zeros(4)
    return {
        'name': path.name.removesuffix(SUFFIX) + ' pseudo-labels',
        'opacity': 0.5,
        'colormap': DirectLabelColormap(
            color_dict={
                None: clear,
                **{i: np.array(rgba) / 255 for i, rgba in enumerate(colours)},
            }
        ),
        'features': {'index': range(len(meanings)), 'class': meanings},
        'metadata': {
            'napari_wsol': {
                'path': str(path),
                'image': str(labels.image),
                'classes': labels.names,
            }
        },
        **map_placement(
            image,
            (region.height / height, region.width / width),
            (region.y, region.x),
        ),
    }
