"""Surfaces of a dancer as one mesh: what is cut from the body and what is made beside it in, a drawable out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.generators.couple.bake import RestBody
from data.generators.couple.geometry import Faces, Vectors, vertex_normals
from data.generators.couple.tailor import Numbers

Colour = tuple[float, float, float]
SKIN, SHIRT, DRESS, HAIR, SHOE, EYE, TROUSERS, PLAIN = range(8)  # the materials of dancer.frag
WHO_STEP = 10  # added to the follow's materials


@dataclass(frozen=True)
class Piece:
    """One surface to draw: its triangles, cut, material, colour, and how far it stands off the body (metres).

    The cut is a number per vertex, drawn where it is positive, so that hems and necklines run between vertices.
    """

    surface: str
    cut: Numbers
    material: int
    colour: Colour
    off: Numbers | float = 0.0
    local: Vectors | None = None  # shown to the shader instead of the rest place


@dataclass(frozen=True)
class Drawable:
    """Pieces of a dancer as one mesh: vertices and normals (n, 3), fixed (n, 8), sources (n,), faces (m, 3).

    `fixed` is what does not move: rest place (3), cut, material, colour (3). `sources` are the body's vertices.
    """

    vertices: Vectors
    normals: Vectors
    fixed: NDArray[np.float32]
    sources: NDArray[np.int64]
    faces: Faces


def assembled(parts: Sequence[Drawable]) -> Drawable:
    """The parts as one mesh."""
    starts = np.cumsum([0, *(len(part.vertices) for part in parts)])
    return Drawable(
        vertices=np.concatenate([part.vertices for part in parts]),
        normals=np.concatenate([part.normals for part in parts]),
        fixed=np.concatenate([part.fixed for part in parts]),
        sources=np.concatenate([part.sources for part in parts]),
        faces=np.concatenate([part.faces + start for part, start in zip(parts, starts, strict=False)]).astype(np.int32),
    )


def cut_out(rest: RestBody, piece: Piece) -> Drawable:
    """One piece, without the triangles that are cut away whole."""
    surface = rest.surfaces[piece.surface]
    used, inverse = np.unique(surface[(piece.cut[surface] > 0).any(axis=1)], return_inverse=True)
    normals = vertex_normals(rest.vertices, surface)[used]
    off = np.broadcast_to(piece.off, len(rest.vertices))[used][:, None]
    sources = used.astype(np.int64)
    seen = (rest.vertices if piece.local is None else piece.local)[used]
    return Drawable(
        vertices=rest.vertices[used] + normals * off,
        normals=normals,
        fixed=fixed_columns(rest.who, seen, piece.cut[used], piece.material, piece.colour),
        sources=sources,
        faces=inverse.reshape(-1, 3).astype(np.int32),
    )


def made(who: str, vertices: Vectors, faces: Faces, sources: NDArray[np.int64], kind: tuple[int, Colour]) -> Drawable:
    """A mesh that is not cut from the body but moves with its vertices `sources`."""
    return Drawable(
        vertices=vertices,
        normals=vertex_normals(vertices, faces),
        fixed=fixed_columns(who, vertices, np.ones(len(vertices)), *kind),
        sources=sources,
        faces=faces,
    )


def fixed_columns(who: str, seen: Vectors, cut: Numbers, material: int, colour: Colour) -> NDArray[np.float32]:
    """What the shader needs of each vertex and never changes."""
    constants = np.tile([material + (WHO_STEP if who == "follow" else 0), *colour], (len(seen), 1))
    return np.concatenate([seen, cut[:, None], constants], axis=1).astype(np.float32)


def grid_faces(rows: int, columns: int, closed: bool) -> Faces:
    """Triangles between the vertices of a grid, row by row; `closed` joins the last column to the first."""
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(columns if closed else columns - 1), indexing="ij")
    here, beside = row * columns + column, row * columns + (column + 1) % columns
    halves = [(here, beside, here + columns), (beside, beside + columns, here + columns)]
    return np.concatenate([np.stack([part.ravel() for part in half], axis=1) for half in halves]).astype(np.int32)
