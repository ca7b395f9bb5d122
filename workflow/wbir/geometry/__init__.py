"""Grids, displacements, flows, rigid motion: pure torch on tensors `(B, C, *spatial)`, 2D and 3D, any device."""
