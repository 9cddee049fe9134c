"""What a run may have told, without one."""

from dataclasses import replace
from typing import Any

from napari_wsol.inference.settings import Prediction

_BARE = Prediction(
    image='made.png',
    store='',
    model='tiny',
    model_hash='abc',
    classes=('background', 'benign', 'malignant'),
    roi_classes=('benign', 'malignant'),
    class_probabilities=None,
    entropy_image=None,
    entropy_foreground=None,
    entropy_background=None,
    foreground_fraction=0.5,
    foreground_mm2=None,
    tissue_fraction=None,
    threshold=0.5,
    mpp=None,
    mpp_source='',
    model_mpp=None,
    step_y=1.0,
    step_x=1.0,
    origin_y=0.0,
    origin_x=0.0,
    device='cpu',
    precision='float32',
    seconds=0.0,
    megapixels=0.0,
)


def made_prediction(**changes: Any) -> Prediction:
    """Of made-up figures: those that may be missing are."""
    return replace(_BARE, **changes)
