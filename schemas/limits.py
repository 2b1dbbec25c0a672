"""Limits of the songs, clips and searches that are accepted."""

from __future__ import annotations

from typing import Final, Literal

MediaKind = Literal["audio", "video"]

MAX_BYTES: Final[dict[MediaKind, int]] = {"audio": 500 << 20, "video": 2 << 30}  # size of a stored file
SONG_S: Final = (10.0, 20 * 60.0)  # shortest and longest song
CLIP_S: Final = (2.0, 10 * 60.0)  # shortest and longest clip
CLIP_FPS: Final = (5.0, 240.0)  # lowest and highest mean frame rate of a clip
MAX_PIXELS: Final = 4096 * 2304  # of one picture; a small file can hold one that decodes to gigabytes
MAX_SIDE_PX: Final = 4096  # longer side of one picture
MAX_PICTURES: Final = 240 * 600  # of one clip: ten minutes at the highest frame rate
MAX_STREAMS: Final = 16  # in one file
SOUND_RATES_HZ: Final = range(8_000, 192_001)  # sample rates of a sound
MAX_CHANNELS: Final = 8  # of a sound
MAX_SOUND_S: Final = 30 * 60.0  # of any file's sound that is decoded
MAX_SEARCHED_TEMPO_BPM: Final = 1000.0  # of a search for moves; no music is that fast
