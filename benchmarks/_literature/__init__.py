"""Recursions of the literature, written from their published definitions."""
