"""Images whose value at every place is known."""

import numpy as np
import numpy.typing as npt

RGB = npt.NDArray[np.uint8]


def ramp_at(y: npt.ArrayLike, x: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Red rises by 1 per row, green by 1 per column, blue falls by both."""
    down, across = np.broadcast_arrays(np.asarray(y)[:, None], np.asarray(x))
    return np.stack([down, across, 250 - (down + across) / 2], axis=-1)


def ramp_image(height: int, width: int, times: float = 1) -> RGB:
    """The ramp on a level whose pixels are ``times`` level-0 pixels."""
    y, x = (np.arange(height) + 0.5) * times, (np.arange(width) + 0.5) * times
    return np.rint(ramp_at(y, x)).astype(np.uint8)
