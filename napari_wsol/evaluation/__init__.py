"""Numbers: how good a model is on labelled images."""
