"""Regions of small arrays."""

import numpy as np
from made_maps import finished, made_maps

from napari_wsol.regions.extraction import extract
from napari_wsol.regions.region import COLUMNS, Frame, RegionTable


def table_of(frame=None, roi_classes=('gland',), **columns):
    """A table with some columns stated, the others NaN or 0."""
    count = len(next(iter(columns.values())))
    integers = ('number', 'top', 'left', 'bottom', 'right', 'pixels')
    told = {
        name: np.zeros(count, np.int64)
        if name in (*integers, 'roi_class')
        else np.full(count, np.nan)
        for name in COLUMNS
    }
    told['number'] = np.arange(1, count + 1)
    told['pixels'] = np.ones(count, np.int64)
    for name, values in columns.items():
        told[name] = np.asarray(values, told[name].dtype)
    return RegionTable(
        **told, frame=frame or Frame(1.0, 1.0), roi_classes=roi_classes
    )


def regions_of(probability, threshold, frame=None):
    """The regions of a small map."""
    found, _ = finished(
        extract(
            made_maps(np.asarray(probability)),
            threshold,
            frame or Frame(1.0, 1.0),
            ('gland',),
        )
    )
    return found
