"""A rest body in, its drawable surface out: skin, clothes, shoes, eyes and hair, cut from MakeHuman's helper meshes.

A piece of clothing is a surface with a cut: a number per vertex, drawn where it is positive, so that hems and
necklines run between vertices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.generators.couple.bake import RestBody
from data.generators.couple.geometry import Faces, Vectors, unit, vertex_normals
from data.generators.couple.skeleton import SIDES, Skeleton

Cut = NDArray[np.float64]
Colour = tuple[float, float, float]
SKIN, CLOTH, DRESS, HAIR, SHOE, EYE = range(6)  # the materials of dancer.frag
WHO_STEP = 10  # added to the follow's materials
ARM_BONES = ("upperarm", "lowerarm", "hand", "index", "middle", "ring", "pinky", "thumb")

COLOURS: dict[str, dict[int, Colour]] = {
    "lead": {
        SKIN: (0.56, 0.34, 0.235),
        HAIR: (0.035, 0.024, 0.02),
        CLOTH: (0.80, 0.79, 0.74),
        SHOE: (0.10, 0.045, 0.025),
    },
    "follow": {
        SKIN: (0.70, 0.455, 0.34),
        HAIR: (0.085, 0.036, 0.020),
        DRESS: (0.56, 0.022, 0.055),
        SHOE: (0.10, 0.012, 0.02),
    },
}
TROUSERS: Colour = (0.050, 0.062, 0.11)
WHITE: Colour = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Piece:
    """One surface to draw: its triangles, cut, material, colour, and how far it stands off the body (metres)."""

    surface: str
    cut: Cut
    material: int
    colour: Colour
    off: Cut | float = 0.0
    local: Vectors | None = None  # shown to the shader instead of the rest place


@dataclass(frozen=True)
class Drawable:
    """All pieces of a dancer as one mesh: vertices and normals (n, 3), fixed (n, 8), sources (n,), faces (m, 3).

    `fixed` is what does not move: rest place (3), cut, material, colour (3). `sources` are the body's vertices.
    """

    vertices: Vectors
    normals: Vectors
    fixed: NDArray[np.float32]
    sources: NDArray[np.int64]
    faces: Faces


@dataclass(frozen=True)
class Face:
    """Places on the face that the shader paints: the left eye, the mouth's height, the brow above the eye."""

    eye: Vectors
    mouth: float
    brow: float


class Tailor:
    """Measures of one body, in which cuts are written. `along_arm` grows from the shoulder to the fingers."""

    def __init__(self, skeleton: Skeleton) -> None:
        self.skeleton = skeleton
        self.rest: RestBody = skeleton.rest
        self.x, self.y, self.z = self.rest.vertices.T
        self.along_arm = self._along_arm()
        self.neck, self.hip = float(skeleton.at("neck_01")[1]), float(skeleton.at("thigh_l")[1])
        self.knee, self.waist = float(skeleton.at("calf_l")[1]), float(skeleton.at("spine_02")[1])
        self.behind_neck = self.z - skeleton.at("neck_01")[2]
        self.eyes = self._eyes()

    def _along_arm(self) -> Cut:
        along = np.zeros(len(self.rest.vertices))
        for side, sign in SIDES.items():
            shoulder, elbow, wrist = (self.skeleton.at(f"{bone}_{side}") for bone in ("upperarm", "lowerarm", "hand"))
            upper = (self.rest.vertices - shoulder) @ unit(elbow - shoulder)
            lower = self.skeleton.arm[0] + (self.rest.vertices - elbow) @ unit(wrist - elbow)
            here = self.rest.vertices[:, 0] * sign > 0
            along[here] = np.where(upper < self.skeleton.arm[0], upper, np.maximum(lower, self.skeleton.arm[0]))[here]
        return np.where(self.arm_share() > 0.5, along, -0.03)

    def arm_share(self) -> Cut:
        """How much of a vertex is moved by the arms."""
        arm = [index for index, name in enumerate(self.rest.names) if name.startswith(ARM_BONES)]
        share: Cut = (self.rest.weights * np.isin(self.rest.influences, arm)).sum(axis=1)
        return share

    def _eyes(self) -> dict[str, NDArray[np.int64]]:
        eyes = np.unique(self.rest.surfaces["eyes"])
        left = self.rest.vertices[eyes, 0] > 0
        return {"l": eyes[left], "r": eyes[~left]}

    def eye(self, side: str) -> Vectors:
        """The middle of an eye."""
        middle: Vectors = self.rest.vertices[self.eyes[side]].mean(axis=0)
        return middle

    def face(self) -> Face:
        """What the shader needs to paint the face."""
        eye, lead = self.eye("l"), self.rest.who == "lead"
        return Face(eye, float(eye[1]) - (0.0735 if lead else 0.0685), 0.0215 if lead else 0.0225)

    def eyeballs(self) -> Piece:
        """Both eyes, each seen from its own middle."""
        local = np.zeros_like(self.rest.vertices)
        for side, vertices in self.eyes.items():
            local[vertices] = self.rest.vertices[vertices] - self.eye(side)
        return Piece("eyes", np.ones(len(local)), EYE, WHITE, 0.0, local)


