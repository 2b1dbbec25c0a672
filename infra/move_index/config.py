"""How to reach the Qdrant that stores the moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from infra.settings import QDRANT_COLLECTION, Settings
from schemas.faults import Poison

VECTOR_SIZE = 512
HTTP_PORT, GRPC_PORT = 6333, 6334  # of Qdrant, with and without TLS
_DISTANCE = "Cosine"


@dataclass(frozen=True)
class QdrantConfig:
    """A collection of moves on a Qdrant server, or in a folder of this machine.

    `collection_name`: an alias of the collection that is searched, so that a rebuilt one can take its place.
    `vector_size`: of the embedding of a move, 512. `distance_metric`: Cosine; the length of a vector counts for
    nothing. `tls`: whether to use https, or a file of the certificates to trust. `path`: a path before
    the server's own ones. `grpc_port`: gRPC instead of HTTP for points and searches. `timeout_s`: of a request.
    `folder`: of the embedded engine, which takes the place of the server; one process at a time can use it.

    Raises: `Poison` (`settings`) for a value that moves cannot be stored with.
    """

    host: str = "localhost"
    port: int = HTTP_PORT
    collection_name: str = QDRANT_COLLECTION
    vector_size: int = VECTOR_SIZE
    distance_metric: str = _DISTANCE
    api_key: str | None = field(default=None, repr=False)
    tls: bool | Path = False
    path: str = ""
    grpc_port: int | None = None
    timeout_s: float = 10.0
    folder: Path | None = None

    def __post_init__(self) -> None:
        if self.vector_size != VECTOR_SIZE:
            raise Poison(f"vector_size is {self.vector_size}: a move's embedding has {VECTOR_SIZE} values", "settings")
        if self.distance_metric != _DISTANCE:
            raise Poison(f"distance_metric is '{self.distance_metric}': moves are compared by {_DISTANCE}", "settings")
        if not self.timeout_s > 0:
            raise Poison(f"timeout_s is {self.timeout_s}: it must be more than 0", "settings")

    @property
    def url(self) -> str:
        """Return the address of the server."""
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}{self.path}"

    @property
    def server(self) -> str:
        """Return the address of the server, with the port of gRPC where it is used."""
        return self.url if self.grpc_port is None else f"{self.url} (gRPC at port {self.grpc_port})"

    @classmethod
    def of_url(cls, url: str, **values: object) -> Self:
        """Return the config of the server at a URL. Raises: `Poison` (`settings`) where it is not valid."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or HTTP_PORT
        except ValueError as error:
            raise Poison(f"BACHATA_QDRANT_URL is '{url}', not a valid address: {error}", reason="settings") from error
        if parts.scheme not in {"http", "https"} or not host:
            raise Poison(f"BACHATA_QDRANT_URL is '{url}', not a valid address of http or https", reason="settings")
        host = f"[{host}]" if ":" in host else host
        fixed = {"host": host, "port": port, "tls": parts.scheme == "https", "path": parts.path.rstrip("/")}
        return cls(**fixed, **values)  # type: ignore[arg-type]

    @classmethod
    def of_settings(cls, settings: Settings) -> Self | None:
        """Return the config of the server that the settings name, or None where they name none. Raises: `Poison`."""
        if settings.qdrant_url is None:
            return None
        secret = settings.qdrant_api_key
        return cls.of_url(
            settings.qdrant_url,
            api_key=secret.get_secret_value() if secret else None,
            collection_name=settings.qdrant_collection,
            grpc_port=settings.qdrant_grpc_port,
            timeout_s=float(settings.qdrant_timeout_s),
        )
