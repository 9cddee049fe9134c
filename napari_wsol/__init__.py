"""Weakly supervised localization in histology: classify an image and mark what decided it."""

__version__ = '0.1.0'
