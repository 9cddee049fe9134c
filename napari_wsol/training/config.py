"""What a training run is to do, resolved to the last number."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from napari_wsol.models.card import MethodName


class TrainingConfig(BaseModel):
    """Settings of one run; every loss weight has a name here."""

    model_config = ConfigDict(frozen=True, extra='forbid')

    method: MethodName = 'self-taught'
    negative_class: str | None = None
    classes: tuple[str, ...] | None = Field(
        None,
        description='All that the model shall tell apart, where it learns '
        'from a parent that knows more than is labelled; None: the labels.',
    )
    name: str = 'my-model'
    title: str = ''
    finds: str = ''
    tissue: str = ''

    encoder: str = 'tf_efficientnet_lite0'
    encoder_head: bool = Field(
        True, description="With the encoder's own last convolution."
    )
    weights: Literal['imagenet', 'random'] = Field(
        'imagenet', description='What the encoder starts from.'
    )
    stride: int = 8
    channels: int = 64
    modalities: int = 5
    pooling: Literal['gap', 'max', 'lse', 'wildcat', 'attention'] = 'wildcat'
    attention_gate: bool = False
    atrous_rates: tuple[PositiveInt, PositiveInt, PositiveInt] = (12, 24, 36)
    kmax: float = Field(0.3, gt=0)
    kmin: float = Field(0.0, ge=0)
    alpha: float = 0.6
    dropout: float = Field(0.0, ge=0, lt=1)
    sharpness: float = 5.0
    classifier_scale: float = Field(0.8, gt=0, le=1)

    mpp: float | None = Field(
        None,
        gt=0,
        description='Working µm per px; None: 1 where it is known.',
    )
    data_mpp: float | None = Field(
        None, gt=0, description='µm per px of images that state none.'
    )
    crop: int = Field(
        192, multiple_of=32, description='Side of a crop, in working px.'
    )
    margin: int = Field(
        64,
        ge=0,
        multiple_of=32,
        description='Context along each side of a crop, in working px.',
    )
    scale_jitter: float = Field(1.25, ge=1)
    stain_jitter: float = Field(0.2, ge=0)
    light_jitter: float = Field(0.15, ge=0)
    balance: float = Field(0.5, ge=0, le=1)

    epochs: int = Field(18, ge=1)
    draws: int | None = Field(
        None, ge=1, description='Crops per epoch; None: one per image.'
    )
    batch: int = Field(8, ge=1)
    learning_rate_encoder: float = 1e-4
    learning_rate_heads: float = 1e-3
    weight_decay: float = 1e-2
    warmup_steps: int = 10
    gradient_norm: float = 5.0

    optimizer: Literal['adamw', 'sgd'] = Field(
        'adamw', description='sgd: momentum 0.9, Nesterov, as in the papers.'
    )
    schedule: Literal['cosine', 'step', 'constant'] = Field(
        'cosine', description='How the learning rates fall after the warm-up.'
    )
    step_epochs: int = Field(
        100, ge=1, description='Epochs between the drops of schedule "step".'
    )
    step_factor: float = Field(
        0.1, gt=0, le=1, description='What each drop multiplies the rates by.'
    )
    rate_floor: float = Field(
        0.0, ge=0, le=1, description='Share of the rates that always stays.'
    )
    accumulate: int = Field(
        1, ge=1, description='Batches whose gradients make one step.'
    )
    layer_decay: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Rate of an encoder's stage over that of the next deeper.",
    )
    freeze_encoder: int | bool = Field(
        0,
        ge=0,
        description='First epochs in which the encoder does not learn; '
        'true: all.',
    )
    cached_versions: int = Field(
        0,
        ge=0,
        description='Augmented versions per image whose features are kept on '
        'disk where the encoder never learns; 0: always new ones.',
    )
    ema: float = Field(
        0.0,
        ge=0,
        lt=1,
        description='Decay of the moving average of the weights that is '
        'validated and saved in their place; 0: the weights themselves.',
    )
    validate_every: int = Field(
        3,
        ge=1,
        description='Epochs from one look at the validation images to the '
        'next; the last epoch always has one.',
    )
    patience: int | None = Field(
        None,
        ge=1,
        description='Epochs without a better validation error before a stage '
        'ends early.',
    )
    checkpoint: Literal['best', 'last'] = Field(
        'best', description='Which weights a stage hands on.'
    )
    devices: int | Literal['auto'] = Field(
        'auto',
        description='Processes that train together, as torchrun starts them.',
    )

    uncertainty: Literal['surrogate', 'explicit'] = 'surrogate'
    foreground_weight: float = Field(1.0, ge=0)
    background_weight: float = 1e-7
    pixel_weight: float = 1.0
    field_weight: float = 1.0
    barrier_start: float = 5.0
    area_target: tuple[float, float] | None = Field(
        None, description='Least and most share of an image that is ROI.'
    )
    detach_background: bool = False
    erasings: int = Field(4, ge=0, description='Passes of min-max-entropy.')
    erasing_decay: float = 10.0
    erase_from: int = 1
    map_from: Literal['class-map', 'max-min-uncertainty', 'contrast'] = Field(
        'max-min-uncertainty',
        description='Whose map negev draws its seeds from, and pseudo-label '
        "its labels: the classifier's class map, as published, that of a "
        "max-min localizer, or (negev only) of the tissue's main contrast.",
    )
    seeds: int = Field(1, ge=1, description='Seeds per image and region.')
    seed_size: int = Field(3, ge=1, description='Side of a seed, in px.')
    seed_weight: float = 1.0
    size_weight: float = 0.0
    affinity_weight: float = 0.0
    affinity_colour: float = 0.3
    easy_weighting: bool = True
    masked_weight: float = 0.0

    guided: bool | None = Field(
        None,
        description="Whether a map of the tissue's main contrast shows the "
        'localizers of max-min uncertainty and min-max entropy where to '
        'begin; null: unless whole images are '
        'fully negative, or only fields are labelled. Published: false.',
    )
    teacher: Literal['contrast', 'max-min-uncertainty', 'parent'] = Field(
        'max-min-uncertainty',
        description='Whose map the first student learns from: that of a '
        "max-min localizer, of the tissue's main contrast, or of the model "
        'that the run starts from.',
    )
    students_from: Literal['imagenet', 'parent'] = Field(
        'parent',
        description='What the students of a parent start from: a network that '
        "never saw the parent's maps corrects them, its own has learned them "
        'already. From the parent in any case where it knows classes that no '
        'label names.',
    )
    contrast_stride: int = 16
    rounds: int = Field(3, ge=0, description='Students, one after the other.')
    student_epochs: int = Field(15, ge=1)
    student_stride: int = 4
    student_margin: int = Field(
        32, ge=0, multiple_of=32, description='Context of their crops.'
    )
    averaged_views: bool = Field(
        True,
        description="Average a teacher's maps over three scales and flips.",
    )
    keep_wrong: bool = Field(
        False,
        description='Make pseudo-labels also of images that are classified '
        'wrongly.',
    )
    bands: Literal['auto', 'rank', 'pooled', 'confidence', 'stretched'] = (
        Field(
            'auto',
            description='What makes a pixel sure to self-taught: its rank '
            "among its image's or all pixels, its probability, or that "
            'stretched in each image. By default the rank in the first '
            'ranked_rounds, then that among all.',
        )
    )
    ranked_rounds: int = Field(
        0, ge=0, description="Rounds that go by ranks in one image's map."
    )
    foreground_rank: float = Field(
        0.15, gt=0, lt=1, description='Share of pixels taken as sure ROI.'
    )
    background_rank: float = Field(
        0.15, gt=0, lt=1, description='Share taken as sure background.'
    )
    foreground_pooled: float = Field(
        0.8, gt=0, lt=1, description="Of all images' pixels above the turn."
    )
    background_pooled: float = Field(
        0.8, gt=0, lt=1, description='Of those below it.'
    )
    roi_share: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="Share of the images' tissue that is taken to be ROI "
        'where neither fields nor a parent tell: of pseudo-labels and of the '
        "model's mask.",
    )
    foreground_confidence: float = Field(
        0.7, gt=0, lt=1, description='From which value on it is sure ROI.'
    )
    background_confidence: float = Field(
        0.3, gt=0, lt=1, description='And up to which background.'
    )

    validation_share: float = Field(0.2, gt=0, lt=1)
    seed: int = 0
    device: Literal['auto', 'cuda', 'mps', 'cpu'] = 'auto'
    precision: Literal['auto', 'float32', 'bfloat16'] = 'auto'
    threads: int | None = None
