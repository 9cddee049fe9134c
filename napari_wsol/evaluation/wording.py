"""What each figure of a report is called, and what it means."""

from __future__ import annotations

FIGURES = {
    'Regions': {
        'f1_foreground': (
            'F1+',
            'Dice of the region of interest, mean of images',
        ),
        'f1_background': ('F1−', 'Dice of the background, mean of images'),
        'pxap': (
            'PxAP',
            (
                'area under precision over recall of all pixels; needs no '
                'threshold'
            ),
        ),
        'miou': (
            'mIoU',
            'mean overlap of foreground and background, all pixels',
        ),
        'tp': (
            'found',
            (
                'share of true foreground that is marked (TP); the rest is '
                'missed (FN)'
            ),
        ),
        'fp': (
            'wrongly marked',
            'share of true background that is marked (FP)',
        ),
    },
    'Classes of images': {
        'classification_error': (
            'error',
            'images whose likeliest class is not their label',
        ),
        'balanced_accuracy': (
            'balanced accuracy',
            'mean over the classes of the share that is right',
        ),
        'auroc': (
            'AUROC',
            'chance that an image of a class scores above one of another',
        ),
    },
    'Images without any region': {
        'negative_foreground': (
            'area marked',
            'mean share of their area; should be 0',
        ),
        'negative_marked': (
            'images marked',
            'images in which anything is marked; should be 0',
        ),
    },
    'Calibration': {
        'ece_pixels': (
            'ECE of pixels',
            'mean distance between probability and frequency',
        ),
        'ece_images': (
            'ECE of images',
            'the same, of the class that was said',
        ),
        'brier_pixels': (
            'Brier score of pixels',
            'mean squared error of the probability',
        ),
        'brier_images': (
            'Brier score of images',
            'the same, of class probabilities',
        ),
    },
}
"""Heading -> key of ``Report`` -> name and meaning."""
