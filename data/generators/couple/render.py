"""Render the couple in its room in two stances: OpenGL without a screen (EGL), in software if necessary."""

from __future__ import annotations

import ctypes.util
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from data.generators.couple.camera import DEMO_CAMERA, Camera, Matrix, parallel, view_matrix
from data.generators.couple.dancer import Dancer
from data.generators.couple.geometry import Faces, unit, vector
from data.generators.couple.skeleton import Stance
from schemas.faults import Retryable

SHADERS = Path(__file__).parent / "shaders"
WALL = (0.30, 0.42, 0.44)
WALL_Z, ROOM_X, ROOM_FRONT, ROOM_TOP = -2.4, 8.0, 9.0, 5.0
SHADOW_SIZE_PX = 1536  # the same as in light.glsl
MIRRORED_BELOW_M = 0.95  # height on the body at rest: reflections of what is above are outside the picture
FLOOR_SHARE = 0.32  # of the picture's height: above it there are no reflections
SUN = unit(vector(0.45, 1.15, 0.85))
MIDDLE = vector(0, 0.9, 0)
NO_OPENGL = (
    "no OpenGL without a screen: install libegl1, libegl-mesa0, libgl1, libgl1-mesa-dri and the project's `demo` group"
)

Picture = NDArray[np.uint8]  # (height, width, 3), RGB


def open_gl() -> Any:
    """Return an OpenGL context.

    Raises: `Retryable` with what to install.
    """
    if ctypes.util.find_library("EGL") is None:
        raise Retryable(NO_OPENGL, "system_libraries")
    try:
        import moderngl

        backend: dict[str, Any] = {"backend": "egl"}
        return moderngl.create_context(standalone=True, **backend)
    except Exception as error:
        raise Retryable(f"{NO_OPENGL} ({error})", "system_libraries") from error


def source(name: str) -> str:
    """Return a shader's text with its includes."""
    text = (SHADERS / name).read_text()
    return text.replace("#include light.glsl", (SHADERS / "light.glsl").read_text())


def packed(values: Any) -> bytes:
    """Return numbers as 32-bit floats for OpenGL."""
    return np.ascontiguousarray(values, dtype=np.float32).tobytes()


def column_major(matrix: Matrix) -> bytes:
    """Return a matrix in OpenGL's order."""
    return packed(matrix.T)


def quad(corners: list[tuple[float, float, float]]) -> bytes:
    """Return four corners as two triangles."""
    a, b, c, d = corners
    return packed([a, b, c, a, c, d])


