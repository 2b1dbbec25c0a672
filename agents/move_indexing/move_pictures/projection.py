"""The moves' embeddings go in; places in two dimensions come out, near where the embeddings are alike."""

from __future__ import annotations

import numpy as np

from agents.arrays import Floats


def places(embeddings: Floats) -> tuple[Floats, float]:
    """(n, 2) and the share of the differences between the moves that two dimensions hold, 0-1.

    The two main axes of the centred embeddings. The same embeddings always give the same places: each axis points to
    where its largest part is positive.
    """
    centred = embeddings - embeddings.mean(axis=0)
    left, lengths, axes = np.linalg.svd(centred, full_matrices=False)
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    along = left * lengths * np.where(largest < 0, -1.0, 1.0)
    flat = np.zeros((len(embeddings), 2))
    flat[:, : min(2, along.shape[1])] = along[:, :2]
    total = float((lengths**2).sum())
    return flat, float((lengths[:2] ** 2).sum()) / total if total > 1e-12 else 1.0
