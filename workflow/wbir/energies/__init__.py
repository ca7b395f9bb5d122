"""Similarity and regularity terms as differentiable torch functions. Every energy is a mean over voxels."""
