"""Files that were cut short or are damaged are taken, with a warning that says how much of them is missing."""

from __future__ import annotations

import struct
from pathlib import Path
from shutil import copy
from typing import Literal

import pytest

from agents.intake.accepted import accepted
from agents.media.probe import probe
from agents.media.stated_length import lost_warnings
from schemas.base import MediaFacts, ProbedMedia, Source
from schemas.faults import Poison
from schemas.song_submitted import SongSubmitted
from tests.odd_media.marked import original, song
from tests.odd_media.patched import cut_short
from tests.odd_media.writer import Sound, Video, write
from tests.paths import DEMO, SHARED
from tests.unit.media.media_builders import FORMAT_CLIP_S, MadeOnce, tone, write_sound
from tests.unit.media.media_builders import write_clip as write_gradient

_SONG_S = 12.5
_STATED = (
    *("song.mp3", "song-stereo.mp3", "song.flac", "s16.wav", "s24.wav", "f32.wav", "adpcm.wav", "rf64.wav", "song.w64"),
    *("song.aiff", "f32.aifc", "song.caf", "ima.caf", "song.wma", "song.mka"),
)
_NOT_STATED = ("song.mp2", "song.opus", "song.aac", "song.ac3", "song.ts", "song.vob")
_INDEX_AT_THE_END = ("song.m4a", "alac.m4a", "alac.caf", "s32.mov")


def _cut(whole: Path, folder: Path, share: float) -> Path:
    """Return a copy of the first part of a file."""
    return cut_short(Path(copy(whole, folder)), share)


@pytest.mark.parametrize("name", _STATED)
def test_a_song_that_was_cut_says_how_much_is_missing(tmp_path: Path, song_of: MadeOnce, name: str) -> None:
    facts = probe(_cut(song_of(name), tmp_path, 0.83), "audio")
    assert facts.duration_s + facts.missing_s == pytest.approx(_SONG_S, abs=0.15)
    assert facts.missing_s == pytest.approx(0.17 * _SONG_S, abs=0.35)
    [warning] = lost_warnings(facts)
    assert warning.startswith(f"the file ends early: {facts.missing_s:.1f} of its 1")
    assert warning.endswith(" seconds are missing; copy or download it again")


@pytest.mark.parametrize("name", _NOT_STATED)
def test_nothing_is_invented_for_a_song_that_states_no_length(tmp_path: Path, song_of: MadeOnce, name: str) -> None:
    assert lost_warnings(probe(_cut(song_of(name), tmp_path, 0.85), "audio")) == []


@pytest.mark.parametrize("name", _INDEX_AT_THE_END)
def test_a_song_without_its_index_is_incomplete(tmp_path: Path, song_of: MadeOnce, name: str) -> None:
    path = _cut(song_of(name), tmp_path, 0.83)
    with pytest.raises(Poison, match="incomplete: its index is missing; copy or download it again") as caught:
        probe(path, "audio")
    assert caught.value.reason == "not_media"


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mov", "phone.3gp"])
def test_a_clip_without_its_index_is_incomplete(tmp_path: Path, clip_of: MadeOnce, name: str) -> None:
    with pytest.raises(Poison, match="incomplete: its index is missing; copy or download it again"):
        probe(_cut(clip_of(name), tmp_path, 0.6), "video")


@pytest.mark.parametrize("name", ["mjpeg.avi", "mpeg4.avi", "dv.avi", "clip.mkv", "clip.webm"])
def test_a_clip_that_was_cut_says_how_much_is_missing(tmp_path: Path, clip_of: MadeOnce, name: str) -> None:
    facts = probe(_cut(clip_of(name), tmp_path, 0.6), "video")
    assert facts.duration_s + facts.missing_s == pytest.approx(FORMAT_CLIP_S, abs=0.1)
    assert facts.missing_s == pytest.approx(0.4 * FORMAT_CLIP_S, abs=0.3)


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_an_mp4_with_its_index_in_front_says_how_much_is_missing(tmp_path: Path, share: float) -> None:
    path = write_gradient(tmp_path / "a.mp4", 8, options={"movflags": "faststart"})
    facts = probe(cut_short(path, share), "video")
    assert facts.duration_s + facts.missing_s == pytest.approx(8, abs=0.1)
    assert facts.missing_s > 1


def test_a_last_picture_that_stays_for_seconds_is_not_missing(tmp_path: Path) -> None:
    pictures = [*original().part(0, 3), (6.0, original().at(3)), (11.0, original().at(3))]
    path = write(
        tmp_path / "a.mp4", [(time, rgb[::4, ::4]) for time, rgb in pictures], video=Video("mpeg4", options={})
    )
    content = bytearray(path.read_bytes().replace(b"edts", b"free"))
    at = content.index(b"stts") + 8
    last = at + 8 * int.from_bytes(content[at : at + 4], "big")  # of the list of times, the last picture's
    content[last : last + 4] = (1_000_000).to_bytes(4, "big")
    duration = content.index(b"mdhd") + 20
    content[duration : duration + 4] = (2_000_000).to_bytes(4, "big")
    path.write_bytes(content)
    assert lost_warnings(probe(path, "video")) == []


