"""What may be fastest: measurements, the choice, the runner that acts on it."""
