"""Which patient or slide an image is of, guessed from its name."""

from __future__ import annotations

import re
from pathlib import Path

_TCGA = re.compile(r'TCGA-[A-Z0-9]{2}-[A-Z0-9]{4}', re.IGNORECASE)
_CAMELYON = re.compile(r'(patient_\d+)_node_\d+', re.IGNORECASE)
_TAIL = re.compile(r'[-_ .]+[xy]?(\d+)$', re.IGNORECASE)
_YEAR_OF_NUMBER = re.compile(r'([a-z]{0,2}[-_ ]?)(19|20)?\d\d', re.IGNORECASE)

_LONG_NUMBER = 4


def guess_group(path: Path) -> str:
    """The patient or slide that an image's name speaks of.

    That is the patient of a TCGA barcode or of a CAMELYON17 node, or the
    name without the numbers at its end (coordinates, counters) as long as a
    number stays: ``GT2001837-1-400-001`` is of ``GT2001837``, ``train_12``
    is its own. The year of an accession number is not cut from its number.
    """
    stem = path.stem.removesuffix('.ome')
    if found := _TCGA.search(stem):
        return found[0].upper()
    if found := _CAMELYON.search(stem):
        return found[1]
    return _without_tails(stem) or path.name


def _without_tails(stem: str) -> str:
    while tail := _TAIL.search(stem):
        rest = stem[: tail.start()]
        if not re.search(r'\d', rest):
            break
        is_accession = len(tail[1]) >= _LONG_NUMBER and (
            _YEAR_OF_NUMBER.fullmatch(rest) is not None
        )
        if is_accession:
            break
        stem = rest
    return stem
