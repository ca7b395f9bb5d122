"""The commands of `wbir`: a file per group, each with `add(commands)`; found by file name."""
