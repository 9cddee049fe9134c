"""The colours of classes, the same in pictures and in the viewer."""

from __future__ import annotations

CLASS_COLOURS = (
    (0, 158, 115),
    (230, 159, 0),
    (86, 180, 233),
    (213, 94, 0),
    (240, 228, 66),
    (0, 114, 178),
)
"""RGB in 0-255, by Okabe and Ito: told apart with every common kind of colour
blindness, and visible on H&E."""
