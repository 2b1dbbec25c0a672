"""Project the embeddings of moves to two dimensions."""

from __future__ import annotations

import numpy as np

from agents.arrays import Floats


def project(embeddings: Floats) -> tuple[Floats, float]:
    """Return the positions (n, 2) of the moves, and the share of their variance that two dimensions hold, 0-1.

    The dimensions are the two main axes of the centred embeddings (principal component analysis by SVD). The same
    embeddings always have the same positions: each axis points to where its largest component is positive.
    """
    centred = embeddings - embeddings.mean(axis=0)
    left, lengths, axes = np.linalg.svd(centred, full_matrices=False)
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    along = left * lengths * np.where(largest < 0, -1.0, 1.0)
    flat = np.zeros((len(embeddings), 2))
    flat[:, : min(2, along.shape[1])] = along[:, :2]
    total = float((lengths**2).sum())
    return flat, float((lengths[:2] ** 2).sum()) / total if total > 1e-12 else 1.0
