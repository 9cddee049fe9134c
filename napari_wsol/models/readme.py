"""A model's README, written from its card."""

from __future__ import annotations

from napari_wsol.models.card import ModelCard


def render_readme(card: ModelCard) -> str:
    """The card in plain words, as Markdown.

    What the model finds and in which tissue comes first, then how to use
    it, what it was trained on, what was measured, and where not to trust it.
    """
    sections = [
        f'# {card.title}',
        f'{_sentence(card.finds)}',
        'For research use only; not for diagnosis.',
        '## What it is for',
        _table(_use(card)),
        '## What it learned from',
        _table(_training(card)),
        '## What was measured',
        _metrics(card),
        '## Where not to trust it',
        '\n'.join(f'- {_sentence(limit)}' for limit in card.limits)
        or 'No limits were written down: check it on your own images first.',
        '## Files',
        'Weights: `model.safetensors`; card: `config.json`. No code runs.',
        f'sha256 of the weights: `{card.sha256 or "not stated"}`',
    ]
    return '\n\n'.join(sections) + '\n'


def _use(card: ModelCard) -> list[tuple[str, str]]:
    """What a user needs to know before running the model."""
    negative = card.negative_class
    pixel = f'{card.mpp:g} µm' if card.mpp else 'that of the image'
    return [
        ('name', f'`{card.name}`'),
        ('tissue and stain', card.tissue),
        ('classes', ', '.join(card.classes)),
        (
            'class without any region',
            negative if negative is not None else 'none',
        ),
        ('pixel size it works at', pixel),
        ('detail of its maps', f'{card.architecture.stride} pixels'),
        ('threshold', f'{card.threshold:g}'),
        ('method', card.method),
        ('encoder', card.architecture.encoder),
        ('licence', card.licence or 'not stated'),
    ]


def _training(card: ModelCard) -> list[tuple[str, str]]:
    """Where the model comes from."""
    record = card.training
    rows = [
        ('data', record.data),
        ('labels', record.labels),
        ('licence of the data', record.licence),
        ('attribution', record.attribution),
        ('seed', str(record.seed)),
        ('parent model', f'`{card.parent}`' if card.parent else ''),
    ]
    if record.recipe:
        rows += [('recipe', '`training.recipe` in `config.json`')]
    rows += [(name, version) for name, version in record.versions.items()]
    return [(key, value) for key, value in rows if value]


def _metrics(card: ModelCard) -> str:
    """One table per data set."""
    tables = [
        f'{name}:\n\n'
        + _table([(key, f'{value:.4g}') for key, value in figures.items()])
        for name, figures in card.metrics.items()
    ]
    return '\n\n'.join(tables) or 'Nothing was measured.'


def _table(rows: list[tuple[str, str]]) -> str:
    """Rows of two cells as a Markdown table."""
    lines = [
        f'| {key} | {value.replace("|", chr(92) + "|")} |'
        for key, value in rows
    ]
    return '\n'.join(['| | |', '|---|---|', *lines])


def _sentence(text: str) -> str:
    """The text with a full stop."""
    return text if text.endswith(('.', '!', '?')) else f'{text}.'
