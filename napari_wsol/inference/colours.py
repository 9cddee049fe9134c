"""The colours of classes, the same in pictures and in the viewer.

Those of Okabe and Ito, RGB in 0-255: told apart with every common kind of
colour blindness, and visible on H&E.
"""

from __future__ import annotations

CLASS_COLOURS = (
    (0, 158, 115),
    (230, 159, 0),
    (86, 180, 233),
    (213, 94, 0),
    (240, 228, 66),
    (0, 114, 178),
)
"""Of each class that has regions, in turn; they repeat after six."""

BACKGROUND_COLOUR = (0, 114, 178)
"""Where background is shown at all: what is known to hold no region."""

UNKNOWN_COLOUR = (128, 128, 128)
"""What nothing is known of."""
