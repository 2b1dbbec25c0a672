"""The versions that our patches were written against are the installed ones: a new one must be read first."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from streams.patches import aiokafka_headers, faust_consumer, faust_tables, rocksdb


@pytest.mark.parametrize("module", [aiokafka_headers, faust_consumer, faust_tables, rocksdb], ids=lambda m: m.__name__)
def test_a_patch_was_read_against_the_installed_version(module: object) -> None:
    name, known = module.UPSTREAM  # type: ignore[attr-defined]
    assert version(name) == known, f"read {module} against the new version, then raise UPSTREAM"
