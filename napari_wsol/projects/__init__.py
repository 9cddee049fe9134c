"""Projects: what was labelled, how it is held out, and what was trained."""
