"""Weakly supervised localization in histology: mark what decided."""

__version__ = '0.1.0'
