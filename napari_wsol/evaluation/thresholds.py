"""The threshold of a model, chosen on validation masks and kept in its card.

The reference code of NEGEV and its relatives reports the mirror image of the
best threshold, and picks it on the test set. Here it is the threshold itself
(``cohort.Cohort.best_threshold``), and a test set is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from napari_wsol.errors import BadInputError
from napari_wsol.evaluation.cohort import Cohort
from napari_wsol.models.folder import CARD, ModelFolder, rewrite_card
from napari_wsol.models.library import bundled_dir
from napari_wsol.training.splitting import VALIDATION_NAMES
from napari_wsol.training.table import Row

RULE = 'highest mean of F1+ and F1-, each the mean of images'


def check_choice(
    folder: ModelFolder, rows: Sequence[Row], split: str | None
) -> None:
    """Say what forbids to choose a model's threshold on these rows.

    Raises
    ------
    BadInputError
        Where the split is not a validation split, no row has a mask, or the
        model comes with the program or from the hub.
    """
    names = ', '.join(f'"{name}"' for name in VALIDATION_NAMES)
    if split not in VALIDATION_NAMES:
        given = f'the split "{split}"' if split else 'all rows'
        raise BadInputError(
            f'A threshold is not chosen on {given}: figures on images that '
            'chose it, or that were learned from, promise too much. Give '
            f'--split with held-out validation images (one of {names}).'
        )
    if not any(row.mask is not None for row in rows):
        raise BadInputError(
            f'No image of the split "{split}" has a mask, and a threshold is '
            'chosen by masks. Fill the column "mask" for some of them.'
        )
    is_bundled = folder.path.resolve().is_relative_to(bundled_dir().resolve())
    if is_bundled or (folder.path / CARD).is_symlink():
        raise BadInputError(
            f'The model "{folder.card.name}" is not yours to change. Make a '
            f'copy (napari-wsol models export {folder.card.name} MY-MODEL) '
            'and give --model MY-MODEL.'
        )


def keep_threshold(
    folder: ModelFolder, cohort: Cohort, data: str, split: str
) -> float:
    """Write the best threshold of validation images into a model's card.

    The card's ``metrics`` take the figures at it, ``training.recipe`` how it
    was chosen.

    Raises
    ------
    WsolError
        Where the card cannot be written.
    """
    threshold = cohort.best_threshold()
    place = round(threshold * (len(cohort.f1_curves()[0]) - 1))
    foreground, background = (
        round(100 * float(curve[place]), 2) for curve in cohort.f1_curves()
    )
    card = folder.card
    chosen = {
        'threshold': threshold,
        'rule': RULE,
        'data': data,
        'split': split,
        'images': cohort.n_masks,
        'instead_of': card.threshold,
    }
    recipe = {**card.training.recipe, 'threshold_choice': chosen}
    figures = {
        'n_images': float(cohort.n_masks),
        'f1_foreground': foreground,
        'f1_background': background,
    }
    name = f'{data}, split {split} (chose the threshold)'
    rewrite_card(
        folder,
        card.model_copy(
            update={
                'threshold': threshold,
                'metrics': {**card.metrics, name: figures},
                'training': card.training.model_copy(
                    update={'recipe': recipe}
                ),
            }
        ),
    )
    return threshold
