"""Newton-type sweeps: the solver, its sweep, and the parts that they are made of."""
