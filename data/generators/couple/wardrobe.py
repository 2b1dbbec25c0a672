"""Dress a rest body: skin, clothes, shoes, eyes and hair as one mesh, and which parts of it are loose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.generators.couple.body_measures import BodyMeasures, Face, share_between, softly
from data.generators.couple.cloth import (
    DRESS,
    EYE,
    HAIR,
    PLAIN,
    SHIRT,
    SKIN,
    TROUSERS,
    Colour,
    Drawable,
    Piece,
    added_mesh,
    assembled,
    cut_out,
    grid_faces,
)
from data.generators.couple.collar import collar
from data.generators.couple.geometry import Vectors, vector
from data.generators.couple.hair import Hair, hairline
from data.generators.couple.shoes import her_shoes, his_shoes
from data.generators.couple.skeleton import Skeleton
from data.generators.couple.skirt import ABOVE_HIP_M, Skirt

COLOURS: dict[str, dict[str, Colour]] = {
    "lead": {
        "skin": (0.56, 0.34, 0.235),
        "hair": (0.032, 0.022, 0.018),
        "shirt": (0.80, 0.79, 0.74),
        "trousers": (0.050, 0.062, 0.11),
        "belt": (0.085, 0.040, 0.022),
        "shoes": (0.10, 0.045, 0.025),
    },
    "follow": {
        "skin": (0.70, 0.455, 0.34),
        "hair": (0.105, 0.044, 0.022),
        "dress": (0.56, 0.022, 0.055),
        "trim": (0.060, 0.008, 0.028),
        "shoes": (0.075, 0.010, 0.030),
    },
}
WHITE: Colour = (1.0, 1.0, 1.0)
BELT_M = (0.088, 0.124)  # lower and upper edge, above his hips
SLEEVE_SHARE = 0.45  # of his forearm is covered by the rolled sleeves


@dataclass(frozen=True)
class Outfit:
    """The drawn surface of a dancer; the loose parts of the mesh begin at the vertices `skirt_from` and `hair_from`."""

    drawable: Drawable
    face: Face
    hair: Colour
    skirt: Skirt | None
    skirt_from: int
    long_hair: Hair | None
    hair_from: int


def dressed(skeleton: Skeleton) -> Outfit:
    """Return the dressed dancer's outfit."""
    measures, role = BodyMeasures(skeleton), skeleton.rest.role
    hair, colours = Hair(measures), COLOURS[role]
    skirt = Skirt(measures) if role == "follow" else None
    parts = [*(his_clothes(measures) if skirt is None else her_clothes(measures)), eyeballs(measures), scalp(measures)]
    skirt_from = sum(len(part.vertices) for part in parts)
    if skirt is not None:
        parts.append(skirt.drawable(colours["dress"], colours["trim"]))
    hair_from = sum(len(part.vertices) for part in parts)
    parts.append(hair.drawable(colours["hair"]))
    long_hair = hair if skirt is not None else None
    return Outfit(assembled(parts), measures.face(), colours["hair"], skirt, skirt_from, long_hair, hair_from)


def his_clothes(m: BodyMeasures) -> list[Drawable]:
    """Return shirt with rolled sleeves and collar, tucked into belted trousers, shoes, and the visible skin."""
    colours, sleeve = COLOURS["lead"], m.skeleton.arm[0] + SLEEVE_SHARE * m.skeleton.arm[1]
    shirt = shirt_cut(m, sleeve)
    trousers = np.where(m.along_arm > 0.02, -1.0, np.minimum(m.hip + BELT_M[1] - 0.008 - m.y, m.y - 0.075))
    belt = np.where(m.along_arm > 0.02, -1.0, np.minimum(m.y - m.hip - BELT_M[0], m.hip + BELT_M[1] - m.y))
    cuff = np.where(m.along_arm > 0.1, np.minimum(sleeve + 0.004 - m.along_arm, m.along_arm - sleeve + 0.034), -1.0)
    hidden = (m.y < m.hip + 0.18) & (m.along_arm < 0.1)
    pieces = [
        Piece("tights", shirt, SHIRT, colours["shirt"], blousing(m)),
        Piece("tights", trousers, TROUSERS, colours["trousers"], trouser_width(m)),
        Piece("tights", belt, PLAIN, colours["belt"], 0.0205),
        Piece("tights", cuff, PLAIN, colours["shirt"], 0.0150),
        Piece("body", np.where(hidden, -1.0, np.maximum(0.012 - shirt, -1.0)), SKIN, colours["skin"]),
    ]
    return [
        *(cut_out(m.rest, piece) for piece in pieces),
        collar(m, colours["shirt"]),
        buckle(m),
        *his_shoes(m, colours["shoes"]),
    ]


