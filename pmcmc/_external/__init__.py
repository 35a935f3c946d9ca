"""Log densities that are programs rather than JAX functions."""
