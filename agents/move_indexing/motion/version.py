"""The version of the embedding. Programs that only compare versions do not load what computes embeddings."""

from __future__ import annotations

VERSION = 2
