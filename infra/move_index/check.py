"""Ask a Qdrant server for the collection of moves once, to find out within seconds what is wrong with its settings."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

import httpx

from infra.settings import Settings
from schemas.faults import Retryable
from schemas.reasons import Reason

_TIMEOUT_S = 5.0
_DEFAULT_PORT = 6333  # of qdrant-client, for both schemes


def check_qdrant_server(settings: Settings, url: str) -> None:
    """Return when the Qdrant server of the settings, at `url`, answers, at most 5 s later.

    Raises: `Retryable` (`qdrant_away`, `qdrant_refuses`), with a message of one line that names the setting to correct.
    """
    try:
        response = _response(settings, url)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:  # ValueError: of an IP address or a name
        raise _fault(settings, f"which cannot be connected to: {_describe(error)}", "qdrant_away") from error
    if response.status_code in {401, 403}:
        raise _fault(settings, "which refuses the key: correct BACHATA_QDRANT_API_KEY", "qdrant_refuses")
    if response.status_code >= 500 or response.status_code == 429:
        raise _fault(settings, f"which answers with status {response.status_code}", "qdrant_away")
    if not _is_answer(response):
        raise _fault(settings, "where no Qdrant answers, but another program", "qdrant_refuses")


def _response(settings: Settings, url: str) -> httpx.Response:
    parts = urlsplit(url)
    address = url if parts.port else parts._replace(netloc=f"{parts.netloc}:{_DEFAULT_PORT}").geturl()
    secret = settings.qdrant_api_key
    headers = {} if secret is None else {"api-key": secret.get_secret_value()}
    with httpx.Client(verify=ssl.create_default_context(), trust_env=False) as client:  # no proxy gets the key
        return client.get(
            f"{address.rstrip('/')}/collections/{settings.qdrant_collection}/exists",
            headers=headers,
            timeout=_TIMEOUT_S,
        )


def _is_answer(response: httpx.Response) -> bool:
    try:
        return isinstance(response.json()["result"]["exists"], bool)
    except (ValueError, KeyError, TypeError):
        return False


def _describe(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {_TIMEOUT_S:.0f} s"
    return str(error) or type(error).__name__


def _fault(settings: Settings, problem: str, reason: Reason) -> Retryable:
    return Retryable(f"BACHATA_QDRANT_URL is {settings.qdrant_url}, {problem}", reason)
