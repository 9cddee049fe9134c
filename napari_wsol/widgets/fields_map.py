"""The likeliest class of each field, as a layer over its image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap

from napari_wsol.inference.colours import UNKNOWN_COLOUR
from napari_wsol.inference.fields import FieldLattice, FieldTable
from napari_wsol.inference.fields_csv import class_names, figures
from napari_wsol.widgets.overlays import METADATA, is_over, note_of
from napari_wsol.widgets.palette import class_color
from napari_wsol.widgets.placement import map_placement
from napari_wsol.widgets.wording import plain_class

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

__all__ = ['field_labels', 'fields_layer', 'show_fields']

ROLE = 'field classes'
NAME = 'Field classes'

MOST_PIXELS = 2**18
"""Of the layer; a slide with more cells is shown more coarsely."""

_GREY = (*(part / 255 for part in UNKNOWN_COLOUR), 0.5)
"""Of the class that has no regions: looked at, and nothing expected."""


def fields_layer(viewer: Viewer, image: Image) -> Labels | None:
    """The layer with the fields of an image, None where there is none."""
    return next(
        (
            layer
            for layer in viewer.layers
            if is_over(layer, image)
            and layer.metadata[METADATA]['role'] == ROLE
        ),
        None,
    )


def show_fields(
    viewer: Viewer, source: Image, table: FieldTable | None
) -> Labels | None:
    """Put the fields of a result over its image, hidden until asked for.

    The colour is that of the likeliest class; hovering over the selected
    layer tells the figures of a field. They are those of the run: moving the
    threshold does not change them. A layer that an earlier run made for the
    same image is used again, as visible and as opaque as it was; where there
    are no fields now, it goes.

    Parameters
    ----------
    source
        The image layer that the result is of.
    table
        None or empty where there are no fields.
    """
    layer = fields_layer(viewer, source)
    if table is None or not len(table):
        if layer is not None:
            viewer.layers.remove(layer)
        return None
    pixel = pixel_side(table.lattice)
    step = pixel * table.lattice.step_y, pixel * table.lattice.step_x
    content: dict[str, Any] = {
        'features': _features(table),
        'colormap': _colormap(table),
        'metadata': note_of(ROLE, source, classes=table.classes),
        **map_placement(source, step, (0, 0)),
    }
    labels = field_labels(table, pixel)
    if layer is not None:
        layer.data = labels
        for name, value in content.items():
            setattr(layer, name, value)
        layer.editable = False
        return layer
    layer = Labels(
        labels,
        name=f'{NAME}: {source.name}',
        visible=False,
        opacity=0.35,
        **content,
    )
    layer.editable = False
    selection = set(viewer.layers.selection)
    viewer.layers.insert(viewer.layers.index(source) + 1, layer)
    viewer.layers.selection = selection & set(viewer.layers)
    return layer


def pixel_side(lattice: FieldLattice) -> int:
    """Side of a pixel of the layer in cells; it divides a field's.

    One cell, so that fields end where the image does (to a cell, as the maps
    do), as long as the layer stays small.
    """
    common = int(np.gcd(lattice.side_y, lattice.side_x))
    sides = [side for side in range(1, common + 1) if common % side == 0]
    for side in sides:
        if -(-lattice.height // side) * -(-lattice.width // side) <= (
            MOST_PIXELS
        ):
            return side
    return sides[-1]


def field_labels(table: FieldTable, pixel: int = 1) -> npt.NDArray[np.int32]:
    """The label of each field, ``(h, w)``; 0 where there is none.

    Label ``1 + class + C * n`` is the n-th field's: a colour cycle of C
    colours then shows the class, and needs no colour of its own for each
    field.

    Parameters
    ----------
    pixel
        Cells along each side of a pixel.
    """
    lattice = table.lattice
    labels = np.zeros((lattice.rows, lattice.cols), np.int32)
    labels[table.row, table.col] = _labels(table)
    rows = lattice.row_of(np.arange(0, lattice.height, pixel))
    cols = lattice.col_of(np.arange(0, lattice.width, pixel))
    return labels[np.ix_(rows, cols)]


def _labels(table: FieldTable) -> npt.NDArray[np.int64]:
    return 1 + table.likeliest + len(table.classes) * np.arange(len(table))


def _features(table: FieldTable) -> pd.DataFrame:
    """Of each label, its class and figures, rounded to be read."""
    columns = {
        name: np.round(values, 6 if 'mm' in name else 3)
        for name, values in figures(table).items()
    }
    names = [plain_class(name) for name in class_names(table)]
    return pd.DataFrame(
        {'index': _labels(table), 'Class': names, **columns}, copy=False
    )


def _colormap(table: FieldTable) -> CyclicLabelColormap:
    """Clear, then the colour of each class."""
    colors = [(0, 0, 0, 0)]
    for name in table.classes:
        if name in table.roi_classes:
            index = table.roi_classes.index(name)
            colors.append((*class_color(index), 1))
        else:
            colors.append(_GREY)
    return CyclicLabelColormap(
        colors=np.array(colors, np.float32), background_value=0
    )