def shirt_cut(m: BodyMeasures, sleeve: float) -> Vectors:
    """Return the shirt's cut: to the belt, to the collar, and to the end of the sleeves."""
    neckline = (m.neck + 0.012 - m.y) - 0.55 * np.maximum(m.behind_neck - 0.01, 0)
    cut = np.minimum(np.minimum(sleeve - m.along_arm, neckline), m.y - (m.hip + BELT_M[0] + 0.012))
    return np.where(m.along_arm > 0.10, np.minimum(sleeve - m.along_arm, 0.5), cut)


def blousing(m: BodyMeasures) -> Vectors:
    """Return the shirt's distance from the body: it falls loosely over the belt."""
    above = m.y - m.hip - BELT_M[1]
    loose = 0.010 + 0.022 * softly(above, -0.02, 0.035) * (1 - softly(above, 0.035, 0.20))
    return np.where(m.along_arm > 0.0, 0.010, loose)


def trouser_width(m: BodyMeasures) -> Vectors:
    """Return the trousers' distance from the body: close at the hips, straight from the knees down."""
    return 0.006 + 0.016 * share_between(-m.y, -m.knee - 0.05, 0.25 - m.knee)


def buckle(m: BodyMeasures) -> Drawable:
    """Return the belt's buckle."""
    middle = vector(0.0, m.hip + sum(BELT_M) / 2, 0.0)
    ahead = float(m.girth("tights", middle, np.array([0.0]))[0]) + 0.0225
    corners = [(x, y) for y in (-0.017, 0.017) for x in (-0.022, 0.022)]
    points = np.array([middle + vector(x, y, ahead) for x, y in corners])
    sources = m.nearest("tights", np.repeat([middle + vector(0, 0, ahead)], 4, axis=0))
    return added_mesh("lead", points, grid_faces(2, 2, closed=False), sources, (PLAIN, (0.62, 0.50, 0.26)))


def her_clothes(m: BodyMeasures) -> list[Drawable]:
    """Return the dress above the skirt, with short sleeves, pumps, and the visible skin."""
    colours, sleeve = COLOURS["follow"], 0.100
    collar = (m.neck - 0.062 - m.y) + 0.6 * np.abs(m.x) - 0.35 * np.maximum(m.behind_neck - 0.02, 0)
    top = np.minimum(np.minimum(sleeve - m.along_arm, collar), m.y - (m.hip + ABOVE_HIP_M - 0.03))
    top = np.where(m.along_arm > 0.04, sleeve - m.along_arm, top)
    skin = np.maximum(0.010 - top, -1.0)
    skin = np.where((m.y < m.waist) & (m.along_arm < 0.05) & (m.y > m.hip - 0.16), -1.0, skin)
    skin = np.where((m.y <= m.hip - 0.16) | (m.along_arm > 0.14), 1.0, skin)
    pieces = [
        Piece("tights", top, DRESS, colours["dress"], 0.006),
        Piece("body", skin, SKIN, colours["skin"]),
    ]
    return [*(cut_out(m.rest, piece) for piece in pieces), *her_shoes(m, colours["shoes"])]


def eyeballs(m: BodyMeasures) -> Drawable:
    """Return both eyes; each one's shader coordinates are relative to its own middle."""
    local = np.zeros_like(m.rest.vertices)
    for side, vertices in m.eyes.items():
        local[vertices] = m.rest.vertices[vertices] - m.eye(side)
    return cut_out(m.rest, Piece("eyes", np.ones(len(local)), EYE, WHITE, 0.0, local))


def scalp(m: BodyMeasures) -> Drawable:
    """Return the scalp in the hair's colour, so that no skin shows between the strands."""
    colour = COLOURS[m.rest.role]["hair"]
    local = np.zeros_like(m.rest.vertices)
    return cut_out(m.rest, Piece("body", hairline(m) - 0.004, HAIR, colour, 0.0015, local))
