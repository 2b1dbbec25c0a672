"""Measure the structure of the code at a commit and in the working tree, side by side, with goals.

python -m tests.quality.structure [--base COMMIT]

Only the published packages count, not tests or generators. The working tree is all files that git tracks or would add.

- An import counts once for each import statement anywhere, also in a function or under TYPE_CHECKING, but not for each
  imported name. "from step to step": a module of one of the six steps imports anything of another of them.
  "from elsewhere": a module outside the steps (streams, infra, the rest of agents) imports a module of a step that is
  neither the step's `agent` nor one that declares a job, that is, assigns a `Step`, `Errand` or `Job` at its top level.
- A module opens containers when it calls `av.open`, or a function under agents/ whose return annotation names one
  of PyAV's containers.
- A function's lines go from `def` to its end, docstring and inner functions included; inner functions and methods count
  by themselves too. A file's lines are all its lines; empty files do not count. p90: nine in ten are no longer.
- Duplicate pairs are counted by the program in DUPLICATES (name or path; default `duplicates`), if it is installed.
"""

from __future__ import annotations

import argparse
import ast
import io
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from pathlib import Path
from statistics import median

from tests.paths import PROJECT
from tests.quality.report import figure

BASE = "7529c7e"
PRODUCT = ("schemas", "streams", "agents", "infra")
STEPS = ("intake", "audio_analysis", "move_scoring", "sequence_planning", "rendering", "move_indexing")
JOBS = ("Step", "Errand", "Job")
MEDIA = Path("agents/media")
GOALS = {
    "imports_from_step_to_step": 1,
    "imports_from_elsewhere_into_a_step": 0,
    "modules_with_av_open_outside_media": 0,
    "modules_directly_in_streams": 10,
}
Measures = dict[str, int | float | str]
Modules = Mapping[Path, ast.Module]
Functions = (ast.FunctionDef, ast.AsyncFunctionDef)


def main() -> None:
    """Print the table, then the figures with goals."""
    parser = argparse.ArgumentParser(description="Measure the structure of the code at a commit and now.")
    parser.add_argument("--base", default=BASE, metavar="COMMIT", help="the commit to compare with (%(default)s)")
    commit = parser.parse_args().base
    with tempfile.TemporaryDirectory() as folder:
        base, now = measure(at_commit(commit, Path(folder) / "base")), measure(working_tree(Path(folder) / "now"))
    width = max(map(len, now))
    print(f"{'measure':{width}} | {commit[:12]:>12} | {'now':>12}")
    for name, value in now.items():
        print(f"{name:{width}} | {base[name]:>12} | {value:>12}")
    for name, goal in GOALS.items():
        figure(name, now[name], str(goal), met=float(now[name]) <= goal)


def git(*arguments: str) -> bytes:
    """Return the output of a git command in this repository."""
    return subprocess.check_output([shutil.which("git") or "git", *arguments], cwd=PROJECT)


def at_commit(commit: str, folder: Path) -> Path:
    """Copy the packages of a commit into a new folder, and return it."""
    with tarfile.open(fileobj=io.BytesIO(git("archive", commit, *PRODUCT))) as archive:
        archive.extractall(folder, filter="data")
    return folder


