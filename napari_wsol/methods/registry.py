"""Methods by name."""

from __future__ import annotations

from napari_wsol.errors import BadInputError
from napari_wsol.methods.cam import ClassActivation
from napari_wsol.methods.max_min_uncertainty import MaxMinUncertainty
from napari_wsol.methods.method import Method

TRAINABLE = ('cam', 'max-min-uncertainty')


def create_method(
    name: str,
    *,
    uncertainty: str = 'surrogate',
    background_weight: float = 1e-7,
    barrier_start: float = 5.0,
    pixel_weight: float = 1.0,
    detach_background: bool = False,
) -> Method:
    """The method of that name with its settings.

    Raises
    ------
    BadInputError
        Where the method cannot be trained by this version.
    """
    if name == 'cam':
        return ClassActivation()
    if name == 'max-min-uncertainty':
        return MaxMinUncertainty(
            uncertainty=(
                'explicit' if uncertainty == 'explicit' else 'surrogate'
            ),
            background_weight=background_weight,
            barrier_start=barrier_start,
            pixel_weight=pixel_weight,
            detach_background=detach_background,
        )
    raise BadInputError(
        f'The method "{name}" cannot be trained by this version. Choose one '
        f'of: {", ".join(TRAINABLE)}.'
    )
