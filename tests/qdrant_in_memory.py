"""Marks of tests that use Qdrant's client in memory."""

from __future__ import annotations

import pytest

# What the client says of collections in memory: it searches all points.
IN_MEMORY = [
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant:UserWarning"),
    pytest.mark.filterwarnings("ignore:Local mode performs exact:UserWarning"),
]
