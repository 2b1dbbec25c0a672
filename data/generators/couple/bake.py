"""Build the two dancers' rest bodies from MakeHuman's body data: mesh, skeleton and skin weights, in metres.

Shapes are sums of MakeHuman's targets on its base mesh; the skeleton is its "game engine" rig.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.generators.couple.geometry import Faces, Vectors

METRES_PER_DECIMETRE = 0.1
MACRO = "macrodetails/"
INFLUENCES = 4  # bones that move one vertex

SHAPES: dict[str, list[tuple[str, float]]] = {
    "lead": [
        (MACRO + "universal-male-young-averagemuscle-averageweight", 0.55),
        (MACRO + "universal-male-young-maxmuscle-averageweight", 0.45),
        (MACRO + "caucasian-male-young", 0.55),
        (MACRO + "african-male-young", 0.45),
        (MACRO + "proportions/male-young-averagemuscle-averageweight-idealproportions", 0.8),
        (MACRO + "height/male-young-averagemuscle-averageweight-maxheight", 0.10),
        ("mouth/mouth-angles-up", 0.6),
    ],
    "follow": [
        (MACRO + "universal-female-young-averagemuscle-averageweight", 0.8),
        (MACRO + "universal-female-young-averagemuscle-minweight", 0.2),
        (MACRO + "caucasian-female-young", 0.6),
        (MACRO + "asian-female-young", 0.25),
        (MACRO + "african-female-young", 0.15),
        (MACRO + "proportions/female-young-averagemuscle-averageweight-idealproportions", 0.8),
        ("mouth/mouth-angles-up", 0.7),
    ],
}
SCALE = {"lead": 0.965, "follow": 1.045}  # to 1.80 m and 1.68 m
SURFACES = {
    "body": ("body",),
    "tights": ("helper-tights",),
    "skirt": ("helper-skirt",),
    "hair": ("helper-hair",),
    "eyes": ("helper-l-eye", "helper-r-eye"),
}


@dataclass(frozen=True)
class RestBody:
    """One dancer at rest, standing on y = 0 and facing +z.

    Shapes: `vertices` (n, 3), `heads` (bones, 3), `influences` and `weights` (n, 4), `surfaces` triangles by name.
    """

    role: str
    names: tuple[str, ...]
    parents: tuple[int, ...]
    heads: Vectors
    vertices: Vectors
    influences: NDArray[np.int64]
    weights: NDArray[np.float64]
    surfaces: dict[str, Faces]


def rest_body(role: str, folder: Path) -> RestBody:
    """Return the body of `role` ("lead" or "follow"), from the body data in `folder`."""
    base, groups = read_mesh(folder / "3dobjs/base.obj")
    rig = json.loads((folder / "rigs/standard/rig.game_engine.json").read_text())
    names = parents_first(rig)
    influences, weights = skin_weights(folder, names, len(base))
    vertices = shaped(base, SHAPES[role], folder / "targets")
    heads = np.array([joint(rig[name]["head"], vertices, groups) for name in names])
    surfaces = {name: triangles([face for part in parts for face in groups[part]]) for name, parts in SURFACES.items()}
    floor = np.array([0.0, vertices[np.unique(surfaces["body"]), 1].min(), 0.0])
    return RestBody(
        role=role,
        names=tuple(names),
        parents=tuple(names.index(rig[name]["parent"]) if rig[name].get("parent") else -1 for name in names),
        heads=(heads - floor) * SCALE[role],
        vertices=(vertices - floor) * SCALE[role],
        influences=influences,
        weights=weights,
        surfaces=surfaces,
    )


def read_mesh(path: Path) -> tuple[Vectors, dict[str, list[list[int]]]]:
    """Return the vertices (n, 3) and the polygons of each named group of a Wavefront file."""
    vertices: list[list[float]] = []
    groups: dict[str, list[list[int]]] = {}
    current: list[list[int]] = []
    for line in path.read_text().splitlines():
        match line.split():
            case ["v", *numbers]:
                vertices.append([float(number) for number in numbers[:3]])
            case ["g", name, *_]:
                current = groups.setdefault(name, [])
            case ["f", *corners]:
                current.append([int(corner.split("/")[0]) - 1 for corner in corners])
    return np.array(vertices), groups


def shaped(base: Vectors, shape: Iterable[tuple[str, float]], targets: Path) -> Vectors:
    """Return the base mesh plus weighted targets, in metres."""
    vertices = base.copy()
    for name, weight in shape:
        with gzip.open(targets / f"{name}.target.gz", "rt") as lines:
            for line in lines:
                parts = line.split()
                if parts and not line.startswith("#"):
                    vertices[int(parts[0])] += weight * np.array([float(x) for x in parts[1:4]])
    return vertices * METRES_PER_DECIMETRE


def parents_first(rig: dict[str, Any]) -> list[str]:
    """Return the bones of the rig, each after its parent."""
    names: list[str] = []

    def add(bone: str) -> None:
        if bone not in names:
            if parent := rig[bone].get("parent"):
                add(parent)
            names.append(bone)

    for bone in rig:
        add(bone)
    return names


def joint(head: dict[str, Any], vertices: Vectors, groups: dict[str, list[list[int]]]) -> Vectors:
    """Return the head of a bone as the rig defines it: one vertex, or the mean of several.

    Raises: `ValueError` for another strategy.
    """
    match head["strategy"]:
        case "CUBE":
            corners = sorted({corner for face in groups[head["cube_name"]] for corner in face})
            middle: Vectors = vertices[corners].mean(axis=0)
        case "VERTEX":
            middle = vertices[head["vertex_index"]]
        case "MEAN":
            middle = vertices[head["vertex_indices"]].mean(axis=0)
        case other:
            raise ValueError(f"the rig defines a bone's head by the unknown strategy {other}")
    return middle


def skin_weights(folder: Path, names: list[str], count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return for each vertex the four bones with the largest weights, and these weights (sum 1).

    A vertex without a bone follows the pelvis.
    """
    table = np.zeros((count, len(names)))
    stored = json.loads((folder / "rigs/standard/weights.game_engine.json").read_text())["weights"]
    for bone, pairs in stored.items():
        for index, weight in pairs:
            table[index, names.index(bone)] += weight
    table[table.sum(axis=1) < 1e-6, names.index("pelvis")] = 1.0
    influences = np.argsort(-table, axis=1, kind="stable")[:, :INFLUENCES]
    weights = np.take_along_axis(table, influences, axis=1)
    return influences, weights / weights.sum(axis=1, keepdims=True)


def triangles(polygons: list[list[int]]) -> Faces:
    """Return polygons cut into fans of triangles, (n, 3)."""
    return np.array([(p[0], p[i], p[i + 1]) for p in polygons for i in range(1, len(p) - 1)], dtype=np.int32)
