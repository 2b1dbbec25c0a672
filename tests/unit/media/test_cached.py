"""A cached file is read packet by packet, and a damaged one is removed."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from agents.media.cached import cache_damaged, open_cached
from agents.media.mezzanine import ensure
from schemas.faults import Retryable
from tests.unit.media.known_media import Clip


def test_packets_begin_at_the_requested_key_frame(clips: dict[str, Clip], cache: Path) -> None:
    clip = clips["30"]
    mezzanine = ensure(clip.path, clip.sha, clip.beats, "fast", cache)
    with open_cached(mezzanine.path) as reader:
        first = next(reader.packets(reader.video, mezzanine.keyframe_pts[1]))
        assert (first.pts, first.is_keyframe) == (mezzanine.keyframe_pts[1], True)
        assert reader.path == mezzanine.path


def test_opening_decodes_nothing(clips: dict[str, Clip], cache: Path) -> None:
    """The pixel format is known from the first decoded frame on."""
    clip = clips["30"]
    made = ensure(clip.path, clip.sha, clip.beats, "fast", cache)
    with open_cached(made.path) as reader:
        assert reader.video.codec_context.pix_fmt is None
    with av.open(str(made.path)) as plain:
        assert plain.streams.video[0].codec_context.pix_fmt == "yuv420p"


def test_a_damaged_file_is_removed_and_the_message_has_no_path(tmp_path: Path) -> None:
    damaged = tmp_path / "a.mp4"
    damaged.write_bytes(b"no mp4 at all")
    with pytest.raises(Retryable) as caught, open_cached(damaged):
        pass
    assert (str(caught.value), caught.value.reason) == ("a cached file was damaged and is made again", "cache_damaged")
    assert not damaged.exists()


def test_a_missing_file_is_made_again_too(tmp_path: Path) -> None:
    with pytest.raises(Retryable) as caught, open_cached(tmp_path / "missing.mp4"):
        pass
    assert str(caught.value) == str(cache_damaged())
