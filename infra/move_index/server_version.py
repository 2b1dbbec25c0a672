"""The versions of a Qdrant server that the move index can use."""

from __future__ import annotations

import re

from qdrant_client import QdrantClient

from infra.move_index.errors import QdrantFault

_MIN_VERSION = (1, 15)  # the first one that gives varied hits (MMR); an earlier one may ignore that


def check_version(client: QdrantClient, server: str) -> str:
    """Return the version of a server. Raises: `QdrantFault` (`qdrant_refuses`) for one that is too old."""
    version = client.info().version
    number = re.match(r"v?(\d+)\.(\d+)", version)
    if number and (int(number[1]), int(number[2])) < _MIN_VERSION:
        wanted = ".".join(map(str, _MIN_VERSION))
        raise QdrantFault(server, f"has version {version}: at least {wanted} is needed", "qdrant_refuses")
    return version
