"""Why a region was marked, in sentences."""

from __future__ import annotations

from napari_wsol.inference.explanation import Curves, Explanation, PartSeen
from napari_wsol.widgets.wording import UNSURE, plain_class

__all__ = [
    'KINDS',
    'describe_curves',
    'describe_nearest',
    'describe_parts',
]

KINDS = {
    'cam': 'Class map',
    'grad-cam': 'Grad-CAM',
    'grad-cam++': 'Grad-CAM++',
    'layer-cam': 'LayerCAM',
}
"""Evidence maps by key, as they are called."""

HARDLY = 0.1
"""Change of a probability that does not count."""

FOLLOWS = 0.05
"""Area between a curve and its baseline from which on they differ."""


def describe_parts(found: Explanation) -> str:
    """What the classifier says around a region, without it, and of it alone.

    Probabilities are cited; the first sentence is about the crop.
    """
    name, probability = _likeliest(found, found.whole)
    said = [
        f'The area around the region is taken for {name}, {probability:.0%}.',
        _without(found, name, probability),
    ]
    alone, surety = _likeliest(found, found.alone)
    doubt = ', with much doubt' if found.alone.entropy >= UNSURE else ''
    said.append(f'The region alone is taken for {alone}, {surety:.0%}{doubt}.')
    if name == plain_class(found.negative_class or ''):
        said.append(
            'So only the localizer sees something here, not the classifier.'
        )
    if not found.is_whole:
        said.append('The region is large: only a part of it was looked at.')
    return ' '.join(said)


def describe_curves(curves: Curves, target: str) -> str:
    """Whether the answer follows what the localizer marks.

    Parameters
    ----------
    target
        The class that the curves are about.
    """
    name = plain_class(target)
    goes = curves.random_area - curves.deletion_area > FOLLOWS
    comes = curves.insertion_area - curves.random_area > FOLLOWS
    if goes and comes:
        return (
            f'What is marked here is what speaks for {name}: the answer goes '
            'with it and comes with it.'
        )
    if comes:
        return (
            f'What is marked here speaks for {name}, but so does the rest: '
            'hiding the marks changes no more than hiding random blocks.'
        )
    if goes:
        return (
            f'Without what is marked here little speaks for {name}, but it '
            'does not bring that answer by itself.'
        )
    return (
        f'What is marked here speaks for {name} no more than random blocks '
        'do: the classifier looks at something else.'
    )


def describe_nearest(found: Explanation, has_project: bool) -> str:
    """What the labelled fields below were chosen from, or why none is there.

    Parameters
    ----------
    has_project
        Whether a project is open.
    """
    if not has_project:
        return (
            'Open a project in the Fine-tune form to see which labelled '
            'fields look most like this region.'
        )
    if not found.labelled:
        return 'Nothing is labelled yet that it could look like.'
    if not found.compared:
        return 'None of the labelled images could be read.'
    if found.compared < found.labelled:
        return (
            f'Most like it, of the {found.compared} labelled last '
            f'(of {found.labelled:,}):'
        )
    noun = 'field' if found.compared == 1 else 'fields'
    return f'Most like it, of {found.compared} labelled {noun}:'


def _without(found: Explanation, name: str, probability: float) -> str:
    other, left = _likeliest(found, found.without)
    if other != name:
        return (
            f'Without the region it turns to {other}, {left:.0%}: the answer '
            'hangs on it.'
        )
    if abs(left - probability) < HARDLY:
        return (
            f'Without the region the answer stays {name}, {left:.0%}: it '
            'does not matter.'
        )
    way = 'falls' if left < probability else 'rises'
    return (
        f'Without the region the answer stays {name}, but {way} to {left:.0%}.'
    )


def _likeliest(found: Explanation, part: PartSeen) -> tuple[str, float]:
    values = part.probabilities
    best = max(range(len(values)), key=values.__getitem__)
    return plain_class(found.classes[best]), values[best]
