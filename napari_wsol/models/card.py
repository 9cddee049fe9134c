"""The model card: everything about a model that is not a weight."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    model_validator,
)

CARD_VERSION = 1

MethodName = Literal[
    'cam',
    'min-max-entropy',
    'max-min-uncertainty',
    'negev',
    'pseudo-label',
    'self-taught',
]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra='forbid')


class Architecture(_Frozen):
    """What ``models.localizer.Localizer`` is built from."""

    encoder: str = Field(
        'tf_efficientnet_lite0', description='Name of a timm model.'
    )
    output_stride: Literal[8, 16, 32] = Field(
        32,
        description="Of the encoder's last map: less than its own 32 by "
        'dilated convolutions.',
    )
    encoder_head: bool = Field(
        False,
        description="Whether the last map goes through the encoder's own "
        'last convolution, where it has one.',
    )
    neck: Literal['none', 'map', 'pyramid', 'unet', 'deeplabv3plus'] = Field(
        'pyramid',
        description='Where the localizer reads: the last map, that at '
        '`stride`, or a light pyramid or the decoder of a U-Net or '
        'DeepLabV3+ down to `stride`.',
    )
    stride: int = Field(8, description='Input pixels per map pixel.')
    channels: int = Field(
        64,
        ge=1,
        description='Width of the pyramid; the deepest block of the U-Net '
        'and all of DeepLabV3+ are four times as wide.',
    )
    atrous_rates: tuple[PositiveInt, PositiveInt, PositiveInt] = Field(
        (12, 24, 36),
        description="Of DeepLabV3+, in cells of the encoder's last map.",
    )
    modalities: int = Field(5, ge=1, description='WILDCAT maps per class.')
    pixel_head: Literal['class-maps', 'softmax'] = Field(
        'class-maps',
        description="Where the pixel's probability comes from: the "
        "localizer's normalised class maps, or pixel logits.",
    )
    pooling: Literal['gap', 'max', 'lse', 'wildcat', 'attention'] = 'wildcat'
    attention_gate: bool = Field(
        False, description='Gated attention, with pooling by attention.'
    )
    kmax: float = Field(0.3, gt=0)
    kmin: float = Field(0.0, ge=0)
    alpha: float = 0.6
    dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description='Share of the features hidden from the class-map heads '
        'in training.',
    )
    sharpness: float = Field(5.0, description='w of sigmoid(w (m - sigma)).')
    classifier_scale: float = Field(
        0.8, gt=0, le=1, description='Size of the masked images it is shown.'
    )


class Normalization(_Frozen):
    """Input normalisation, ``(pixel / 255 - mean) / std`` per channel."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class TrainingRecord(_Frozen):
    """What the model learned from, enough to do it again."""

    data: str = Field(description='Name of the data set and of its split.')
    labels: str = Field('', description='Kind and number of labels used.')
    licence: str = Field('', description='Licence of the data.')
    attribution: str = ''
    data_hash: str = ''
    recipe: dict[str, Any] = Field(default_factory=dict)
    seed: int = 0
    versions: dict[str, str] = Field(default_factory=dict)


class ModelCard(_Frozen):
    """The content of a model folder's ``config.json``."""

    format_version: Literal[1] = 1
    name: str = Field(pattern=r'^[A-Za-z0-9][A-Za-z0-9._-]*$')
    title: str
    finds: str = Field(description='What it marks, in plain words.')
    tissue: str = Field(description='In which tissue and stain.')
    method: MethodName
    architecture: Architecture = Architecture()
    classes: tuple[str, ...] = Field(min_length=2)
    negative_class: str | None = Field(
        None, description='The class without any region of interest.'
    )
    mpp: float | None = Field(
        None, gt=0, description='µm per pixel it was trained at.'
    )
    tile: int = Field(1024, gt=0, description='Side of a tile, working px.')
    halo: int = Field(192, ge=0, description='Context around a tile, in px.')
    normalization: Normalization
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    pixel_temperature: float = Field(1.0, gt=0)
    image_temperature: float = Field(1.0, gt=0)
    training: TrainingRecord
    metrics: dict[str, dict[str, float]] = Field(
        default_factory=dict, description='Data set -> figure -> value.'
    )
    limits: tuple[str, ...] = ()
    licence: str = ''
    parent: str | None = Field(None, description="Parent's weights hash.")
    sha256: str = Field('', description='Of model.safetensors.')

    @model_validator(mode='after')
    def _negative_class_is_a_class(self) -> ModelCard:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f'classes repeat: {self.classes}')
        if self.negative_class not in (None, *self.classes):
            raise ValueError(
                f'negative_class {self.negative_class!r} is not one of '
                f'{self.classes}'
            )
        return self

    @property
    def roi_classes(self) -> tuple[str, ...]:
        """The classes whose images hold a region of interest."""
        return tuple(c for c in self.classes if c != self.negative_class)
