"""What to check after a download that failed."""

from __future__ import annotations

from urllib.request import getproxies


def network_hint() -> str:
    """Return what to check: the network, and the proxies that the environment names, without their addresses."""
    proxies = [f"{kind}_proxy" for kind in sorted(getproxies()) if kind != "no"]
    return f"check the network and the proxy in {' and '.join(proxies)}" if proxies else "check the network"
