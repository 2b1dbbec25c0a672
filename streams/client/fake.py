"""A fake of the service in memory, for tests of programs that use the client: no Kafka, no worker.

service = FakeService(lambda event: failed("no_audio", "it has no sound") if event.title == "bad" else done())
async with FakeClient(service) as client:
    request_id = await client.submit(b"...", title="good")
    outcome = await client.wait(request_id)
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path

from infra.kafka_connection import KafkaConnection
from schemas.request_ended import RequestEnded
from streams.client.client import AnyClient
from streams.client.memory_log import MemoryLog
from streams.client.scripted import Script, Scripted, ScriptedService, Submitted, done, failed, never_ends
from streams.client.songs import SongStore

__all__ = ["FakeClient", "FakeService", "Script", "Scripted", "done", "failed", "never_ends"]


class FakeService:
    """What a Kafka and its workers are to a client. `script` returns what becomes of a request; default: it is done.

    Several clients may use it, one after the other or at the same time; each sees what the others have submitted.
    """

    def __init__(self, script: Script = lambda _: done()) -> None:
        self._scripted = ScriptedService(script)
        self.log = MemoryLog(self._scripted)
        self.folder = Path(tempfile.mkdtemp(prefix="fake-service-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    @property
    def submitted(self) -> tuple[Submitted, ...]:
        """Return the requests that were submitted, each once."""
        return tuple(self._scripted.submitted)

    async def end(self, ended: RequestEnded) -> None:
        """Publish an outcome, whatever the script says."""
        await self.log.publish([self._scripted.end_with(ended)])


class FakeClient(AnyClient):
    """A client of a fake service; it has the methods of `Client` and runs the same code. Default: its own service."""

    def __init__(self, service: FakeService | None = None, source: str = "/client") -> None:
        self.service = service or FakeService()
        super().__init__(self.service.log, SongStore(KafkaConnection("fake"), self.service.folder), source)
