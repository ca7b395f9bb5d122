"""What `wbir doctor` looks at. A file is a group; each function in it named `check_…` is a check, found by its name."""
