"""Move a drawable body's vertices and normals with its posed bones (linear blend skinning)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.generators.couple.bake import INFLUENCES, RestBody
from data.generators.couple.cloth import Drawable
from data.generators.couple.skeleton import Bones


class Skin:
    """The skin of one dancer; all that does not change between frames is prepared once."""

    def __init__(self, rest: RestBody, drawable: Drawable) -> None:
        self._heads = rest.heads
        self._influences = rest.influences[drawable.sources]
        self._weights = rest.weights[drawable.sources].astype(np.float32)
        self._vertices = drawable.vertices.astype(np.float32)
        self._normals = drawable.normals.astype(np.float32)

    def __len__(self) -> int:
        return len(self._vertices)

    def moved(self, bones: Bones) -> NDArray[np.float32]:
        """Return positions and unit normals, (n, 6)."""
        shift = bones.positions - np.einsum("bij,bj->bi", bones.rotations, self._heads)
        each = np.concatenate([bones.rotations, shift[:, :, None]], axis=2).astype(np.float32).reshape(len(shift), 12)
        blended = sum(each[self._influences[:, k]] * self._weights[:, k : k + 1] for k in range(INFLUENCES))
        matrix = np.asarray(blended).reshape(-1, 3, 4)
        positions = np.einsum("nij,nj->ni", matrix[:, :, :3], self._vertices) + matrix[:, :, 3]
        normals = np.einsum("nij,nj->ni", matrix[:, :, :3], self._normals)
        return np.concatenate([positions, normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9)], axis=1)
