"""Old model against new on held-out items, and what to think of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

POINTS = 1.0
"""Difference of F1 and PxAP, in points, that counts."""

SHARE = 0.02
"""Difference of the area marked on negatives that counts."""

FEW = 10
"""Held-out items below which no verdict is firm."""

CHANCE = 1.64
"""Standard errors beyond which items that changed sides count: one chance in
twenty that a model no better gains as many.
"""

FALL = 0.25
"""Loss of the background's entropy that is worth a word."""


@dataclass(frozen=True)
class Figures:
    """How one model does on some items.

    Parameters
    ----------
    n_items
        How many items.
    accuracy
        Share of them that it classifies as labelled, 0-1.
    entropy, entropy_foreground, entropy_background
        Mean image entropies of the whole item, its foreground only and its
        background only, 0-1; foreground should be low, background high.
    foreground_on_negatives
        Mean share of a fully negative item that it marks, 0-1; None where
        there is no such item.
    f1_foreground, f1_background, pxap
        In percent; None where no item has a mask.
    """

    n_items: int
    accuracy: float
    entropy: float
    entropy_foreground: float
    entropy_background: float
    foreground_on_negatives: float | None = None
    f1_foreground: float | None = None
    f1_background: float | None = None
    pxap: float | None = None


@dataclass(frozen=True)
class Comparison:
    """A candidate beside the model that it would follow.

    Parameters
    ----------
    old
        Of the current model; None where there is none.
    new
        Of the candidate, on the same held-out items.
    training
        Of the candidate on what it learned from; None where nobody looked.
    held_out
        Labels of the held-out items, and how many items carry each.
    gained, lost
        How many of them only the candidate gets right, and only the old
        model.
    marked_error
        Standard error of the change of ``foreground_on_negatives``.
    """

    old: Figures | None
    new: Figures
    training: Figures | None = None
    held_out: tuple[tuple[str, int], ...] = ()
    gained: int = 0
    lost: int = 0
    marked_error: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """What to think of a candidate, in plain words."""

    kind: Literal['better', 'worse', 'unclear']
    text: str


_COMPARISONS = TypeAdapter(Comparison)


def comparison_to_json(comparison: Comparison) -> str:
    """The comparison as JSON text."""
    return _COMPARISONS.dump_json(comparison, indent=2).decode() + '\n'


def comparison_from_json(text: str) -> Comparison:
    """The comparison in a JSON text.

    Raises
    ------
    ValueError
        Where it is none.
    """
    return _COMPARISONS.validate_json(text)


def verdict(comparison: Comparison) -> Verdict:
    """Whether the candidate is better, and why.

    A difference counts where it is larger than what chance makes: for
    accuracy by the items that changed sides (McNemar's test), for the area
    of negatives by its spread between them, and two percent at least, for F1
    and PxAP a point.
    """
    if comparison.old is None:
        return _alone(comparison)
    better, worse = _differences(comparison)
    caution = _cautions(comparison)
    if better and worse:
        return Verdict(
            'unclear',
            _sentences(
                f'The new model {_listed(better)}, but {_listed(worse)}',
                'Look at a few images with both before you decide',
                *caution,
            ),
        )
    if better:
        return Verdict(
            'better',
            _sentences(
                f'The new model is better: it {_listed(better)}', *caution
            ),
        )
    if worse:
        return Verdict(
            'worse',
            _sentences(
                f'The new model is worse: it {_listed(worse)}',
                'Keep the old one, and label more of what it gets wrong',
                *caution,
            ),
        )
    return Verdict(
        'unclear',
        _sentences(
            'The two models do about the same on the held-out items',
            *caution,
        ),
    )


