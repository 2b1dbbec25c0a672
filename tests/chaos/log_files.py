"""Damage the files of a stopped broker as a power cut or a bad disk would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_SEGMENT = "*.log"
_COUNT_AT = 57  # in a batch: where the number of its records is


def segments(kafka_folder: Path, topic: str) -> list[Path]:
    """Return the newest segment of each partition of a topic."""
    folders = sorted((kafka_folder / "log").glob(f"{topic}-[0-9]*"))
    return [max(folder.glob(_SEGMENT)) for folder in folders]


def lose_tail(kafka_folder: Path, topic: str, share_left: float) -> None:
    """Cut the newest segments of a topic to a share of their batches, as if the rest had never reached the disk."""
    for segment in segments(kafka_folder, topic):
        ends = [0, *(end for _, end in _batches(segment))]
        _cut(segment, ends[int((len(ends) - 1) * share_left)])
    # Without these the broker reads the segments again, as after a power cut.
    for name in (".kafka_cleanshutdown", "recovery-point-offset-checkpoint"):
        (kafka_folder / "log" / name).unlink(missing_ok=True)


def lose_unflushed(kafka_folder: Path, topic: str) -> int:
    """Cut a topic to what the broker had flushed to the disk, as a power cut would at worst.

    Return the number of batches that are lost. The broker writes how far it flushed to a file, at an interval
    (`log.flush.offset.checkpoint.interval.ms`).
    """
    flushed, lost = _flushed_offsets(kafka_folder), 0
    for segment in segments(kafka_folder, topic):
        data = segment.read_bytes()
        offset = flushed.get(segment.parent.name, 0)
        batches = list(_batches(segment))
        flushed_ends = [end for start, end in batches if int.from_bytes(data[start : start + 8]) < offset]
        lost += len(batches) - len(flushed_ends)
        _cut(segment, max(flushed_ends, default=0))
    return lost


def _flushed_offsets(kafka_folder: Path) -> dict[str, int]:
    """Return the offset up to which each partition is flushed, by the name of its folder."""
    lines = (kafka_folder / "log" / "recovery-point-offset-checkpoint").read_text().splitlines()[2:]
    return {f"{topic}-{partition}": int(offset) for topic, partition, offset in map(str.split, lines)}


def _cut(segment: Path, end: int) -> None:
    with segment.open("r+b") as file:
        file.truncate(end)
    for derived in segment.parent.glob("*.*index"):
        derived.unlink()


def flip_bits(kafka_folder: Path, topic: str) -> int:
    """Change a byte in a middle batch of each of the newest segments; return the number of records in these batches.

    The broker must have been stopped, not killed: after a kill it would cut the log at the changed batch.
    """
    records = 0
    for segment in segments(kafka_folder, topic):
        batches = list(_batches(segment))
        start, end = batches[len(batches) // 2]
        data = bytearray(segment.read_bytes())
        data[end - 1] ^= 0x55
        segment.write_bytes(data)
        records += int.from_bytes(data[start + _COUNT_AT : start + _COUNT_AT + 4])
    return records


def _batches(segment: Path) -> Iterator[tuple[int, int]]:
    """Yield where each batch of a segment begins and ends, in bytes."""
    data = segment.read_bytes()
    start = 0
    while start + 12 <= len(data):
        end = start + 12 + int.from_bytes(data[start + 8 : start + 12])
        if end <= start + 12 or end > len(data):
            return
        yield start, end
        start = end
