"""Render the demo clips into a folder.

python -m data.generators.couple --out data/demo
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from data.generators.couple.catalogue import CLIPS, ClipSpec, demo_annotations
from data.generators.couple.clip import Shot
from data.generators.couple.dancer import Dancer
from data.generators.couple.download import body_data
from data.generators.couple.render import Renderer, open_gl
from schemas.faults import Fault


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(prog="python -m data.generators.couple", description="Renders the demo clips.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the demo set; clips go into its clips/")
    parser.add_argument("--only", nargs="+", choices=[clip.name for clip in CLIPS], help="render these clips only")
    parser.add_argument(
        "--supersampling", type=int, default=2, help="factor of the drawn size (default 2; 1 is a fast preview)"
    )
    return parser.parse_args()


def chosen(names: list[str] | None) -> list[ClipSpec]:
    """Return the clips to render; all of them where `names` is None."""
    return [clip for clip in CLIPS if names is None or clip.name in names]


def render(options: argparse.Namespace) -> None:
    """Render the clips and write their annotations."""
    open_gl().release()  # reports missing libraries before anything is downloaded
    clips = options.out / "clips"
    clips.mkdir(parents=True, exist_ok=True)
    folder = body_data()
    renderer = Renderer((Dancer("lead", folder), Dancer("follow", folder)), supersampling=options.supersampling)
    shots = [Shot(spec, renderer) for spec in chosen(options.only)]
    with Progress() as progress:
        task = progress.add_task("rendering", total=sum(shot.timing.frames for shot in shots))
        for shot in shots:
            progress.update(task, description=shot.spec.name)
            path = shot.write(clips, lambda: progress.advance(task))
            progress.console.print(f"{path}  {path.stat().st_size} bytes")
    update_joints(options.out / "joints.npz", {shot.spec.name: shot.exact_joints() for shot in shots})
    (options.out / "annotations.json").write_text(json.dumps(demo_annotations(), indent=2) + "\n", encoding="utf-8")


def update_joints(target: Path, joints: dict[str, NDArray[np.uint16]]) -> None:
    """Write the exact joints of some clips; those of other clips that the file already has stay."""
    stored = {}
    if target.is_file():
        with np.load(target, allow_pickle=False) as file:
            stored = {name: file[name] for name in file.files}
    np.savez_compressed(target, allow_pickle=False, **(stored | joints))


def main() -> int:
    """Run the program; print a fault as one line on standard error."""
    try:
        render(arguments())
    except Fault as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
