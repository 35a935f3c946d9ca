"""Where a kernel and a solver meet: problems, noise, the recursion of a chain, its runner."""
