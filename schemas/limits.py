"""Limits of the songs, clips and searches that are accepted, and of the values in events that follow from them.

A value beyond a limit of an event was not measured on accepted media: the event is refused when it is read, before any
step works on it. `tests/unit/schemas/test_limits.py` finds a number, text or list of an event that has no limit.
"""

from __future__ import annotations

from typing import Final, Literal

MediaKind = Literal["audio", "video"]

MAX_BYTES: Final[dict[MediaKind, int]] = {"audio": 500 << 20, "video": 2 << 30}  # size of a stored file
SONG_S: Final = (10.0, 20 * 60.0)  # shortest and longest song
CLIP_S: Final = (2.0, 10 * 60.0)  # shortest and longest clip
RECORDING_S: Final = (4.0, 30 * 60.0)  # shortest and longest recording that is cut into moves
POSE_RATE_HZ: Final = (5.0, 60.0)  # frames per second of a clip in which dancers are detected
POSE_CONFIDENCE: Final = (0.05, 0.95)  # lowest score of a detected dancer: below, all is a dancer; above, nothing is
CLIP_FPS: Final = (5.0, 1_000.0)  # lowest and highest mean frame rate of a clip; phones record up to 960
MAX_PIXELS: Final = 4096 * 2304  # of one picture; a small file can hold one that decodes to gigabytes
MAX_SIDE_PX: Final = 4096  # longer side of one picture
MAX_PICTURES: Final = 240 * 600  # of one clip: ten minutes at 240 frames a second, 2.5 minutes at 960
MAX_STREAMS: Final = 16  # in one file
MAX_DOWNLOAD_S: Final = 1800  # of one file; a setting chooses less
SOUND_RATES_HZ: Final = range(8_000, 192_001)  # sample rates of a sound
MAX_CHANNELS: Final = 8  # of a sound
MAX_SOUND_S: Final = 30 * 60.0  # of any file's sound that is decoded
MAX_SEARCHED_TEMPO_BPM: Final = 1000.0  # of a search for moves; no music is that fast
MAX_SEARCHED_DURATION_S: Final = 86_400.0  # of a search for moves; no clip is that long

# Media in events. Clips' sounds are not limited like songs: rates and channels are what containers can state.
MAX_MEDIA_S: Final = MAX_SOUND_S + 60.0  # duration, and time within a file: the longest sound, rounded up
MAX_STATED_RATE_HZ: Final = 1_000_000
MAX_STATED_CHANNELS: Final = 256
MAX_STATED_FPS: Final = 1_100.0  # a rate is measured, and so may be a little above that of a clip
MAX_VIDEO_PICTURES: Final = int(MAX_MEDIA_S) * 120  # of a finished video: no picture is shown for less than 1/120 s
MAX_CUT_ERROR_MS: Final = 1e7
MAX_FORMAT_CHARACTERS: Final = 100  # of the names of a container and a codec
END_TOLERANCE_S: Final = 10.0  # two ways to measure a damaged file's duration differ by less

# Beats. Detected tempi are 93 to 187 BPM and may drift, be halved or doubled, or be replaced by tapped beats.
TEMPO_BPM: Final = (10.0, 500.0)
ANNOTATED_TEMPO_BPM: Final = (20.0, 400.0)
MIN_BEAT_INTERVAL_S: Final = 0.02  # where tapped beats meet detected ones it can be a part of a beat
MAX_TEMPO_RATIO: Final = 4.0  # of the stated tempo to that of the median interval between beats, or the reverse
MAX_BEATS: Final = 16_000  # of a sound: the longest at the highest tempo
MAX_CLIP_BEATS: Final = 6_000  # of a clip's picture
MAX_TAPPED_BEATS: Final = 10_000
MAX_SECTIONS: Final = 1_000
MAX_DOUBTS: Final = 3 * MAX_SECTIONS  # one of each kind for each section
MAX_ACCENTS: Final = MAX_BEATS
MIN_BEATS_PER_ONE: Final = 4  # on average: more 1s than that make thousands of phrases, each with a plan of its own

# Moves, scores and plans.
MAX_EIGHTS: Final = MAX_CLIP_BEATS // MIN_BEATS_PER_ONE
MAX_WINDOWS: Final = 600  # of a clip: each lasts a second or more
POSE_VALUES: Final = 52  # two dancers with 13 joints of two coordinates
MAX_POSE: Final = 1e4  # torso lengths: the picture's side over a torso of less than a pixel
MAX_MOTION: Final = 1e6  # torso lengths per second, torso lengths or turns per bar
MAX_JOINTS: Final = 16
MAX_JOINED_HANDS: Final = 4  # each hand of one dancer with each hand of the other
MAX_PLACE: Final = 100.0  # pictures: landmarks can be far outside
MAX_TURNS: Final = 100.0  # in an eight
MAX_LOOK_VALUES: Final = 256
MAX_EMBEDDING_VERSION: Final = 10_000
EMBEDDING_NORM: Final = (0.9, 1.1)  # it is 1, rounded
MAX_PHRASES: Final = MAX_BEATS // MIN_BEATS_PER_ONE + MAX_SECTIONS
MAX_SEGMENTS: Final = MAX_PHRASES
MAX_RENDERED_PARTS: Final = 2 * MAX_SEGMENTS  # a runner-up can have several parts, each of four beats or more
MAX_POINTS: Final = 10**6  # that a dance loses, and of seams
MAX_SHOTS: Final = 10  # of one plan
MAX_RUNNERS_UP: Final = 3  # of one segment
MAX_MUSIC_PARTS: Final = 100  # of a song that is cut
MAX_JOIN_SHIFT_MS: Final = 20.0
MAX_JOIN_CHANGE: Final = 1e6
MIN_MUSIC_PART_S: Final = 1.0  # two joins are farther apart than what is compared at one
MAX_WISHES: Final = 200  # pins, bans, and moves of some sections only, of one request
MAX_SECTION_NAMES: Final = 16
MAX_ALTERNATIVES: Final = 20
MAX_RULES: Final = 100  # of the dance, that one request changes
MAX_RULE_POINTS: Final = 100.0
MAX_CANDIDATES: Final = 100  # of one phrase
MAX_MOVES: Final = 2_000  # that the phrases of one song name
MAX_MISSING_CLIPS: Final = 100  # that scores name
MAX_TERMS: Final = 32  # of one score
MAX_TERM: Final = 1e6  # a part runs over a hundred phrases at most, each with terms of less than 1,000
STRETCH: Final = (1e-3, 1e3)  # song time over clip time

# Costs of a step.
MAX_SECONDS: Final = 1e9  # thirty years: a step waits for a full disk without limit
MAX_MEMORY_BYTES: Final = 1 << 50

# Texts, in characters.
MAX_NAME_CHARACTERS: Final = 200
MAX_CODE_CHARACTERS: Final = 100  # reason codes, ids of dead letters, versions of the library, names of terms
MAX_LINE_CHARACTERS: Final = 1_000  # error messages and warnings
MAX_NOTES_CHARACTERS: Final = 2_000
MAX_TAGS: Final = 32  # of one move
MAX_PATH_CHARACTERS: Final = 4_096
MAX_URL_CHARACTERS: Final = 2048
MAX_WARNINGS: Final = 32  # of one event
