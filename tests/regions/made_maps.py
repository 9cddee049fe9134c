"""Small maps in zarr arrays in memory, and their regions."""

import numpy as np
import zarr
from skimage.measure import label

from napari_wsol.regions.extraction import extract
from napari_wsol.regions.region import Frame
from napari_wsol.regions.stored import Maps

FRAME = Frame(2.0, 4.0, 10.0, 20.0, 0.25, 0.5)


def made_maps(probability, entropy=None, classes=None, chunk=(8, 8)):
    """Maps of plain arrays, cut into chunks."""

    def stored(values):
        values = np.asarray(values, np.float32)
        array = zarr.create_array(
            store={},
            shape=values.shape,
            chunks=(*values.shape[:-2], *chunk),
            dtype='float32',
        )
        array[...] = values
        return array

    if entropy is None:
        entropy = np.zeros_like(probability)
    return Maps(
        stored(probability),
        stored(entropy),
        None if classes is None else stored(classes),
    )


def finished(generator):
    """What a generator returns, and what it yielded on the way."""
    events = []
    while True:
        try:
            events.append(next(generator))
        except StopIteration as stop:
            return stop.value, events


def regions_of(mask, chunk=(64, 64), frame=FRAME):
    """Table and outlines of a mask that is cut into chunks."""
    maps = made_maps(np.asarray(mask, np.float32), chunk=chunk)
    made, _ = finished(extract(maps, 0.5, frame, ('gland',), side=1))
    return made


def labelled(mask):
    """scikit-image's regions of a whole mask."""
    return label(mask, connectivity=1)
