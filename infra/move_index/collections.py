"""The collections of moves on a Qdrant server: the one that is searched has an alias, so that it can be replaced."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import grpc
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from infra.move_index.config import QdrantConfig
from infra.move_index.filters import KEYWORD_FIELDS, RANGE_FIELDS
from schemas.faults import Unavailable

WRITTEN_FIELD = "written_s"
_DISTANCE = models.Distance.COSINE
_UNFINISHED_S = 86_400.0  # after which a collection that never took the place of another one is left over


class Collections:
    """The collections for an alias. An earlier version made a collection of that name: it is used as it is.

    Its methods raise what the client raises.
    """

    def __init__(self, client: QdrantClient, config: QdrantConfig) -> None:
        self._client = client
        self._alias = config.collection_name
        self._size = config.vector_size

    def ensure(self) -> None:
        """Create a collection and its alias, unless there is one, and the fields that it lacks."""
        if not self.exists():
            first = f"{self._alias}_0"  # one name for all: workers that start together must not make two
            self._create_unless_there(first)
            self._point_alias_to(first)
        self._ensure_fields(self.used())

    def exists(self) -> bool:
        """Return whether there is a collection to search."""
        return self._client.collection_exists(self.used())

    def add(self) -> str:
        """Return the name of a new, empty collection; collections that rebuilds left over are deleted."""
        for name in self._left_over():
            self._client.delete_collection(name)
        name = f"{self._alias}_{time.time_ns() // 1_000_000}"
        self._create(name)
        self._ensure_fields(name)
        return name

    def switch_to(self, name: str) -> None:
        """Search a collection from now on, and delete the one that was searched before.

        A collection of an earlier version, which has no alias, must go first: for a moment there is none.
        """
        used = self.used()
        if used == name:
            return
        has_alias = used != self._alias
        if not has_alias:
            self._client.delete_collection(used)
        self._point_alias_to(name)
        if has_alias:
            self._client.delete_collection(used)

    def used(self) -> str:
        """Return the name of the collection that is searched."""
        return next(
            (found.collection_name for found in self._client.get_aliases().aliases if found.alias_name == self._alias),
            self._alias,
        )

    def _create_unless_there(self, name: str) -> None:
        if self._client.collection_exists(name):
            return
        try:
            self._create(name)
        except (UnexpectedResponse, grpc.RpcError):
            if not self._client.collection_exists(name):  # otherwise another worker has created it
                raise

    def _create(self, name: str) -> None:
        self._client.create_collection(name, vectors_config=models.VectorParams(size=self._size, distance=_DISTANCE))

    def _point_alias_to(self, name: str) -> None:
        changes: list[models.AliasOperations] = [
            models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name=name, alias_name=self._alias))
        ]
        if self.used() != self._alias:
            old = models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=self._alias))
            changes.insert(0, old)
        self._client.update_collection_aliases(changes)

    def _ensure_fields(self, name: str) -> None:
        """Index the fields of filters. Raises: `Unavailable` (`qdrant_refuses`) where the vectors are not of moves."""
        found = self._client.get_collection(name)
        self._check_vectors(name, found.config.params.vectors)
        indexed = found.payload_schema
        kinds = dict.fromkeys(KEYWORD_FIELDS, models.PayloadSchemaType.KEYWORD)
        kinds |= dict.fromkeys((*RANGE_FIELDS, WRITTEN_FIELD), models.PayloadSchemaType.FLOAT)
        for field in kinds.keys() - indexed.keys():
            self._client.create_payload_index(name, field, field_schema=kinds[field])

    def _check_vectors(self, name: str, vectors: object) -> None:
        size, distance = getattr(vectors, "size", None), getattr(vectors, "distance", None)
        if (size, distance) != (self._size, _DISTANCE):
            wanted = f"{self._size} values and {_DISTANCE.value}"
            problem = f"the collection {name} has vectors of {size} values and {distance}, not of {wanted}"
            raise Unavailable(f"{problem}: choose another BACHATA_QDRANT_COLLECTION", reason="qdrant_refuses")

    def _left_over(self) -> Iterator[str]:
        used = self.used()
        for found in self._client.get_collections().collections:
            made = re.fullmatch(rf"{re.escape(self._alias)}_(\d{{13}})", found.name)
            if made and found.name != used and time.time() - int(made[1]) / 1000 > _UNFINISHED_S:
                yield found.name
