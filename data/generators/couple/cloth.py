"""Combine the surfaces of a dancer, cut from the body or added to it, into one mesh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.generators.couple.bake import RestBody
from data.generators.couple.body_measures import Numbers
from data.generators.couple.geometry import Faces, Vectors, vertex_normals

Colour = tuple[float, float, float]
SKIN, SHIRT, DRESS, HAIR, SHOE, EYE, TROUSERS, PLAIN = range(8)  # the materials of dancer.frag
FOLLOW_MATERIAL_OFFSET = 10  # added to the follow's materials


@dataclass(frozen=True)
class Piece:
    """One surface to draw: its triangles, cut, material, colour, and its distance from the body (metres).

    The cut is a number per vertex, drawn where it is positive, so that hems and necklines run between vertices.
    """

    surface: str
    cut: Numbers
    material: int
    colour: Colour
    offset: Numbers | float = 0.0
    local: Vectors | None = None  # coordinates for the shader instead of the rest position


@dataclass(frozen=True)
class Drawable:
    """Pieces of a dancer as one mesh: vertices and normals (n, 3), fixed (n, 8), sources (n,), faces (m, 3).

    `fixed` does not change between frames: rest position (3), cut, material, colour (3). `sources` are the body's
    vertices with which the mesh moves.
    """

    vertices: Vectors
    normals: Vectors
    fixed: NDArray[np.float32]
    sources: NDArray[np.int64]
    faces: Faces


def assembled(parts: Sequence[Drawable]) -> Drawable:
    """Return the parts as one mesh."""
    starts = np.cumsum([0, *(len(part.vertices) for part in parts)])
    return Drawable(
        vertices=np.concatenate([part.vertices for part in parts]),
        normals=np.concatenate([part.normals for part in parts]),
        fixed=np.concatenate([part.fixed for part in parts]),
        sources=np.concatenate([part.sources for part in parts]),
        faces=np.concatenate([part.faces + start for part, start in zip(parts, starts, strict=False)]).astype(np.int32),
    )


def cut_out(rest: RestBody, piece: Piece) -> Drawable:
    """Return one piece without the triangles that are entirely cut away."""
    surface = rest.surfaces[piece.surface]
    used, inverse = np.unique(surface[(piece.cut[surface] > 0).any(axis=1)], return_inverse=True)
    normals = vertex_normals(rest.vertices, surface)[used]
    offset = np.broadcast_to(piece.offset, len(rest.vertices))[used][:, None]
    sources = used.astype(np.int64)
    coordinates = (rest.vertices if piece.local is None else piece.local)[used]
    return Drawable(
        vertices=rest.vertices[used] + normals * offset,
        normals=normals,
        fixed=fixed_columns(rest.role, coordinates, piece.cut[used], piece.material, piece.colour),
        sources=sources,
        faces=inverse.reshape(-1, 3).astype(np.int32),
    )


def added_mesh(
    role: str, vertices: Vectors, faces: Faces, sources: NDArray[np.int64], kind: tuple[int, Colour]
) -> Drawable:
    """Return a mesh that is not cut from the body but moves with its vertices `sources`."""
    return Drawable(
        vertices=vertices,
        normals=vertex_normals(vertices, faces),
        fixed=fixed_columns(role, vertices, np.ones(len(vertices)), *kind),
        sources=sources,
        faces=faces,
    )


def fixed_columns(role: str, coordinates: Vectors, cut: Numbers, material: int, colour: Colour) -> NDArray[np.float32]:
    """Return what the shader needs of each vertex and does not change between frames."""
    constants = np.tile(
        [material + (FOLLOW_MATERIAL_OFFSET if role == "follow" else 0), *colour], (len(coordinates), 1)
    )
    return np.concatenate([coordinates, cut[:, None], constants], axis=1).astype(np.float32)


def grid_faces(rows: int, columns: int, closed: bool) -> Faces:
    """Return triangles between the vertices of a grid, row by row; `closed` joins the last column to the first."""
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(columns if closed else columns - 1), indexing="ij")
    here, beside = row * columns + column, row * columns + (column + 1) % columns
    halves = [(here, beside, here + columns), (beside, beside + columns, here + columns)]
    return np.concatenate([np.stack([part.ravel() for part in half], axis=1) for half in halves]).astype(np.int32)
