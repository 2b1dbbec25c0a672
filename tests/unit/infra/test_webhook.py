"""The webhook, against a real receiver that fails, hangs, sends slowly or without end, redirects and works again."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from infra.settings import Settings
from infra.webhook import Webhook, configured_webhook, signature, wait_s
from schemas.faults import Fault, Poison, Retryable
from tests.certificates import make_certificates
from tests.documents import blocks
from tests.unit.infra.receiver import CLOSE, ENDLESS_BODY, ENDLESS_HEADERS, HANG, NO_HTTP, SLOW, answer, receiver

_KEY, _OLD_KEY = b"k" * 24, b"o" * 32
_BODY = '{"data":{"subject":"Canción"}}'.encode()
_SECRET = "whsec_" + base64.b64encode(_KEY).decode()


def _webhook(url: str, timeout_s: float = 5.0, **changes: Any) -> Webhook:
    return Webhook(url, (_KEY,), **{"allow_private": True, "timeout_s": timeout_s} | changes)


def _fault(*plan: bytes | str, timeout_s: float = 5.0) -> Fault:
    """Return the fault of a message to a receiver with this plan; it receives the message exactly once."""
    with receiver(*plan) as found:
        with pytest.raises(Fault) as raised:
            _webhook(found.url, timeout_s).post("m1", _BODY)
        assert len(found.received) == 1
    return raised.value


def test_a_message_is_signed_as_standard_webhooks_describes() -> None:
    with receiver() as found:
        assert Webhook(found.url, (_KEY, _OLD_KEY), allow_private=True).post("m1", _BODY) == 204
    [request] = found.received
    assert request.line == "POST /outcomes?key=1 HTTP/1.1"
    assert request.body == _BODY
    assert request.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    timestamp = request.headers["webhook-timestamp"]
    assert abs(int(timestamp) - time.time()) < 60
    signed = b".".join([request.headers["webhook-id"].encode(), timestamp.encode(), request.body])
    expected = [base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in (_KEY, _OLD_KEY)]
    assert request.headers["webhook-signature"] == " ".join(f"v1,{text}" for text in expected)


def test_the_signature_is_that_of_the_specifications_own_example() -> None:
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    assert signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_the_documented_program_verifies_a_message_and_refuses_any_other() -> None:
    [block] = [block for block in blocks("py") if block.subject == "verify"]
    program: dict[str, Any] = {}
    exec(block.text, program)  # noqa: S102 - of docs/http.md
    with receiver() as found:
        Webhook(found.url, (_OLD_KEY, _KEY), allow_private=True).post("m1", _BODY)
    [request] = found.received
    assert program["is_genuine"](request.headers, request.body, _SECRET)
    assert not program["is_genuine"](request.headers, request.body + b" ", _SECRET)
    del request.headers["webhook-timestamp"]
    request.headers["webhook-timestamp"] = "1614265330"
    assert not program["is_genuine"](request.headers, request.body, _SECRET)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 413, 422])
def test_a_status_of_a_request_that_will_never_be_accepted_is_final(status: int) -> None:
    fault = _fault(answer(status))
    assert (type(fault), fault.reason) == (Poison, "webhook_refuses")
    assert str(status) in str(fault)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_a_status_of_a_fault_that_may_pass_is_tried_again(status: int) -> None:
    fault = _fault(answer(status, "Retry-After: 7"))
    assert isinstance(fault, Retryable)
    assert (fault.reason, fault.retry_after_s) == ("webhook_away", 7.0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    with receiver() as canary:
        fault = _fault(answer(status, f"Location: {canary.url}"))
        assert canary.connections == 0
    assert (fault.reason, "redirects are not followed" in str(fault)) == ("webhook_refuses", True)


@pytest.mark.parametrize("behaviour", [HANG, SLOW, ENDLESS_HEADERS, NO_HTTP, CLOSE])
def test_a_receiver_that_gives_no_answer_is_cut(behaviour: str) -> None:
    started = time.monotonic()
    fault = _fault(behaviour, timeout_s=0.4)
    assert time.monotonic() - started < 20  # the receiver hangs for 30 s
    assert (type(fault), fault.reason) == (Retryable, "webhook_away")


def test_a_body_without_end_is_not_read() -> None:
    with receiver(ENDLESS_BODY) as found:
        assert _webhook(found.url).post("m1", _BODY) == 200


def test_a_receiver_that_does_not_listen_is_tried_again_until_it_comes_back() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Retryable, match="cannot be reached"):
        _webhook(f"http://127.0.0.1:{port}/").post("m1", _BODY)
    with pytest.raises(Retryable, match="cannot be reached"):
        _webhook("http://no-such-host.invalid/").post("m1", _BODY)
    with receiver(answer(503)) as found:
        with pytest.raises(Retryable):
            _webhook(found.url).post("m1", _BODY)
        assert _webhook(found.url).post("m1", _BODY) == 204
    assert [request.headers["webhook-id"] for request in found.received] == ["m1", "m1"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0", "[::ffff:127.0.0.1]"]
)
def test_an_address_that_is_not_public_is_refused_and_not_contacted(host: str) -> None:
    with receiver() as canary:
        webhook = _webhook(f"http://{host}:{canary.port}/", allow_private=False)
        with pytest.raises(Poison) as refused:
            webhook.post("m1", _BODY)
        assert refused.value.reason == "url_not_allowed"
        assert canary.connections == 0


def test_a_name_that_leads_to_a_private_address_at_the_second_look_up_is_of_no_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_up = list[str]()

    def getaddrinfo(host: str, port: int, *args: Any, **options: Any) -> list[Any]:
        looked_up.append(host)
        address = "192.0.2.1" if len(looked_up) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr("infra.base.public_address.is_public", lambda address: address == "192.0.2.1")
    with receiver() as canary:
        with pytest.raises(Retryable):
            _webhook(f"http://rebinding.example:{canary.port}/", 0.3, allow_private=False).post("m1", _BODY)
        assert canary.connections == 0
    assert looked_up == ["rebinding.example"]


def test_a_certificate_that_is_not_trusted_gets_no_outcome(tmp_path: Path) -> None:
    with receiver(tls=make_certificates(tmp_path).context()) as found:
        with pytest.raises(Retryable, match="Certificate"):
            _webhook(f"https://localhost:{found.port}/").post("m1", _BODY)
        assert (found.connections, found.received) == (0, [])


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as proxy, receiver() as found:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        assert _webhook(found.url).post("m1", _BODY) == 204
        assert proxy.connections == 0


def test_retry_after_is_a_number_of_seconds_or_a_date_and_at_most_an_hour() -> None:
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 55 < wait_s(in_a_minute) <= 60
    assert [wait_s(text) for text in ("0", "30", "999999", "9" * 400)] == [0.0, 30.0, 3600.0, 0.0]
    past = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
    assert [wait_s(text) for text in ("", "-5", "soon", "1.5", "٣", past)] == [0.0] * 6


def test_the_settings_name_the_webhook_and_its_secrets() -> None:
    settings = Settings(webhook_url="https://example.org/x", webhook_secret=SecretStr(f"{_SECRET} {_SECRET}"))
    found = configured_webhook(settings)
    assert found == Webhook("https://example.org/x", [_KEY, _KEY])
    assert _KEY.decode() not in repr(found)
    assert configured_webhook(Settings()) is None
