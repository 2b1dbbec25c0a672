"""The collections of moves on a Qdrant server: the one that is searched has an alias, so that it can be replaced."""

from __future__ import annotations

import logging
import re
import time

import grpc
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from infra.move_index.config import QdrantConfig
from infra.move_index.filters import KEYWORD_FIELDS, RANGE_FIELDS
from schemas.faults import Unavailable

log = logging.getLogger(__name__)
WRITTEN_FIELD = "written_s"
_DISTANCE = models.Distance.COSINE
_UNFINISHED_S = 86_400.0  # after which a collection that no alias names is left over


class Collections:
    """The collections for an alias. An earlier version made a collection of that name: it is used as it is.

    Its methods raise what the client raises.
    """

    def __init__(self, client: QdrantClient, config: QdrantConfig) -> None:
        self._client = client
        self._alias = config.collection_name
        self._first = f"{self._alias}_0"  # one name for all: workers that start together must not make two
        self._size = config.vector_size

    def ensure(self) -> None:
        """Create a collection and its alias, unless there is one, and the fields that it lacks."""
        if not self.exists():
            self._create_unless_there(self._first)
            if self.used() == self._alias:  # otherwise another worker has put a rebuilt collection in place meanwhile
                self._client.update_collection_aliases([_to_create(self._alias, self._first)])
        self._ensure_fields(self.used())
        self._delete_left_over()

    def exists(self) -> bool:
        """Return whether there is a collection to search."""
        return self._client.collection_exists(self.used())

    def add(self) -> str:
        """Return the name of a new, empty collection; collections that rebuilds left over are deleted."""
        self._delete_left_over()
        name = f"{self._alias}_{time.time_ns() // 1_000_000}"
        self._create(name)
        self._ensure_fields(name)
        return name

    def switch_to(self, name: str) -> None:
        """Search a collection from now on, and delete the one that was searched before.

        A collection of an earlier version, which has no alias, must go first: for a moment there is none. Raises:
        `Unavailable` (`qdrant_away`) where the server has not changed the alias in time; both collections stay.
        """
        used = self.used()
        if used == name:
            return
        has_alias = used != self._alias
        if not has_alias:
            self._client.delete_collection(used)
        self._point_alias_to(name)
        if self.used() != name:
            raise Unavailable(f"the alias {self._alias} of Qdrant is not changed to {name} in time", "qdrant_away")
        self._delete_left_over(*([used] if has_alias else []))

    def used(self) -> str:
        """Return the name of the collection that is searched."""
        return self._aliases().get(self._alias, self._alias)

    def _aliases(self) -> dict[str, str]:
        """Return the collection of each alias of the server."""
        return {found.alias_name: found.collection_name for found in self._client.get_aliases().aliases}

    def _create_unless_there(self, name: str) -> None:
        if self._client.collection_exists(name):
            return
        try:
            self._create(name)
        except (UnexpectedResponse, grpc.RpcError):
            if not self._client.collection_exists(name):  # otherwise another worker has created it
                raise

    def _create(self, name: str) -> None:
        self._client.create_collection(
            name,
            vectors_config=models.VectorParams(size=self._size, distance=_DISTANCE),
            hnsw_config=models.HnswConfigDiff(m=0),  # searches are exact: a graph is of no use
        )

    def _point_alias_to(self, name: str) -> None:
        changes = [_to_create(self._alias, name)]
        if self.used() != self._alias:
            changes.insert(0, models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=self._alias)))
        self._client.update_collection_aliases(changes)

    def _ensure_fields(self, name: str) -> None:
        """Index the fields of filters. Raises: `Unavailable` (`qdrant_refuses`) where the vectors are not of moves."""
        found = self._client.get_collection(name)
        self._check_vectors(name, found.config.params.vectors)
        indexed = found.payload_schema
        kinds = dict.fromkeys(KEYWORD_FIELDS, models.PayloadSchemaType.KEYWORD)
        kinds |= dict.fromkeys((*RANGE_FIELDS, WRITTEN_FIELD), models.PayloadSchemaType.FLOAT)
        for field, kind in kinds.items():
            if field not in indexed or indexed[field].data_type != kind:
                self._client.create_payload_index(name, field, field_schema=kind)

    def _check_vectors(self, name: str, vectors: object) -> None:
        size, distance = getattr(vectors, "size", None), getattr(vectors, "distance", None)
        if (size, distance) != (self._size, _DISTANCE):
            wanted = f"{self._size} values and {_DISTANCE.value}"
            problem = f"the collection {name} has vectors of {size} values and {distance}, not of {wanted}"
            raise Unavailable(f"{problem}: choose another BACHATA_QDRANT_COLLECTION", reason="qdrant_refuses")

    def _delete_left_over(self, *replaced: str) -> None:
        """Delete collections that are not used any more; those that cannot be deleted now stay until another time."""
        try:
            for name in {*replaced, *self._left_over()}:
                self._client.delete_collection(name)
        except (ApiException, QdrantException, grpc.RpcError) as error:
            log.warning("collections of Qdrant that are not used stay: %s", error)

    def _left_over(self) -> list[str]:
        """Return the collections of rebuilds that were killed, or that a worker made while another one replaced it."""
        aliases = self._aliases()
        if self._alias not in aliases:  # a worker may be about to give it to one of them
            return []
        found = {collection.name for collection in self._client.get_collections().collections}
        return sorted(name for name in found - set(aliases.values()) if self._is_left_over(name))

    def _is_left_over(self, name: str) -> bool:
        made = re.fullmatch(rf"{re.escape(self._alias)}_(\d{{13}})", name)
        return name == self._first or (made is not None and time.time() - int(made[1]) / 1000 > _UNFINISHED_S)


def _to_create(alias: str, name: str) -> models.AliasOperations:
    return models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name=name, alias_name=alias))
