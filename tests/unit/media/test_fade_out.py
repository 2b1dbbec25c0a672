"""The end of a copied AAC stream fades out; what is before it stays, and the join cannot be heard."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.packet import Packet

from agents.arrays import Floats
from agents.media.cached import open_cached
from agents.media.decode import open_audio
from agents.media.fade_out import Fade, decode_aac, fade_out
from agents.media.resample import stereo
from agents.rendering.audio import ensure_aac
from agents.rendering.splice import song_packets
from tests.paths import DEMO

BITRATE = 192_000
START_S, LENGTH_S, FADE_S = 20.0, 12.0, 1.0
SONG = DEMO / "songs" / "luna_124.mp3"


class Faded:
    """A part of a song as it is copied, and with its end faded out. Samples: (channels, samples) from time 0 on."""

    def __init__(self, song: Path, length_s: float = LENGTH_S, fade_s: float = FADE_S) -> None:
        with open_cached(song) as reader:
            stream = reader.audio
            self.rate = stream.rate
            self.fade = Fade(round((length_s - fade_s) * self.rate), round(length_s * self.rate))
            self.copied = list(song_packets(reader, START_S, length_s))
            self.packets = list(fade_out(iter(self.copied), stream, self.fade))
            self.before, self.after = sound(self.copied, stream), sound(self.packets, stream)

    def first_new(self) -> int:
        """Return the index of the first packet that is not copied."""
        return next(n for n, (a, b) in enumerate(zip(self.copied, self.packets, strict=True)) if bytes(a) != bytes(b))


def sound(packets: list[Packet[AudioStream]], stream: AudioStream) -> Floats:
    blocks = decode_aac(packets, stream)
    times = sorted(blocks)
    first = -times[0]
    return np.concatenate([blocks[time] for time in times], 1)[:, first:]


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure_aac(SONG, "a" * 64, BITRATE, tmp_path_factory.mktemp("song"))


@pytest.fixture(scope="module")
def faded(song: Path) -> Faded:
    return Faded(song)


def power(samples: Floats) -> float:
    return float(np.mean(samples**2))


def test_only_the_last_packets_are_encoded_anew(faded: Faded) -> None:
    first = faded.first_new()
    new_s = (len(faded.packets) - first) * 1024 / faded.rate
    assert FADE_S < new_s < FADE_S + 0.6
    assert [bytes(packet) for packet in faded.packets[:first]] == [bytes(packet) for packet in faded.copied[:first]]


def test_the_packets_have_the_same_times(faded: Faded) -> None:
    times = [(packet.pts, packet.dts, packet.duration) for packet in faded.packets]
    assert times == [(packet.pts, packet.dts, packet.duration) for packet in faded.copied]
    assert all(b[0] == (a[0] or 0) + (a[2] or 0) for a, b in pairwise(times))


def test_the_sound_before_the_join_is_the_same(faded: Faded) -> None:
    join = faded.copied[faded.first_new()].pts or 0
    assert np.array_equal(faded.before[:, :join], faded.after[:, :join])
    assert join > faded.fade.start - 0.6 * faded.rate


def test_the_join_differs_much_less_than_aac_from_its_source(faded: Faded) -> None:
    """In each packet from the join to the fade, the error is 10 dB below that of the first encoding there."""
    source = original(faded)
    join = faded.copied[faded.first_new()].pts or 0
    for at in range(join, faded.fade.start - 1024, 1024):
        block = slice(at, at + 1024)
        of_aac = power(faded.before[:, block] - source[:, block])
        assert power(faded.after[:, block] - faded.before[:, block]) < 0.1 * of_aac


def original(faded: Faded) -> Floats:
    """Return the song's samples before they were encoded."""
    with open_audio(SONG) as audio:
        samples = np.concatenate([frame.to_ndarray() for frame in stereo(audio.frames, audio.output_rate_hz)], 1)
    start = round(START_S * faded.rate)
    return samples[:, start : start + faded.fade.end + 2048].astype(np.float64)


def test_the_sound_falls_as_half_a_cosine_to_silence(faded: Faded) -> None:
    fade, block = faded.fade, 2048
    for at in range(fade.start, fade.end - block, block):
        expected = faded.before[:, at : at + block] * fade.gain(at, block)
        assert power(faded.after[:, at : at + block] - expected) < 0.05 * power(expected) + 1e-6
    assert power(faded.after[:, fade.end - 441 : fade.end]) < 1e-6 < power(faded.before[:, fade.end - 441 : fade.end])


def test_the_gain_is_one_before_the_fade_and_nothing_after_it() -> None:
    gain = Fade(100, 200).gain(90, 120)
    assert gain[:11].tolist() == [1.0] * 11
    assert np.all(np.diff(gain[10:111]) < 0)
    assert gain[110:].tolist() == pytest.approx([0.0] * 10, abs=1e-12)


@pytest.mark.parametrize("length_s", [0.005, 0.03, 0.2, 0.5])
def test_a_sound_that_is_hardly_longer_than_its_fade_fades_too(song: Path, length_s: float) -> None:
    faded = Faded(song, length_s, length_s / 2)
    assert [packet.pts for packet in faded.packets] == [packet.pts for packet in faded.copied]
    if length_s > 0.1:
        last = slice(faded.fade.end - 441, faded.fade.end)
        assert power(faded.after[:, last]) < 0.01 * power(faded.before[:, last])


def test_the_same_sound_gives_the_same_packets(song: Path, faded: Faded) -> None:
    assert [bytes(packet) for packet in Faded(song).packets] == [bytes(packet) for packet in faded.packets]


def test_the_stream_has_the_same_header(faded: Faded, song: Path, tmp_path: Path) -> None:
    """The new packets are of the kind that the copied stream's header describes: any decoder reads both."""
    target = tmp_path / "faded.m4a"
    with open_cached(song) as reader, av.open(str(target), "w") as writer:
        stream = writer.add_stream_from_template(reader.audio)
        for packet in fade_out(song_packets(reader, START_S, 3.0), reader.audio, Fade(100_000, 132_300)):
            packet.stream = stream
            writer.mux_one(packet)
    with av.open(str(target)) as written:
        frames = list(written.decode(audio=0))
    assert sum(frame.samples for frame in frames) / frames[0].sample_rate == pytest.approx(3.0, abs=0.05)
    assert power(frames[-1].to_ndarray().astype(np.float64)) < 1e-6
