"""Runs on disk: their draws, and all that is needed to go on with them."""
