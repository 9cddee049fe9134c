"""A model over an image of any size: plan, stream, blend, store."""
