"""Displacements of keypoints, each out of a window, that agree along a tree: exact inference by messages.

The energy is `sum_i cost_i(d_i) + sum_ij weight_ij |o_i + d_i - o_j - d_j|^2` over the edges of a minimum spanning tree of
the points. On a tree two passes of messages give the min-marginals exactly (Felzenszwalb and Huttenlocher 2005, IJCV 61). A
squared difference separates into the axes, and so does each message.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from wbir.errors import InputError


class Tree(NamedTuple):
    """A tree over K points. parent: `(K,)`, -1 at the root. length: `(K,)` of the edge to the parent. levels: the points
    of each depth, the root first.
    """

    parent: Tensor
    length: Tensor
    levels: list[Tensor]


def spanning_tree(points: Tensor, neighbours: int = 10) -> Tree:
    """The minimum spanning tree of points `(K, dim)` among the edges to their nearest neighbours.

    Where those do not connect all points, all edges are taken. The root is the point nearest to the mean.
    """
    import numpy as np
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree
    from scipy.spatial import cKDTree

    places = points.detach().cpu().double().numpy()
    count = len(places)
    if count < 2:
        raise InputError("two or more points", f"{count}", "give more")
    root = int(((places - places.mean(0)) ** 2).sum(1).argmin())
    for k in (min(neighbours, count - 1), count - 1):
        distances, index = cKDTree(places).query(places, k + 1)
        rows = np.repeat(np.arange(count), k + 1)
        edges = coo_matrix((distances.ravel() + 1e-9, (rows, index.ravel())), (count, count)).tocsr()
        edges.setdiag(0)
        edges.eliminate_zeros()
        tree = minimum_spanning_tree(edges.maximum(edges.T))
        order, parent = breadth_first_order(tree, root, directed=False)
        if len(order) == count:
            break
    parent[root] = -1
    depth = np.zeros(count, dtype=int)
    for node in order[1:]:
        depth[node] = depth[parent[node]] + 1
    length = np.where(parent < 0, 0.0, np.linalg.norm(places - places[parent], axis=1))
    arrays = [parent.astype(np.int64), length, *(np.flatnonzero(depth == level) for level in range(depth.max() + 1))]
    found = [torch.from_numpy(array).to(points.device) for array in arrays]
    return Tree(found[0], found[1], found[2:])


def min_marginals(costs: Tensor, offsets: Tensor, tree: Tree, *, step: float, weights: Tensor) -> Tensor:
    """The least energy with point i's displacement held at each of its window: `(K, *window)`, less its least value.

    costs: `(K, n, …, n)`, displacement `o_i + step (index - (n - 1) / 2)` along each axis. offsets: o_i `(K, dim)`.
    weights: `(K,)`, of the edge from each point to its parent.
    """
    penalties = _penalties(costs, offsets, tree, step, weights)
    upward = torch.zeros_like(costs)  # from a point to its parent, over the parent's displacements
    gathered = costs.clone()
    for level in reversed(tree.levels[1:]):
        message = _min_sum(gathered[level], penalties[:, level], to_parent=True)
        upward[level] = message
        gathered.index_add_(0, tree.parent[level], message)
    result = gathered.clone()
    for level in tree.levels[1:]:
        without = result[tree.parent[level]] - upward[level]
        result[level] = gathered[level] + _min_sum(without, penalties[:, level], to_parent=False)
        flat = result[level].flatten(1)
        result[level] = (flat - flat.amin(1, keepdim=True)).view_as(result[level])
    return result - result.flatten(1).amin(1).view(-1, *(1,) * (costs.ndim - 1))


def soft_displacement(marginals: Tensor, offsets: Tensor, *, step: float, sharpness: float) -> Tensor:
    """The mean displacement `(K, dim)` under probabilities `exp(-sharpness marginal)`; the best one for infinity."""
    size, dim = marginals.shape[1], marginals.ndim - 1
    line = (torch.arange(size, device=marginals.device, dtype=marginals.dtype) - (size - 1) / 2) * step
    mesh = torch.stack(torch.meshgrid(*[line] * dim, indexing="ij"), -1).reshape(-1, dim)
    flat = marginals.flatten(1)
    if sharpness == float("inf"):
        return offsets + mesh[flat.argmin(1)]
    return offsets + torch.softmax(-sharpness * flat, 1) @ mesh


def _penalties(costs: Tensor, offsets: Tensor, tree: Tree, step: float, weights: Tensor) -> Tensor:
    """`weight (o_i + d - o_parent - e)^2` along each axis: `(dim, K, n, n)`, the child's d first."""
    size = costs.shape[1]
    line = (torch.arange(size, device=costs.device, dtype=costs.dtype) - (size - 1) / 2) * step
    shift = (offsets - offsets[tree.parent.clamp_min(0)]).T
    difference = shift[:, :, None, None] + line[:, None] - line
    return weights.to(costs)[None, :, None, None] * difference.square()


def _min_sum(energy: Tensor, penalties: Tensor, *, to_parent: bool) -> Tensor:
    """`min_d energy(d) + sum_a penalty_a(d_a, e_a)`: `(L, n, …)`, one axis after the other."""
    for axis, penalty in enumerate(penalties):
        matrix = penalty.transpose(1, 2) if to_parent else penalty  # (L, target, source)
        lines = energy.movedim(axis + 1, -1)
        shape = (len(matrix), *(1,) * (lines.ndim - 2), *matrix.shape[1:])
        energy = (lines.unsqueeze(-2) + matrix.view(shape)).amin(-1).movedim(-1, axis + 1)
    return energy
