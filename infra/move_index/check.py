"""Ask a Qdrant server for the collection of moves once, to find out within seconds what is wrong with its settings."""

from __future__ import annotations

from dataclasses import replace

from qdrant_client import QdrantClient

from infra.move_index.config import QdrantConfig
from infra.move_index.errors import AccessError, NotFoundError, NotQdrantError, QdrantFault
from infra.move_index.requests import Requests, make_client
from infra.move_index.server_version import check_version
from schemas.faults import Retryable

_TIMEOUT_S = 5.0


def check_qdrant_server(config: QdrantConfig) -> None:
    """Return when the Qdrant server of the settings answers, at most 5 s later; gRPC is checked where it is used.

    Raises: `Retryable` (`qdrant_away`, `qdrant_refuses`), with a message of one line that names the setting to correct,
    and `Poison` (`settings`).
    """
    client = make_client(replace(config, timeout_s=min(config.timeout_s, _TIMEOUT_S)))
    try:
        Requests(config.server).run(lambda: _check(client, config))
    except QdrantFault as fault:
        raise Retryable(f"BACHATA_QDRANT_URL is {config.server}, {_problem(fault)}", fault.reason) from fault
    finally:
        client.close()


def _check(client: QdrantClient, config: QdrantConfig) -> None:
    check_version(client, config.server)
    client.collection_exists(config.collection_name)


def _problem(fault: QdrantFault) -> str:
    if isinstance(fault, AccessError):
        return "which refuses the key: correct BACHATA_QDRANT_API_KEY"
    if isinstance(fault, NotQdrantError | NotFoundError):
        return "where no Qdrant answers, but another program"
    return f"which {fault.problem}"
