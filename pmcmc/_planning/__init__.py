"""Finding the fastest solver: measurements, the choice, and the runner that acts on it."""