def share_between(values: Cut, low: float, high: float) -> Cut:
    """0 at `low`, 1 at `high`, straight between."""
    return np.clip((values - low) / (high - low), 0.0, 1.0)


def his_clothes(m: Tailor) -> list[Piece]:
    """Shirt with rolled sleeves, trousers, shoes, and the skin they leave."""
    sleeve = m.skeleton.arm[0] + 0.45 * m.skeleton.arm[1]
    collar = (m.neck + 0.012 - m.y) - 0.55 * np.maximum(m.behind_neck - 0.01, 0)
    shirt = np.minimum(np.minimum(sleeve - m.along_arm, collar), m.y - (m.hip - 0.02))
    shirt = np.where(m.along_arm > 0.10, np.minimum(sleeve - m.along_arm, 0.5), shirt)
    trousers = np.where(m.along_arm > 0.02, -1.0, np.minimum(m.hip + 0.12 - m.y, m.y - 0.055))
    skin = np.maximum(0.012 - shirt, -1.0)
    hidden = (m.y < m.hip + 0.1) & (m.along_arm < 0.1)
    colours = COLOURS["lead"]
    return [
        Piece(
            "tights", shirt, CLOTH, colours[CLOTH], 0.010 + 0.014 * share_between(-m.y, -m.waist - 0.02, 0.13 - m.waist)
        ),
        Piece("tights", trousers, CLOTH, TROUSERS, 0.004 + 0.016 * share_between(-m.y, -m.knee - 0.05, 0.25 - m.knee)),
        Piece("body", np.where(hidden, -1.0, skin), SKIN, colours[SKIN]),
        Piece("tights", np.where(m.along_arm > 0.02, -1.0, 0.105 - m.y), SHOE, colours[SHOE], 0.008),
    ]


def her_clothes(m: Tailor) -> list[Piece]:
    """Dress to the knee with short sleeves, low shoes, and the skin they leave."""
    sleeve, hem = 0.115, m.knee + 0.03
    collar = (m.neck - 0.055 - m.y) + 0.6 * np.abs(m.x) - 0.35 * np.maximum(m.behind_neck - 0.02, 0)
    top = np.minimum(np.minimum(sleeve - m.along_arm, collar), m.y - (m.hip - 0.02))
    top = np.where(m.along_arm > 0.04, sleeve - m.along_arm, top)
    skin = np.maximum(0.010 - top, -1.0)
    skin = np.where((m.y < m.waist) & (m.along_arm < 0.05) & (m.y > hem + 0.10), -1.0, skin)
    skin = np.where((m.y <= hem + 0.10) | (m.along_arm > 0.14), 1.0, skin)
    shoe = 0.075 - m.y - 0.30 * np.clip(m.z - 0.06, 0, 0.06)
    colours = COLOURS["follow"]
    return [
        Piece("tights", np.where(m.along_arm > 0.14, -1.0, top), DRESS, colours[DRESS], 0.006),
        Piece("skirt", m.y - hem, DRESS, colours[DRESS], 0.004 + 0.035 * share_between(-m.y, -m.hip, -hem)),
        Piece("body", skin, SKIN, colours[SKIN]),
        Piece("tights", np.where(m.along_arm > 0.02, -1.0, shoe), SHOE, colours[SHOE], 0.006),
    ]


