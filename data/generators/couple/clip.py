"""Render a clip of the catalogue: its mp4, the JSON of its beats and its exact joints."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.generators.couple.catalogue import ClipSpec
from data.generators.couple.couple import ENERGIES, Couple
from data.generators.couple.film import AUDIO_RATE, FPS, write_film
from data.generators.couple.geometry import JOINT_UNITS, Vectors
from data.generators.couple.moves import MOVES
from data.generators.couple.render import Picture, Renderer
from data.generators.music.loop import make_loop

EIGHTS = 2
BEATS = 8 * EIGHTS + 1  # with the closing 1
LEAD_IN_S, TAIL_S = 0.40, 0.40  # less than a beat, so that the clip has exactly BEATS beats


@dataclass(frozen=True)
class Timing:
    """The times of the counts of a clip."""

    tempo_bpm: float

    @property
    def beat_s(self) -> float:
        """Return the seconds from beat to beat."""
        return 60.0 / self.tempo_bpm

    @property
    def frames(self) -> int:
        """Return the number of frames of the clip."""
        return math.ceil((LEAD_IN_S + (BEATS - 1) * self.beat_s + TAIL_S) * FPS)

    def count(self, seconds: float) -> float:
        """Return the continuous count at a time of the clip: 1.0 on the first beat."""
        return 1.0 + (seconds - LEAD_IN_S) / self.beat_s

    def facts(self, name: str) -> dict[str, object]:
        """Return the clip's JSON."""
        return {
            "clip": name,
            "tempo_bpm": self.tempo_bpm,
            "beats": [round(LEAD_IN_S + beat * self.beat_s, 4) for beat in range(BEATS)],
            "counts": [beat % 8 + 1 for beat in range(BEATS)],
            "fps": FPS,
            "duration_s": round(self.frames / FPS, 4),
        }


@dataclass
class Shot:
    """A clip during rendering; `joints` grows by one array (2, joints, 2) per frame, in fractions of the picture."""

    spec: ClipSpec
    renderer: Renderer
    joints: list[Vectors] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Create the couple."""
        self.timing = Timing(self.spec.tempo_bpm)
        energy = ENERGIES[self.spec.energy]
        bodies = self.renderer.dancers[0].skeleton, self.renderer.dancers[1].skeleton
        self.couple = Couple(bodies, MOVES[self.spec.move](energy.step), energy)

    def pictures(self, on_frame: Callable[[], None]) -> Iterator[Picture]:
        """Yield the clip's pictures in order; call `on_frame` after each."""
        self.renderer.rest()
        for frame in range(self.timing.frames):
            yield self.renderer.picture(self.couple.stances(self.timing.count(frame / FPS)))
            self.joints.append(
                np.array([self.renderer.camera.project(dancer.joints()) for dancer in self.renderer.dancers])
            )
            on_frame()

    def write(self, folder: Path, on_frame: Callable[[], None]) -> Path:
        """Write NAME.mp4 and NAME.json into `folder`; call `on_frame` after each picture."""
        path = folder / f"{self.spec.name}.mp4"
        # two beats more than the clip has: a note that begins in the clip must not be cut by the loop's end
        samples, _ = make_loop(self.spec.tempo_bpm, BEATS + 2, LEAD_IN_S, self.spec.seed)
        unfinished = path.with_suffix(".part")
        write_film(unfinished, self.pictures(on_frame), samples[: round(self.timing.frames / FPS * AUDIO_RATE)])
        unfinished.replace(path)
        path.with_suffix(".json").write_text(json.dumps(self.timing.facts(self.spec.name)) + "\n", encoding="utf-8")
        return path

    def exact_joints(self) -> NDArray[np.uint16]:
        """Return the joints, (frames, 2, 11, 2): lead and follow, in 65535ths of width and height."""
        return np.rint(np.clip(np.array(self.joints), 0.0, 1.0) * JOINT_UNITS).astype(np.uint16)
