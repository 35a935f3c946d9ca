"""Sweeps that predict decisions: the solver and its sweep."""
