"""The client with a real worker: what the scripts of the fake stand for."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.client import Client, RequestCancelledError, RequestFailedError, SyncClient
from streams.ids import new_request_id
from tests.broker.conftest import DataFolder, request_in_partition_of

pytestmark = pytest.mark.broker
_TIMEOUT_S = 60.0


def _client(data_folder: DataFolder) -> SyncClient:
    return SyncClient(Client(data_folder.kafka, data_folder=data_folder.path))


def test_a_file_that_is_no_song_fails_and_cannot_be_cancelled_any_more(data_folder: DataFolder, tmp_path: Path) -> None:
    file, request_id = tmp_path / "song.mp3", new_request_id()
    file.write_bytes(b"no song" * 100)
    with _client(data_folder) as client:
        position = client.end_position()
        assert client.submit(file, request_id=request_id) == request_id
        with pytest.raises(RequestFailedError) as raised:
            client.wait(request_id, timeout_s=_TIMEOUT_S)
        assert not client.cancel(request_id, timeout_s=_TIMEOUT_S)
        ended = raised.value.outcome
        assert (ended.ended.step, ended.ended.subject) == ("intake", "song")
    with _client(data_folder) as client:
        assert client.outcome(request_id) == ended
        found = next(outcome for outcome in client.results(position) if outcome.request_id == request_id)
        assert (found.id, found.ended) == (ended.id, ended.ended)


def test_a_request_that_is_held_is_cancelled(data_folder: DataFolder) -> None:
    request_id = new_request_id()
    behind = request_in_partition_of(request_id)
    with _client(data_folder) as client:
        client.hold(request_id)
        assert client.cancel(behind, timeout_s=_TIMEOUT_S)  # so the worker knows of the hold
        client.submit(b"no song", request_id=request_id)
        assert client.cancel(request_id, timeout_s=_TIMEOUT_S)
        with pytest.raises(RequestCancelledError, match="cancelled in request_control"):
            client.wait(request_id, timeout_s=_TIMEOUT_S)
        assert client.cancel(request_id, timeout_s=_TIMEOUT_S)