class Renderer:
    """Draws a couple. `supersampling` draws that many times larger; 1 uses the driver's multisampling instead."""

    def __init__(
        self,
        dancers: tuple[Dancer, Dancer],
        width: int = 960,
        height: int = 540,
        supersampling: int = 2,
        camera: Camera = DEMO_CAMERA,
    ) -> None:
        self.dancers, self.camera, self.supersampling = dancers, camera, supersampling
        self.gl = open_gl()
        self.programs = {
            name: self.gl.program(source(f"{name}.vert"), source(f"{name}.frag"))
            for name in ("dancer", "room", "shadow")
        }
        self.size = (width * supersampling, height * supersampling)
        self._make_couple()
        self._make_room()
        self._make_targets(0 if supersampling > 1 else 4)
        self._set_constants()
        self._paint_backdrop()

    def picture(self, stances: tuple[Stance, Stance]) -> Picture:
        """Return the picture of the couple in two stances (lead, follow)."""
        surfaces = [dancer.move_to(stance) for dancer, stance in zip(self.dancers, stances, strict=True)]
        self.moving.write(packed(np.concatenate(surfaces)))
        contacts = [contact for dancer in self.dancers for contact in dancer.contacts()]
        self.programs["room"]["contacts"].write(packed([contact[:4] for contact in contacts]))
        self.programs["room"]["dark"].write(packed([contact[4:] for contact in contacts]))
        self._draw_shadow()
        self._draw_room_and_couple()
        return self._read()

    def rest(self) -> None:
        """Reset skirts and hair to rest: the next picture is a clip's first."""
        for dancer in self.dancers:
            dancer.rest()

    def _make_couple(self) -> None:
        drawn = [dancer.outfit.drawable for dancer in self.dancers]
        faces = np.concatenate([drawn[0].faces, drawn[1].faces + len(drawn[0].vertices)])
        heights = np.concatenate([each.vertices[:, 1] for each in drawn])
        low = faces[heights[faces].min(axis=1) < MIRRORED_BELOW_M]
        self.moving = self.gl.buffer(reserve=24 * sum(len(each.vertices) for each in drawn))
        fixed = self.gl.buffer(packed(np.concatenate([each.fixed for each in drawn])))
        parts = [
            (self.moving, "3f 3f", "position", "normal"),
            (fixed, "3f 1f 1f 3f", "rest", "cut", "material", "colour"),
        ]
        self.couple, self.mirrored = (
            self.gl.vertex_array(self.programs["dancer"], parts, self._indices(some)) for some in (faces, low)
        )
        outline = [(self.moving, "3f 12x", "position"), (fixed, "12x 1f 16x", "cut")]
        self.outline = self.gl.vertex_array(self.programs["shadow"], outline, self._indices(faces))

    def _indices(self, faces: Faces) -> Any:
        return self.gl.buffer(faces.astype(np.int32).tobytes())

    def _make_room(self) -> None:
        x, back = ROOM_X, WALL_Z
        floor = quad([(-x, 0, back), (x, 0, back), (x, 0, ROOM_FRONT), (-x, 0, ROOM_FRONT)])
        wall = quad([(-x, 0, back), (x, 0, back), (x, ROOM_TOP, back), (-x, ROOM_TOP, back)])
        self.floor, self.wall = (
            self.gl.vertex_array(self.programs["room"], [(self.gl.buffer(corners), "3f", "position")])
            for corners in (floor, wall)
        )

    def _make_targets(self, samples: int) -> None:
        gl = self.gl
        colours, depths = (
            gl.renderbuffer(self.size, 4, samples=samples),
            gl.depth_renderbuffer(self.size, samples=samples),
        )
        self.canvas = gl.framebuffer([colours], depths)
        self.backdrop = gl.framebuffer([gl.renderbuffer(self.size, 4, samples=samples)])
        self.resolved = gl.framebuffer([gl.renderbuffer(self.size, 4)])
        self.shadow = gl.depth_texture((SHADOW_SIZE_PX, SHADOW_SIZE_PX))
        self.shadow.compare_func = "<="
        self.shadow.repeat_x = self.shadow.repeat_y = False
        self.shadow_canvas = gl.framebuffer(depth_attachment=self.shadow)

    def _set_constants(self) -> None:
        light = column_major(parallel(2.6, 0.5, 9.0) @ view_matrix(MIDDLE + SUN * 4.5, MIDDLE))
        self.programs["shadow"]["view"].write(light)
        for name in ("dancer", "room"):
            program = self.programs[name]
            program["view"].write(column_major(self.camera.matrix()))
            program["light"].write(light)
            program["shadow"].value = 0
        dancer = self.programs["dancer"]
        dancer["eye"].write(packed(self.camera.position))
        dancer["sun"].write(packed(SUN))
        dancer["face"].write(packed([[*each.outfit.face.eye, each.outfit.face.mouth] for each in self.dancers]))
        dancer["traits"].write(packed([[each.outfit.face.brow, role] for role, each in enumerate(self.dancers)]))
        dancer["hair"].write(packed([each.outfit.hair for each in self.dancers]))
        self.programs["room"]["wall"].value = WALL

    def _draw_shadow(self) -> None:
        self.shadow_canvas.use()
        self.shadow_canvas.clear(depth=1.0)
        self.gl.enable(self.gl.DEPTH_TEST)
        self.outline.render()

    def _paint_backdrop(self) -> None:
        """Paint the wall, which does not change, once."""
        self.backdrop.use()
        self.backdrop.clear(0.02, 0.02, 0.03, 1.0)
        self.programs["room"]["is_floor"].value = 0
        self.shadow.use(0)
        self.wall.render()

    def _draw_room_and_couple(self) -> None:
        """Draw the mirrored couple first: the floor, nearly opaque, is blended over it and leaves a reflection."""
        gl, dancer, room = self.gl, self.programs["dancer"], self.programs["room"]
        self.canvas.use()
        self.canvas.clear(depth=1.0)
        gl.copy_framebuffer(self.canvas, self.backdrop)
        self.canvas.use()
        self.shadow.use(0)
        dancer["mirror"].value = -1.0
        self.canvas.scissor = (0, 0, self.size[0], int(self.size[1] * FLOOR_SHARE))
        self.mirrored.render()
        self.canvas.scissor = None
        gl.enable(gl.BLEND)
        gl.depth_func = "<="
        room["is_floor"].value = 1
        self.floor.render()
        gl.disable(gl.BLEND)
        dancer["mirror"].value = 1.0
        self.couple.render()

    def _read(self) -> Picture:
        self.gl.copy_framebuffer(self.resolved, self.canvas)
        width, height = self.size
        raw = np.frombuffer(self.resolved.read(components=3, alignment=1), np.uint8).reshape(height, width, 3)[::-1]
        small = width // self.supersampling, height // self.supersampling
        return np.asarray(cv2.resize(raw, small, interpolation=cv2.INTER_AREA), dtype=np.uint8)
