"""Simulation of head anatomy and of its imaging, shared by the brain cohorts (see docs/simulators.md).

One way down: cohorts use anatomy, anatomy uses geometry. Arrays are NumPy, in the axis order of a `Frame` whose
affine takes voxel indices to MNI152 millimetres (RAS+).
"""
