"""Follow requests until their outcome, and display a line or a bar for each step."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from time import monotonic

from infra.settings import load_settings
from schemas.progress import Progress
from streams.cli.terminal_display import TerminalDisplay
from streams.cli.wait_watch import WaitWatch
from streams.client import Client, RequestResult, Update
from streams.client.arguments import Request
from streams.kafka import kafka_faults
from streams.local.services import Endpoint, waits_for

_LINE_INTERVAL_S = 10.0  # without a terminal, between lines of a step that takes long


def follow(endpoint: Endpoint, requests: Sequence[Request]) -> dict[str, RequestResult]:
    """Submit the requests and return their results, by request id. Progress is displayed on standard error only.

    Raises: `Retryable` (`kafka`) where Kafka fails; `KeyboardInterrupt` that says which requests go on.
    """
    results = {str(request.request_id): RequestResult() for request in requests}
    submitted: list[str] = []
    try:
        with kafka_faults(endpoint.kafka):
            asyncio.run(_submit_and_follow(endpoint, requests, results, submitted))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_going_on(submitted)) from None
    return results


def _going_on(submitted: Sequence[str]) -> str:
    if not submitted:
        return "stopped"
    requests = "the request is" if len(submitted) == 1 else f"{len(submitted)} requests are"
    return f"stopped; {requests} submitted and done by the next worker that runs: `bachata status {submitted[0]}`"


async def _submit_and_follow(
    endpoint: Endpoint,
    requests: Sequence[Request],
    results: dict[str, RequestResult],
    submitted: list[str],
) -> None:
    with _Display(results) as display, WaitWatch(partial(waits_for, load_settings()), display.print_line) as watch:
        async with Client(endpoint.kafka, source="/command-line") as client:
            for request in requests:
                await client.submit_event(request)
                submitted.append(str(request.request_id))
            async for update in client.follow(list(results)):
                results[update.request_id].add(update)
                display.display(update)
                if not _is_wait(update):
                    watch.progressed()
            display.display_remaining_ends()


def _is_wait(update: Update) -> bool:
    return isinstance(update, Progress) and update.state == "waiting"


class _Display(TerminalDisplay):
    """Displays progress: of one request a bar on a terminal, else a line for each step and every 10 s.

    Of several requests each has a bar, and a line at its end.
    """

    def __init__(self, results: Mapping[str, RequestResult]) -> None:
        self._results = results
        self._displayed_ends: set[str] = set()
        self._printed_at = monotonic()

    def display(self, update: Update) -> None:
        """Display a message."""
        if isinstance(update, Progress):
            self._display_progress(update)
        result = self._results[update.request_id]
        if result.has_outcome and result.has_last_progress:
            self._display_end(update.request_id)

    def display_remaining_ends(self) -> None:
        """Display the end of the requests whose last progress was dropped."""
        for request_id in self._results:
            self._display_end(request_id)

    def _display_progress(self, progress: Progress) -> None:
        if progress.state == "waiting":
            self.print_line(f"{_title(progress, 40)} waits: {progress.error}")
        elif self.bars is not None:
            if progress.request_id not in self._displayed_ends:
                self.bars.update(progress.request_id, _title(progress, 26), progress.fraction)
        elif progress.state in {"done", "failed"} and len(self._results) == 1:
            result_text = progress.error or ("cached" if progress.cached else f"{progress.seconds:.2f} s")
            self.print_line(f"{_title(progress, 40)}: {result_text}")
        elif progress.state == "running" and monotonic() - self._printed_at >= _LINE_INTERVAL_S:
            self.print_line(f"{_title(progress, 40)}: {progress.fraction:.0%}")

    def _display_end(self, request_id: str) -> None:
        """Print one line for each of several requests, and remove its bar."""
        if len(self._results) == 1 or request_id in self._displayed_ends:
            return
        self._displayed_ends.add(request_id)
        if self.bars is not None:
            self.bars.remove(request_id)
        result = self._results[request_id]
        ended = result.ended
        subject, error = (ended.subject, ended.error) if ended else (request_id, None)
        result_text = error or ("cached" if result.is_cached else f"{result.seconds:.2f} s")
        self.print_line(f"[{len(self._displayed_ends)}/{len(self._results)}] {subject[:40]}: {result_text}")

    def print_line(self, line: str) -> None:
        """Print a line, above the bars if there are any."""
        self._printed_at = monotonic()
        super().print_line(line)


def _title(progress: Progress, characters: int) -> str:
    return f"{progress.subject[:characters]}: {progress.step.replace('_', ' ')}"
