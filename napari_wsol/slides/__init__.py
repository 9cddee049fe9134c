"""Pixels in: one way to read any image, its pixel size, its tissue."""
