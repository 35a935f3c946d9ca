"""A run, from checked arguments to a result."""
