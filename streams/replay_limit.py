"""The last step of a replay: a signed header, so that only our own replays end before the last step of a request.

Events that follow from a replayed event carry the header. An event of somebody else's with it would have no outcome.
The key is a file in the folder of the media store: all workers and `bachata replay` share it, senders of events do
not. The signature is of the replayed event and its request, so that it is of no use in another request.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable
from pathlib import Path

from infra.base.secret_file import read_secret
from streams.envelope import REPLAY_OF, REPLAY_SIGNATURE, REPLAY_TO, Headers, Record
from streams.structured_mode import MAX_HEADER_BYTES

log = logging.getLogger(__name__)
_KEY_FILE = "replay-key"


def replay_key(media_dir: Path) -> bytes:
    """Return the key of the installation that has this media store; it is created if missing.

    Raises: `OSError`; `ValueError` for a file without a key.
    """
    return read_secret(media_dir / _KEY_FILE).encode()


def limit_headers(key: bytes, root_id: bytes, to_step: str, request_id: str) -> Headers:
    """Return the headers of a replayed event that is not processed after `to_step`; `root_id`: see `REPLAY_OF`."""
    return [(REPLAY_TO, to_step.encode()), (REPLAY_SIGNATURE, _signature(key, root_id, to_step, request_id))]


def ends_after(record: Record, step: str, request_id: str, key: Callable[[], bytes]) -> bool:
    """Return whether a record is of a replay of ours that ends with `step`. `key` is called only if that is stated."""
    if record.header(REPLAY_TO) != step:
        return False
    signature = record.raw_header(REPLAY_SIGNATURE) or b""
    try:
        expected = _signature(key(), record.raw_header(REPLAY_OF) or b"", step, request_id)
    except (OSError, ValueError) as error:
        log.warning("the replay of request %s does not end with %s: no key: %s", request_id, step, error)
        return False
    return hmac.compare_digest(signature, expected)


def _signature(key: bytes, root_id: bytes, to_step: str, request_id: str) -> bytes:
    root = root_id[:MAX_HEADER_BYTES]  # as it is carried
    text = b"".join(len(part).to_bytes(4, "big") + part for part in (root, to_step.encode(), request_id.encode()))
    return hmac.new(key, text, "sha256").hexdigest().encode()
