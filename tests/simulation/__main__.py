"""Run seeds: `python -m tests.simulation --seeds 100`, or one again: `--seed 17`."""

from __future__ import annotations

from tests.simulation import clock

clock.install()  # before the program is imported

from tests.simulation.command import main  # noqa: E402

main()