@pytest.mark.parametrize("name", ["song.mp3", "song.flac", "song.m4a", "song.ts", "song.m2ts", "song.vob"])
def test_damage_in_the_middle_is_told_from_a_missing_end(tmp_path: Path, song_of: MadeOnce, name: str) -> None:
    path = tmp_path / name
    content = bytearray(song_of(name).read_bytes())
    middle, size = len(content) // 2, len(content) // 8
    content[middle : middle + size] = bytes(size)
    path.write_bytes(content)
    facts = probe(path, "audio")
    assert facts.missing_s == 0
    assert facts.damaged_s == pytest.approx(_SONG_S / 8, abs=0.3)
    assert f"the file is damaged: {facts.damaged_s:.1f} of its" in lost_warnings(facts)[0]


def test_the_sentences_have_as_many_digits_as_make_sense() -> None:
    facts = ProbedMedia(format="mp3", codec="mp3", duration_s=125.0, missing_s=62.0, damaged_s=1.54)
    assert lost_warnings(facts) == [
        "the file ends early: 62 of its 189 seconds are missing; copy or download it again",
        "the file is damaged: 1.5 of its 189 seconds do not decode; copy or download it again",
    ]


def test_an_accepted_song_carries_the_warning() -> None:
    song = MediaFacts(
        sha256="0" * 64, size_bytes=1, kind="audio", format="mp3", codec="mp3", duration_s=20, missing_s=10
    )
    event = SongSubmitted(source=Source(path="a.mp3"), request_id="a")
    assert accepted(event, song).warnings == (
        "the file ends early: 10 of its 30 seconds are missing; copy or download it again",
    )


@pytest.mark.parametrize("claim", [0, 0xFFFFFFFF, 0xFFFFFFF0, 0x7FFFFFFF])
def test_a_wav_that_was_written_as_a_stream_lacks_nothing(tmp_path: Path, claim: int) -> None:
    path = write_sound(tmp_path / "a.wav", tone(11), "pcm_s16le")
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = claim.to_bytes(4, "little")
    path.write_bytes(content)
    assert probe(path, "audio").missing_s == 0


_REAL: list[tuple[Path, Literal["audio", "video"]]] = [
    *((path, "audio") for path in sorted((DEMO / "songs").glob("*.mp3"))),
    *((path, "video") for path in sorted((DEMO / "clips").glob("*.mp4"))),
    *((path, "audio") for path in sorted((SHARED / "songs").glob("*.mp3"))[:3]),
]


@pytest.mark.parametrize(("path", "kind"), _REAL, ids=[path.name for path, _ in _REAL])
def test_a_real_file_gives_no_false_warning(path: Path, kind: Literal["audio", "video"]) -> None:
    assert lost_warnings(probe(path, kind)) == []


@pytest.mark.parametrize(("seconds", "accepted"), [(9.97, True), (9.949, False), (9.9, False)])
def test_the_shortest_song_has_a_little_tolerance_and_the_sentence_makes_sense(
    tmp_path: Path, seconds: float, accepted: bool
) -> None:
    path = write_sound(tmp_path / "a.wav", tone(seconds), "pcm_s16le")
    if accepted:
        assert probe(path, "audio").duration_s == pytest.approx(seconds, abs=0.001)
        return
    with pytest.raises(Poison, match=r"^only 9\.9 s of it decode; a song has 10 s or more$"):
        probe(path, "audio")


def vbri(content: bytes, frames: int) -> bytes:
    """Return an MP3 whose first frame holds the count of frames as the encoder of Fraunhofer writes it."""
    at = content.index(b"\xff\xfb")
    first = bytearray(content[at : at + 400])
    first[4:] = bytes(396)
    first[36:54] = b"VBRI" + struct.pack(">HHHII", 1, 0, 75, len(content), frames)
    return bytes(first) + content[at + 400 :]


def test_an_mp3_of_variable_rate_without_a_count_lacks_nothing(tmp_path: Path) -> None:
    sound = Sound(song(), "libmp3lame", bit_rate=112_000, options={"abr": "1"})
    path = write(tmp_path / "a.mp3", sounds=[sound], options={"write_xing": "0"})
    path.write_bytes(path.read_bytes() + bytes(100))
    assert lost_warnings(probe(path, "audio")) == []
    cut_short(path, 0.85)
    assert lost_warnings(probe(path, "audio")) == []


def test_the_count_of_another_encoder_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp3", sounds=[Sound(song(), "libmp3lame", bit_rate=128_000)])
    path.write_bytes(vbri(path.read_bytes(), round(_SONG_S * 44_100 / 1152)))
    assert probe(path, "audio").missing_s == 0
    assert probe(cut_short(path, 0.83), "audio").missing_s == pytest.approx(0.17 * _SONG_S, abs=0.3)


def test_a_video_of_windows_media_is_refused_by_the_name_of_its_codec(tmp_path: Path) -> None:
    path = write_gradient(tmp_path / "a.wmv", 3, codec="wmv2", sound=False)
    with pytest.raises(Poison, match="video codec is wmv2, which is not taken; give h264"):
        probe(path, "video")