def _alone(comparison: Comparison) -> Verdict:
    """The first model of a project: against always the commonest label."""
    new = comparison.new
    counts = [count for _, count in comparison.held_out]
    guess = max(counts) / sum(counts) if counts else 0.5
    right = round(new.accuracy * new.n_items)
    told = f'It gets {right} of {new.n_items} held-out items right'
    lead = (new.accuracy - guess) * new.n_items
    caution = _cautions(comparison)
    if lead >= _needed(new.n_items):
        return Verdict(
            'better',
            _sentences(
                'This is the first model of the project', told, *caution
            ),
        )
    if lead < 0:
        return Verdict(
            'worse',
            _sentences(
                f'{told}, fewer than always saying the commonest label would',
                'Check the labels, or label more',
                *caution,
            ),
        )
    return Verdict(
        'unclear',
        _sentences(
            f'{told}, hardly more than always saying the commonest label '
            'would',
            'Label more before you rely on it',
            *caution,
        ),
    )


def _differences(comparison: Comparison) -> tuple[list[str], list[str]]:
    """What is better and what is worse, each completing "the model ..."."""
    old, new = comparison.old, comparison.new
    assert old is not None
    better: list[str] = []
    worse: list[str] = []
    gained, lost = comparison.gained, comparison.lost
    if abs(gained - lost) > CHANCE * math.sqrt(gained + lost):
        before, after = (round(f.accuracy * f.n_items) for f in (old, new))
        (better if gained > lost else worse).append(
            f'gets {after} of {new.n_items} held-out items right, where the '
            f'old one got {before}'
        )
    changes = [
        ('F1 of the marked regions', old.f1_foreground, new.f1_foreground),
        ('F1 of the background', old.f1_background, new.f1_background),
    ]
    if old.f1_foreground is None or new.f1_foreground is None:
        changes.append(('PxAP of the maps', old.pxap, new.pxap))
    for name, was, is_ in changes:
        if was is None or is_ is None or abs(is_ - was) < POINTS:
            continue
        way = 'raises' if is_ > was else 'lowers'
        (better if is_ > was else worse).append(
            f'{way} the {name} from {was:.1f} to {is_:.1f}'
        )
    marked = (old.foreground_on_negatives, new.foreground_on_negatives)
    if None not in marked:
        was, is_ = (float(share or 0) for share in marked)
        if abs(is_ - was) >= max(SHARE, CHANCE * comparison.marked_error):
            less = is_ < was
            (better if less else worse).append(
                f'marks {100 * is_:.0f} % of items that hold nothing to be '
                f'marked, where the old one marked {100 * was:.0f} %'
            )
    return better, worse


def _cautions(comparison: Comparison) -> list[str]:
    """What limits the verdict."""
    old, new = comparison.old, comparison.new
    training = comparison.training
    told: list[str] = []
    if new.n_items < FEW:
        told.append(
            f'Only {new.n_items} items are held out, so this is not firm'
        )
    if training is not None and (
        training.accuracy - new.accuracy > 0.25 and new.n_items >= FEW
    ):
        told.append(
            'It knows its training items much better than the held-out ones '
            f'({100 * training.accuracy:.0f} % against '
            f'{100 * new.accuracy:.0f} %): more patients would help it most'
        )
    if new.entropy_background < new.entropy_foreground:
        told.append(
            'What it leaves unmarked tells it more of the class than what it '
            'marks: look at its masks before you trust them'
        )
    elif old and old.entropy_background - new.entropy_background > FALL:
        told.append(
            'It has become surer of the class where its marks are hidden '
            f'(uncertainty {new.entropy_background:.2f}, before '
            f'{old.entropy_background:.2f}): it may have learned something '
            'beside them'
        )
    return told


def _needed(n_items: int) -> float:
    """Items by which accuracies must differ to count."""
    return max(2.0, math.sqrt(n_items / 10)) - 0.5


def _listed(parts: list[str]) -> str:
    *first, last = parts
    return f'{", ".join(first)} and {last}' if first else last


def _sentences(*parts: str) -> str:
    return ' '.join(f'{part}.' for part in parts)
