"""From a table of image-level labels to a trained model."""
