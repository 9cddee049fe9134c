"""What is said to the pathologist: sentences about results and work."""

from __future__ import annotations

import math

from napari_wsol.inference.settings import Prediction, Progress
from napari_wsol.models.card import ModelCard

__all__ = [
    'describe_answer',
    'describe_area',
    'describe_card',
    'describe_duration',
    'describe_entropies',
    'describe_fields',
    'describe_progress',
    'plain_class',
    'tells_nothing',
]

UNSURE = 0.6
"""Image entropy from which an answer counts as unsure."""

KNOWS_NOTHING = 0.5
"""Entropy below which what is left unmarked still looks like something."""

HARDLY_ANY = 0.001
"""Marked fraction below which the mask counts as empty."""


def plain_class(name: str) -> str:
    """A class's name as a word: ``'high_grade_in'`` -> ``'high grade in'``."""
    return name.replace('_', ' ')


def describe_answer(result: Prediction) -> str:
    """The most probable class of the image, with its probability."""
    answer = _most_probable(result, result.class_probabilities)
    if answer is None:
        return 'The image was not classified.'
    name, probability = answer
    return f'{plain_class(name).capitalize()}, {probability:.0%}'


def describe_entropies(result: Prediction) -> str:
    """One sentence on what the three image entropies mean for this image.

    Entropy is 0 for a certain answer and 1 where the model knows nothing.
    The first doubt that applies is told; figures are cited.
    """
    image = result.entropy_image
    marked = result.entropy_foreground
    rest = result.entropy_background
    answer = _most_probable(result, result.class_probabilities)
    if image is None or answer is None:
        return 'The image was not classified: no certainty to tell.'
    name = plain_class(answer[0])
    expects_region = answer[0] in result.roi_classes
    if image >= UNSURE:
        return (
            f'The model is unsure about this image (uncertainty {image:.2f} '
            'of 1): take its answer and its mask as a hint only.'
        )
    if tells_nothing(result):
        if expects_region:
            return (
                f'The answer is {name} ({answer[1]:.0%}), yet nothing is '
                'marked: lower the threshold to see what nearly was.'
            )
        return (
            'Nothing is marked, and the model is sure of its answer '
            f'(uncertainty {image:.2f} of 1).'
        )
    if not expects_region:
        return (
            f'The answer for the image is {name} ({answer[1]:.0%}), so what '
            'is marked may be a false alarm.'
        )
    if marked is not None and marked >= UNSURE:
        return (
            'The marked region alone does not bring the model to its answer '
            f'(uncertainty {marked:.2f} of 1): the mask may be in the wrong '
            'place or too small.'
        )
    if marked is None or rest is None:
        return f'The model is sure of its answer ({image:.2f} of 1).'
    explained = (
        'The marked region explains the answer: alone it leaves little doubt '
        f'(uncertainty {marked:.2f} of 1), and without it the model'
    )
    if rest >= KNOWS_NOTHING:
        return f'{explained} knows little ({rest:.2f}).'
    left = _most_probable(result, result.background_probabilities)
    if left is None:
        return (
            'Without the marked region the model still gives a definite '
            f'answer (uncertainty {rest:.2f} of 1): the mask may be missing '
            'something.'
        )
    if left[0] in result.roi_classes:
        return (
            'Without the marked region the image still looks '
            f'{plain_class(left[0])} to the model ({left[1]:.0%}): the mask '
            'may be missing something.'
        )
    return f'{explained} sees {plain_class(left[0])} ({left[1]:.0%}).'


def describe_fields(result: Prediction) -> str:
    """What the top fields of a slide say of each class that has regions.

    Empty where there are fewer than two fields: the image's answer is then
    all there is.
    """
    top = result.top_probabilities
    if top is None or result.n_fields < 2:
        return ''
    likely = sorted(
        (
            (probability, plain_class(name))
            for name, probability in zip(result.classes, top, strict=True)
            if name in result.roi_classes
        ),
        reverse=True,
    )
    classes = ', '.join(f'{name} {each:.0%}' for each, name in likely)
    count = result.n_top_fields
    top_fields = 'Top field' if count == 1 else f'Top {count} fields'
    return f'{top_fields} of {result.n_fields}: {classes}.'


def _most_probable(
    result: Prediction, probabilities: tuple[float, ...] | None
) -> tuple[str, float] | None:
    """The class of the highest probability, and that; None where unknown."""
    if probabilities is None:
        return None
    best = max(range(len(probabilities)), key=probabilities.__getitem__)
    return result.classes[best], probabilities[best]


def tells_nothing(result: Prediction) -> bool:
    """Whether the mask is empty, or as good as."""
    return result.foreground_fraction < HARDLY_ANY


def describe_area(fraction: float, mm2: float | None) -> str:
    """The marked area in percent and mm².

    Parameters
    ----------
    fraction
        Of the area that was looked at, 0-1.
    mm2
        None where the pixel size is not known.
    """
    percent = f'{fraction:.1%}'
    if mm2 is None:
        return f'{percent} of the area (pixel size not known)'
    return f'{_area(mm2)} mm² ({percent} of the area looked at)'


def _area(mm2: float) -> str:
    """Three significant figures without an exponent."""
    if mm2 <= 0:
        return '0'
    digits = max(0, 2 - math.floor(math.log10(mm2)))
    return f'{mm2:.{min(digits, 6)}f}'


def describe_progress(progress: Progress) -> str:
    """Speed and time left, and what is being done where it was said."""
    parts = []
    if progress.message:
        parts.append(progress.message.rstrip('.'))
    if progress.rate > 0:
        unit = {'megapixels': 'MP'}.get(progress.unit, progress.unit)
        parts.append(f'{progress.rate:.3g} {unit}/s')
        if math.isfinite(progress.seconds_left):
            parts.append(f'{describe_duration(progress.seconds_left)} left')
    return ' · '.join(parts) or 'Working...'


def describe_duration(seconds: float) -> str:
    """A time span in the coarsest unit that still tells something."""
    if seconds < 1:
        return 'under a second'
    if seconds < 90:
        return f'{seconds:.0f} s'
    minutes = round(seconds / 60)
    if minutes < 90:
        return f'{minutes} min'
    return f'{minutes // 60} h {minutes % 60:02d} min'


def describe_card(card: ModelCard) -> tuple[tuple[str, str], ...]:
    """A model card in plain words: pairs of heading and text."""
    classes = ', '.join(plain_class(name) for name in card.classes)
    if card.negative_class is not None:
        classes += (
            f' ("{plain_class(card.negative_class)}" has nothing to mark)'
        )
    learned = card.training.data
    if card.training.labels:
        learned += f'; {card.training.labels}'
    licence = card.licence or 'not stated'
    if card.training.attribution:
        licence += f' ({card.training.attribution})'
    rows = (
        ('Finds', card.finds),
        ('Tissue', card.tissue),
        (
            'Works at',
            f'{card.mpp:g} µm per pixel; images are resampled to it'
            if card.mpp
            else 'any pixel size',
        ),
        ('Tells apart', classes),
        ('Learned from', learned),
        ('Licence', licence),
        ('Limits', ' '.join(card.limits)),
    )
    return tuple((heading, text) for heading, text in rows if text)