def haircut(m: Tailor) -> list[Piece]:
    """A cap of hair over the skull; hers falls to the shoulder blades."""
    eye, colour = m.eye("l"), COLOURS[m.rest.who][HAIR]
    back = eye[2] - m.z
    steps = [-0.05, 0, 0.03, 0.06, 0.08, 0.095, 0.115, 0.135, 0.16, 0.25]
    heights = [0.046, 0.046, 0.044, 0.030, -0.004, 0.026, 0.026, -0.02, -0.07, -0.095]
    line = np.interp(back, steps, heights) - np.where(np.abs(m.x) < 0.02, 0.004, 0.0)
    cap = np.where((m.y > eye[1] - 0.13) & (m.along_arm < 0), m.y - (eye[1] + line), -1.0)
    thin, thick = (0.006, 0.016) if m.rest.who == "lead" else (0.004, 0.013)
    pieces = [Piece("body", cap, HAIR, colour, thin + thick * share_between(cap, 0.0, 0.06))]
    if m.rest.who == "follow":
        length = np.minimum(m.y - (m.neck - 0.10), back - 0.105)
        pieces.append(Piece("hair", np.where(back < 0.105, -1.0, length), HAIR, colour, 0.004))
    return pieces


def dressed(skeleton: Skeleton) -> tuple[Drawable, Face]:
    """The dancer, dressed."""
    tailor = Tailor(skeleton)
    clothes = his_clothes(tailor) if skeleton.rest.who == "lead" else her_clothes(tailor)
    return assembled(skeleton.rest, [*clothes, tailor.eyeballs(), *haircut(tailor)]), tailor.face()


def assembled(rest: RestBody, pieces: list[Piece]) -> Drawable:
    """The pieces as one mesh."""
    made = [cut_out(rest, piece) for piece in pieces]
    starts = np.cumsum([0, *(len(part.vertices) for part in made)])
    return Drawable(
        vertices=np.concatenate([part.vertices for part in made]),
        normals=np.concatenate([part.normals for part in made]),
        fixed=np.concatenate([part.fixed for part in made]),
        sources=np.concatenate([part.sources for part in made]),
        faces=np.concatenate([part.faces + start for part, start in zip(made, starts, strict=False)]).astype(np.int32),
    )


def cut_out(rest: RestBody, piece: Piece) -> Drawable:
    """One piece, without the triangles that are cut away whole."""
    surface = rest.surfaces[piece.surface]
    used, inverse = np.unique(surface[(piece.cut[surface] > 0).any(axis=1)], return_inverse=True)
    normals = vertex_normals(rest.vertices, surface)[used]
    off = np.broadcast_to(piece.off, len(rest.vertices))[used][:, None]
    sources = used.astype(np.int64)
    return Drawable(
        vertices=rest.vertices[used] + normals * off,
        normals=normals,
        fixed=fixed_columns(rest, piece, sources),
        sources=sources,
        faces=inverse.reshape(-1, 3).astype(np.int32),
    )


def fixed_columns(rest: RestBody, piece: Piece, used: NDArray[np.int64]) -> NDArray[np.float32]:
    """What the shader needs of each vertex and never changes."""
    seen = rest.vertices if piece.local is None else piece.local
    material = piece.material + (WHO_STEP if rest.who == "follow" else 0)
    constants = np.tile([material, *piece.colour], (len(used), 1))
    return np.concatenate([seen[used], piece.cut[used][:, None], constants], axis=1).astype(np.float32)
