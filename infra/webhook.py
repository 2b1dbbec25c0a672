"""The webhook: posts signed messages to the URL of the settings, as the Standard Webhooks specification describes.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from infra.base.public_address import public_socket
from infra.base.retry_after import retry_after_s
from infra.settings import SECRET_PREFIX, Settings
from schemas.faults import Fault, Poison, Retryable

if TYPE_CHECKING:
    from aiohttp import ClientSession

_TIMEOUT_S = 20.0  # of a request, from the look-up of the host to the head of the response
_LATER = frozenset({408, 425, 429})  # the statuses below 500 after which the same request may succeed
_MAX_WAIT_S = 3600.0  # that a receiver can ask for


@dataclass(frozen=True)
class Webhook:
    """A receiver of messages.

    `secrets`: the keys of the signatures, one for each. `allow_private`: whether its address may be one that is not of
    the public Internet.
    """

    url: str
    secrets: Sequence[bytes] = field(repr=False)
    allow_private: bool = False
    timeout_s: float = _TIMEOUT_S

    def post(self, message_id: str, body: bytes) -> int:
        """Send a message and return the status, 200 to 299, when the receiver has accepted it.

        Redirects are not followed, the body of the response is not read, and no proxy is used.

        Raises:
            Poison: (`webhook_refuses`) by its status the receiver will never accept it; (`url_not_allowed`) its
                address is not public.
            Retryable: (`webhook_away`) it does not answer in time, or with a status of a fault that may pass.
        """
        return asyncio.run(self._post(message_id, body))

    @property
    def host(self) -> str:
        """Return the host, for messages: the rest of the URL may be secret."""
        return urlsplit(self.url).hostname or ""

    async def _post(self, message_id: str, body: bytes) -> int:
        from aiohttp import ClientError, InvalidURL

        headers = self._headers(message_id, int(time.time()), body)
        try:
            async with self._session() as session, session.post(**self._request(headers, body)) as response:
                status, retry_after = response.status, response.headers.get("Retry-After", "")
        except InvalidURL as error:
            raise Poison(f"'{self.host}' is not the name of a host", reason="url_not_allowed") from error
        except TimeoutError as error:
            raise self._away(f"does not answer within {self.timeout_s:.0f} s") from error
        except (ClientError, OSError, ValueError) as error:
            raise self._away(f"cannot be reached: {type(error).__name__}") from error
        self._check(status, retry_after)
        return status

    def _request(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        from yarl import URL

        return {"url": URL(self.url, encoded=True), "data": body, "headers": headers, "allow_redirects": False}

    def _session(self) -> ClientSession:
        from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

        from infra.base.host_resolver import HostResolver

        connector = TCPConnector(
            resolver=HostResolver(allow_private=self.allow_private, on_thread=False),
            socket_factory=None if self.allow_private else public_socket,
            happy_eyeballs_delay=None,  # the first address that is refused ends the request
            force_close=True,
        )
        timeout = ClientTimeout(total=self.timeout_s)
        return ClientSession(
            connector=connector, timeout=timeout, cookie_jar=DummyCookieJar(), auto_decompress=False, trust_env=False
        )

    def _headers(self, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        return {
            "content-type": "application/cloudevents+json; charset=utf-8",
            "user-agent": "bachata-streams",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(signature(key, message_id, timestamp, body) for key in self.secrets),
        }

    def _check(self, status: int, retry_after: str) -> None:
        """Raise the fault of a status that is not 2xx."""
        if 200 <= status < 300:
            return
        if status in _LATER or status >= 500:
            raise self._away(f"answers {status}", wait_s(retry_after))
        hint = "; redirects are not followed" if 300 <= status < 400 else ""
        raise Poison(
            f"the webhook at {self.host} answers {status}{hint}: correct it or BACHATA_WEBHOOK_URL, then send the "
            "outcome again with `bachata dead-letters redrive`",
            reason="webhook_refuses",
        )

    def _away(self, what: str, wait: float = 0.0) -> Fault:
        return Retryable(f"the webhook at {self.host} {what}", "webhook_away", wait)


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a message: HMAC-SHA256 of its id, the time of the attempt (s since 1970) and its body."""
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def wait_s(retry_after: str) -> float:
    """Return the seconds, up to an hour, that a header `Retry-After` asks for; 0 for one that is not valid."""
    return retry_after_s(retry_after, _MAX_WAIT_S)


def configured_webhook(settings: Settings) -> Webhook | None:
    """Return the webhook of the settings, or None where they name none."""
    if settings.webhook_url is None or settings.webhook_secret is None:
        return None
    secrets = settings.webhook_secret.get_secret_value().split()
    keys = [base64.b64decode(secret.removeprefix(SECRET_PREFIX)) for secret in secrets]
    return Webhook(settings.webhook_url, keys, settings.webhook_private)
