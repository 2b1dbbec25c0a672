"""The upstream versions that the patches were written for are installed; check a patch before raising its version."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from pkgutil import iter_modules

import pytest

from streams import patches

_PATCHES = [import_module(f"{patches.__name__}.{module.name}") for module in iter_modules(patches.__path__)]


@pytest.mark.parametrize("module", _PATCHES, ids=lambda m: m.__name__)
def test_a_patch_was_checked_with_the_installed_version(module: object) -> None:
    name, checked = module.UPSTREAM  # type: ignore[attr-defined]
    assert version(name) == checked, f"check {module} with the new version, then raise UPSTREAM"
