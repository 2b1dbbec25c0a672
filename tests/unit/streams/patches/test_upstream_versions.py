"""The upstream versions that the patches were written for are installed; check a patch before raising its version."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from streams.patches import (
    aiokafka_batches,
    aiokafka_codecs,
    aiokafka_configs,
    aiokafka_errors,
    aiokafka_records,
    faust_consumer,
    faust_tables,
    rocksdb,
)

_PATCHES = [
    aiokafka_batches,
    aiokafka_codecs,
    aiokafka_configs,
    aiokafka_errors,
    aiokafka_records,
    faust_consumer,
    faust_tables,
    rocksdb,
]


@pytest.mark.parametrize("module", _PATCHES, ids=lambda m: m.__name__)
def test_a_patch_was_checked_with_the_installed_version(module: object) -> None:
    name, checked = module.UPSTREAM  # type: ignore[attr-defined]
    assert version(name) == checked, f"check {module} with the new version, then raise UPSTREAM"