def working_tree(folder: Path) -> Path:
    """Copy the packages of the working tree into a new folder, and return it."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *PRODUCT).decode()
    for name in filter(None, listed.split("\0")):
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / name, folder / name)
    return folder


def measure(folder: Path) -> Measures:
    """Return all measures of a tree."""
    files = {path.relative_to(folder): path.read_text() for path in sorted(folder.rglob("*.py"))}
    modules = {path: ast.parse(text, str(path)) for path, text in files.items()}
    functions = [node for tree in modules.values() for node in ast.walk(tree) if isinstance(node, Functions)]
    annotated = sum(node.returns is not None for node in functions)
    within, from_elsewhere = imports_into_steps(modules)
    av_open = [path for path, tree in modules.items() if "av.open" in calls(tree)]
    return {
        "imports_from_step_to_step": within,
        "imports_from_elsewhere_into_a_step": from_elsewhere,
        "modules_with_av_open": len(av_open),
        "modules_with_av_open_outside_media": sum(not path.is_relative_to(MEDIA) for path in av_open),
        "modules_of_agents_that_open_containers": modules_opening_containers(modules),
        "modules_directly_in_streams": sum(p.parent == Path("streams") and p.stem != "__init__" for p in modules),
        "functions": len(functions),
        **spread("function_lines", [(node.end_lineno or node.lineno) - node.lineno + 1 for node in functions]),
        "files": sum(bool(text.strip()) for text in files.values()),
        **spread("file_lines", [len(text.splitlines()) for text in files.values() if text.strip()]),
        "functions_with_return_annotation": f"{annotated / len(functions):.1%}",
        "duplicate_pairs": duplicate_pairs(folder),
    }


def imports_into_steps(modules: Modules) -> tuple[int, int]:
    """Return the number of imports from one step into another, and from elsewhere of a step's modules except jobs."""
    names = {dotted(path) for path in modules}
    jobs = {dotted(path) for path, tree in modules.items() if path.stem == "agent" or declares_a_job(tree)}
    within = from_elsewhere = 0
    for path, tree in modules.items():
        own = step_of(dotted(path))
        for targets in imported(path, tree, names):
            into = {target for target in targets if step_of(target) not in {None, own}}
            within += bool(own and into)
            from_elsewhere += bool(not own and into - jobs)
    return within, from_elsewhere


def imported(path: Path, tree: ast.Module, names: set[str]) -> Iterator[set[str]]:
    """Yield the imported modules of each import statement; `names` are ours, to separate modules from functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = path.with_suffix("").parts[: -node.level] if node.level else ()
            source = ".".join([*package, *filter(None, [node.module])])
            inner = {f"{source}.{alias.name}" for alias in node.names}
            yield {name if name in names else source for name in inner}


def dotted(path: Path) -> str:
    """Return a module's name."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def step_of(module: str) -> str | None:
    """Return the step a module belongs to, if any."""
    package, _, inside = module.partition(".")
    step = inside.partition(".")[0]
    return step if package == "agents" and step in STEPS else None


def declares_a_job(tree: ast.Module) -> bool:
    """Return whether a module assigns a job at its top level."""
    values = [node.value for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    return any(isinstance(value, ast.Call) and ast.unparse(value.func) in JOBS for value in values)


def calls(tree: ast.Module) -> set[str]:
    """Return the functions that a module calls, as expressions in the source."""
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def modules_opening_containers(modules: Modules) -> int:
    """Return how many modules under agents/ open a container."""
    agents = [tree for path, tree in modules.items() if path.is_relative_to("agents")]
    functions = [node for tree in agents for node in ast.walk(tree) if isinstance(node, Functions) and node.returns]
    openers = {node.name for node in functions if "Container" in ast.unparse(node.returns or node)} | {"av.open"}
    return sum(any(name in openers or name.rpartition(".")[2] in openers for name in calls(tree)) for tree in agents)


def spread(name: str, lines: Sequence[int]) -> Measures:
    """Return the median, the 90th percentile and the maximum of some lengths."""
    p90 = sorted(lines)[ceil(len(lines) * 9 / 10) - 1]
    return {f"{name}_median": median(lines), f"{name}_p90": p90, f"{name}_max": max(lines)}


def duplicate_pairs(folder: Path) -> int | str:
    """Return how many pairs of code fragments share lines, or "not measured" without a complete count."""
    program = shutil.which(os.environ.get("DUPLICATES") or "duplicates")
    if program is None:
        return "not measured"
    command = [program, "--repo", str(folder), "--most", "1", "--seconds", "120"]
    output = subprocess.run(command, check=False, capture_output=True, text=True).stdout
    pairs = re.match(r"(\d+) pairs? |no duplicates", output)
    return "not measured" if pairs is None or "\nincomplete:" in f"\n{output}" else int(pairs[1] or 0)


if __name__ == "__main__":
    main()
