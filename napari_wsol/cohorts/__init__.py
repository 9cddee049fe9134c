"""Many slides, one after the other or on many machines, into one folder."""
