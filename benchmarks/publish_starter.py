r"""Put a trained run into the package as the bundled model ``colon-glands``.

    python benchmarks/publish_starter.py runs/starter/model \\
        --report 'EBHI-Seg, held-out cases=ebhi.json' \\
        --report 'GlaS training part, never seen=glas.json'

Reports are those of ``napari-wsol evaluate``; their figures go on the card.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from napari_wsol.models.folder import read_folder, write_folder

DESTINATION = Path(__file__).parents[1] / 'napari_wsol/starter/colon-glands'

DATA = (
    'EBHI-Seg (1,741 H&E images of colorectal biopsies), training cases only'
)
LABELS = (
    'one label per image (benign or malignant) and up to eight 32-px fields '
    'per image, each nearly all gland or nearly all background; no outlines'
)
ATTRIBUTION = (
    'Shi L. et al., EBHI-Seg: A novel enteroscope biopsy histopathological '
    'hematoxylin and eosin image dataset for image segmentation tasks, '
    'Frontiers in Medicine 2023 (figshare 21540159, CC BY 4.0). Encoder: '
    'EfficientNet-Lite0, ImageNet weights (Apache-2.0).'
)
LIMITS = (
    (
        'Trained on biopsies of one hospital and one scanner, stored as small '
        'JPEG images; other laboratories stain and scan differently.'
    ),
    (
        'It marks glands. Tumour that forms no glands, lymph nodes, muscle, '
        'other organs and other stains were never shown to it.'
    ),
    (
        'The pixel size of its training images is not recorded; it was taken '
        'to be 1 µm per pixel. At a wrong pixel size it fails without a sign.'
    ),
    (
        'Borders are soft: taught with squares, it tends to fill the narrow '
        'stroma between crowded glands.'
    ),
    (
        'Low-grade neoplasia counts as benign here, high-grade as malignant: '
        'its class is a research label, not a diagnosis.'
    ),
)
FIGURES = (
    'n_images', 'classification_error', 'f1_foreground', 'f1_background',
    'pxap', 'tp', 'fp',
)  # fmt: skip


def main():
    """Read the run and the reports, write the model folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('model', type=Path)
    parser.add_argument('--report', action='append', default=[])
    parser.add_argument('--destination', type=Path, default=DESTINATION)
    given = parser.parse_args()
    card = read_folder(given.model).card
    metrics = dict(card.metrics)
    for pair in given.report:
        name, _, path = pair.rpartition('=')
        told = json.loads(Path(path).read_text())
        metrics[name] = {
            key: round(told[key], 2)
            for key in FIGURES
            if told.get(key) is not None
        }
    card = card.model_copy(
        update={
            'name': 'colon-glands',
            'metrics': metrics,
            'limits': LIMITS,
            'licence': 'CC-BY-4.0',
            'training': card.training.model_copy(
                update={
                    'data': DATA,
                    'labels': LABELS,
                    'licence': 'CC BY 4.0',
                    'attribution': ATTRIBUTION,
                }
            ),
        }
    )
    weights = (given.model / 'model.safetensors').read_bytes()
    written = write_folder(given.destination, card, weights, replace=True)
    size = len(weights) / 1e6
    print(f'{written.path}: {size:.1f} MB, {card.metrics}')


if __name__ == '__main__':
    main()
