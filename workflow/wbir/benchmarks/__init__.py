"""How fast the kernels are beside those of other libraries: a file of `BENCHMARKS` per concept, found by name."""
