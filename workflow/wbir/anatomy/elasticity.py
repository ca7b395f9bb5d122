"""Plane linear elasticity on a pixel grid, by finite elements: the small displacement that a growth brings about.

Bilinear elements with the grid's points as nodes, plane strain. Growth is an isotropic eigenstrain (a swelling that the
surroundings hold back, Eshelby 1957). Nodes that do not belong to the body do not move: the skull.
"""

from __future__ import annotations

import numpy as np

CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])  # of an element, along axes 0 and 1
GAUSS = 0.5 + np.array([-0.5, 0.5]) / np.sqrt(3)


def grow(
    stiffness: np.ndarray, poisson: np.ndarray, growth: np.ndarray, body: np.ndarray, spacing: float
) -> np.ndarray:
    """The displacement `(2, *shape)` in mm at the pixels.

    stiffness: Young's modulus (any one unit) and poisson: Poisson's ratio below 0.5, at each pixel `shape`. growth: the relative
    change of length that a free piece would undergo. body: bool, what may move.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.linalg import splu

    nodes, dofs = _elements(stiffness.shape)
    means = [array.ravel()[nodes].mean(axis=1) for array in (stiffness, poisson, growth)]
    volume, shear, load = _element_matrices(spacing)
    modulus, ratio, strain = means
    lame = modulus * ratio / ((1 + ratio) * (1 - 2 * ratio))
    mu = modulus / (2 * (1 + ratio))
    blocks = lame[:, None, None] * volume + mu[:, None, None] * shear
    rows, columns = np.repeat(dofs, 8, axis=1).ravel(), np.tile(dofs, (1, 8)).ravel()
    size = 2 * stiffness.size
    matrix = coo_matrix((blocks.ravel(), (rows, columns)), shape=(size, size)).tocsc()
    force = np.zeros(size)
    np.add.at(force, dofs.ravel(), ((3 * lame + 2 * mu)[:, None] * strain[:, None] * load).ravel())
    free = np.flatnonzero(np.repeat(body.ravel(), 2))
    moved = np.zeros(size)
    moved[free] = splu(matrix[free][:, free]).solve(force[free])
    return moved.reshape(*stiffness.shape, 2).transpose(2, 0, 1)


def _elements(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Nodes `(elements, 4)` and degrees of freedom `(elements, 8)` of each element."""
    index = np.arange(shape[0] * shape[1]).reshape(shape)
    corners = [index[i : shape[0] - 1 + i, j : shape[1] - 1 + j].ravel() for i, j in CORNERS]
    nodes = np.stack(corners, axis=1)
    return nodes, (2 * nodes[:, :, None] + np.arange(2)).reshape(len(nodes), 8)


def _element_matrices(spacing: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of a square element: stiffness `(8, 8)` for the first Lame constant 1, for the second 1, and the load `(8,)` of a unit swelling."""
    volume, shear, load = np.zeros((8, 8)), np.zeros((8, 8)), np.zeros(8)
    for x in GAUSS:
        for y in GAUSS:
            near = np.where(CORNERS, [x, y], [1 - x, 1 - y])
            slope = np.where(CORNERS, 1.0, -1.0) / spacing
            gradient = np.stack([slope[:, 0] * near[:, 1], slope[:, 1] * near[:, 0]], axis=1)  # (4 corners, 2)
            strains = np.zeros((3, 8))  # e_00, e_11, 2 e_01
            strains[0, 0::2], strains[1, 1::2] = gradient[:, 0], gradient[:, 1]
            strains[2, 0::2], strains[2, 1::2] = gradient[:, 1], gradient[:, 0]
            weight = spacing**2 / 4
            divergence = gradient.ravel()
            volume += weight * np.outer(divergence, divergence)
            shear += weight * strains.T @ np.diag([2.0, 2.0, 1.0]) @ strains
            load += weight * divergence
    return volume, shear, load
