"""A private certification authority for tests of TLS, made by the command `openssl`."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

_NEW_KEY = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Certificates(NamedTuple):
    """The certificate of the authority, and that of a server at 127.0.0.1 with its key, which the authority signed."""

    authority: Path
    server: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """Return the context of a server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server, self.key)
        return context


def make_certificates(folder: Path) -> Certificates:
    """Return new certificates in a folder; skip the test where `openssl` is not installed."""
    names = ("authority.pem", "authority.key", "server.pem", "server.key", "server.csr")
    authority, authority_key, server, key, request = (str(folder / name) for name in names)
    subject = ("-subj", "/CN=Tests of Bachata Streams")
    _openssl(*_NEW_KEY, "-x509", "-days", "2", *subject, "-keyout", authority_key, "-out", authority)
    address = ("-addext", "subjectAltName=IP:127.0.0.1")
    _openssl(*_NEW_KEY, "-subj", "/CN=127.0.0.1", *address, "-keyout", key, "-out", request)
    signing = ("-CA", authority, "-CAkey", authority_key, "-days", "2", "-copy_extensions", "copy")
    _openssl("x509", "-req", "-in", request, *signing, "-out", server)
    return Certificates(Path(authority), Path(server), Path(key))


def _openssl(*arguments: str) -> None:
    program = shutil.which("openssl") or pytest.skip("the command openssl is not installed")
    subprocess.run([program, *arguments], check=True, capture_output=True)
