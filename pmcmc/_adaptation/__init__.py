"""What a warm-up tunes, and when."""
