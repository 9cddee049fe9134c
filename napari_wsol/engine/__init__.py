"""The compute process: requests in, events out."""
