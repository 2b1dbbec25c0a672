"""A Qdrant server with the certificate of a private authority is used over HTTPS, and no other one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.move_index import QdrantConfig, check_qdrant
from infra.move_index.server import QdrantServerMoveIndex
from infra.settings import load_settings
from schemas.faults import Poison, Retryable, Unavailable
from tests.certificates import Certificates, make_certificates
from tests.chaos.faulty_qdrant_server import FaultyQdrantServer
from tests.unit.infra.moves import MOVES

_KEY = "key"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Return the certificates of a private authority."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def qdrant(tmp_path: Path, certificates: Certificates) -> Iterator[FaultyQdrantServer]:
    """Yield a server with HTTPS and an API key."""
    with FaultyQdrantServer(tmp_path / "server", api_key=_KEY, tls=certificates.context()) as qdrant:
        yield qdrant


def _config(qdrant: FaultyQdrantServer, tls: bool | Path) -> QdrantConfig:
    return QdrantConfig(host="127.0.0.1", port=int(qdrant.url.rpartition(":")[2]), api_key=_KEY, tls=tls)


def test_a_server_of_a_private_authority_is_used(qdrant: FaultyQdrantServer, certificates: Certificates) -> None:
    index = QdrantServerMoveIndex(_config(qdrant, certificates.authority))
    index.upsert(*MOVES)
    assert index.count() == qdrant.count() == len(MOVES)
    assert index.search(vector=MOVES[7].embedding, limit=1)[0].move == MOVES[7].summary()
    index.close()


def test_the_file_of_ssl_cert_file_is_trusted(
    qdrant: FaultyQdrantServer, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    monkeypatch.setenv("BACHATA_QDRANT_URL", qdrant.url)
    monkeypatch.setenv("BACHATA_QDRANT_API_KEY", _KEY)
    check_qdrant(load_settings())
    index = QdrantServerMoveIndex(_config(qdrant, tls=True))
    index.upsert(*MOVES[:3])
    assert qdrant.count() == 3
    index.close()


def test_a_server_of_an_unknown_authority_gets_no_request(
    qdrant: FaultyQdrantServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = QdrantServerMoveIndex(_config(qdrant, tls=True))
    with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED") as caught:
        index.count()
    assert caught.value.reason == "qdrant_away"
    monkeypatch.setenv("BACHATA_QDRANT_URL", qdrant.url)
    with pytest.raises(Retryable, match="CERTIFICATE_VERIFY_FAILED"):
        check_qdrant(load_settings())
    assert qdrant.calls == 0
    index.close()


def test_a_file_of_certificates_that_is_none_is_reported(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    for file in (tmp_path / "empty.pem", tmp_path / "missing.pem"):
        with pytest.raises(Poison, match="cannot be used as Qdrant's address") as caught:
            QdrantServerMoveIndex(QdrantConfig(tls=file))
        assert caught.value.reason == "settings"
