"""The settings: read from the environment, validated, and listed in docs/settings.md."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from infra.move_index import open_index
from infra.move_index.server import QdrantServerMoveIndex
from infra.settings import Settings, descriptions, document, load_settings, unknown_variables
from schemas.faults import Poison
from tests.paths import PROJECT

_SECRET = "hunter2-is-secret"  # noqa: S105 - of these tests only


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("BACHATA_")]:
        monkeypatch.delenv(name)


def test_without_variables_the_defaults_are_in_force() -> None:
    settings = load_settings()
    assert settings.model_fields_set == set()
    assert settings.data_dir == PROJECT / "data"
    assert settings.allowed_roots == (PROJECT / "data/songs", PROJECT / "data/moves", PROJECT / "data/demo")
    assert (settings.kafka, settings.qdrant_url, settings.qdrant_api_key) == (None, None, None)
    assert (settings.grace_s, settings.min_free_mb, settings.debug) == (10.0, 300, False)
    assert 1 <= settings.step_processes <= 4


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = load_settings()
    for setting in descriptions():
        monkeypatch.setenv(setting.variable, "")
    assert load_settings() == defaults


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("BACHATA_DATA_DIR", "/srv/./bachata/../state", Path("/srv/state")),
        ("BACHATA_DATA_DIR", "state", Path.cwd() / "state"),
        ("BACHATA_CACHE_DIR", "~/downloads", Path.home() / "downloads"),
        ("BACHATA_ALLOWED_ROOTS", "/srv/songs:~/clips:", (Path("/srv/songs"), Path.home() / "clips")),
        ("BACHATA_KAFKA", "localhost:9092", "localhost:9092"),
        ("BACHATA_KAFKA", "kafka-1.test:9092,10.0.0.7:65535,[::1]:1", "kafka-1.test:9092,10.0.0.7:65535,[::1]:1"),
        ("BACHATA_KAFKA_MECHANISM", "PLAIN", "PLAIN"),
        ("BACHATA_KAFKA_TLS", "1", True),
        ("BACHATA_KAFKA_TLS", "0", False),
        ("BACHATA_QDRANT_URL", "http://qdrant:6333", "http://qdrant:6333"),
        ("BACHATA_QDRANT_URL", "https://qdrant.example.org/index/v1", "https://qdrant.example.org/index/v1"),
        ("BACHATA_QDRANT_URL", "http://[::1]:6333", "http://[::1]:6333"),
        ("BACHATA_QDRANT_API_KEY", _SECRET, SecretStr(_SECRET)),
        ("BACHATA_STEP_PROCESSES", "1", 1),
        ("BACHATA_STEP_PROCESSES", "64", 64),
        ("BACHATA_GRACE_S", "0", 0.0),
        ("BACHATA_GRACE_S", "2.5", 2.5),
        ("BACHATA_GRACE_S", "3600", 3600.0),
        ("BACHATA_MIN_FREE_MB", "0", 0),
        ("BACHATA_MAX_CACHE_MB", "0", 0),
        ("BACHATA_MIN_FREE_MB", "100000000", 100_000_000),
        ("BACHATA_DEBUG", "1", True),
        ("BACHATA_DEBUG", "off", False),
    ],
)
def test_a_valid_value_is_in_force(
    variable: str, value: str, expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    name = variable.removeprefix("BACHATA_").lower()
    settings = load_settings()
    assert getattr(settings, name) == expected
    assert settings.model_fields_set == {name}


def test_the_default_roots_follow_the_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BACHATA_DATA_DIR", str(tmp_path))
    assert load_settings().allowed_roots[:2] == (tmp_path / "songs", tmp_path / "moves")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BACHATA_DATA_DIR", "~no-such-user/data"),
        ("BACHATA_DATA_DIR", str(PROJECT / "pyproject.toml")),
        ("BACHATA_DATA_DIR", "/" + 300 * "x"),
        ("BACHATA_DATA_DIR", "/"),
        ("BACHATA_DATA_DIR", "/usr/"),
        ("BACHATA_CACHE_DIR", "~no-such-user"),
        ("BACHATA_CACHE_DIR", str(PROJECT / "LICENSE")),
        ("BACHATA_ALLOWED_ROOTS", "~no-such-user/songs"),
        ("BACHATA_KAFKA", "localhost"),
        ("BACHATA_KAFKA", "localhost:"),
        ("BACHATA_KAFKA", ":9092"),
        ("BACHATA_KAFKA", "localhost:0"),
        ("BACHATA_KAFKA", "localhost:65536"),
        ("BACHATA_KAFKA", "localhost:9092,"),
        ("BACHATA_KAFKA", "localhost:9092, other:9092"),
        ("BACHATA_KAFKA", "kafka://localhost:9092"),
        ("BACHATA_KAFKA", "localhost:9092\n"),
        ("BACHATA_KAFKA", "..:9092"),
        ("BACHATA_KAFKA", 64 * "x" + ".com:9092"),
        ("BACHATA_KAFKA_MECHANISM", "GSSAPI"),
        ("BACHATA_KAFKA_TLS", "maybe"),
        ("BACHATA_KAFKA_TLS", "/no/such/file.pem"),
        ("BACHATA_KAFKA_TLS", str(PROJECT / "LICENSE")),
        ("BACHATA_QDRANT_URL", "localhost:6333"),
        ("BACHATA_QDRANT_URL", "ftp://qdrant:6333"),
        ("BACHATA_QDRANT_URL", "http://"),
        ("BACHATA_QDRANT_URL", "http://qdrant:65536"),
        ("BACHATA_QDRANT_URL", "http://qdrant:6333/?a=b"),
        ("BACHATA_QDRANT_URL", "http://a host:6333"),
        ("BACHATA_QDRANT_URL", "http://qdrant..example:6333"),
        ("BACHATA_QDRANT_URL", "http://" + 64 * "x"),
        ("BACHATA_STEP_PROCESSES", "0"),
        ("BACHATA_STEP_PROCESSES", "65"),
        ("BACHATA_STEP_PROCESSES", "2.5"),
        ("BACHATA_STEP_PROCESSES", "many"),
        ("BACHATA_GRACE_S", "-0.1"),
        ("BACHATA_GRACE_S", "3600.1"),
        ("BACHATA_GRACE_S", "10s"),
        ("BACHATA_GRACE_S", "nan"),
        ("BACHATA_GRACE_S", "inf"),
        ("BACHATA_MIN_FREE_MB", "-1"),
        ("BACHATA_MAX_CACHE_MB", "1.5"),
        ("BACHATA_MIN_FREE_MB", "100000001"),
        ("BACHATA_MIN_FREE_MB", "300MB"),
        ("BACHATA_DEBUG", "maybe"),
    ],
)
def test_a_value_that_is_not_valid_is_one_line_with_the_variable_the_value_and_what_is_right(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Poison) as caught:
        load_settings()
    valid = next(setting.valid for setting in descriptions() if setting.variable == variable)
    begin, end = f"{variable} is {value[:200]!r}", f": it must be {valid}"
    message = str(caught.value)
    assert message.startswith(begin)
    assert message.endswith(end)
    cause = message.removeprefix(begin).removesuffix(end)
    assert not cause or (cause.startswith(" (") and cause.endswith(")"))
    assert caught.value.reason == "settings"


def test_a_link_to_itself_is_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    monkeypatch.setenv("BACHATA_CACHE_DIR", str(tmp_path / "loop"))
    with pytest.raises(Poison, match=r"BACHATA_CACHE_DIR is '.*loop' \(.*\): it must be"):
        load_settings()


@pytest.mark.parametrize("variable", ["BACHATA_DATA_DIR", "BACHATA_CACHE_DIR"])
def test_a_folder_whose_name_is_not_utf8_is_refused_with_the_cause(
    variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(variable, f"{tmp_path}/{os.fsdecode(b'bad-ff')}" + os.fsdecode(b"\xff"))
    with pytest.raises(Poison, match=rf"{variable} is .* \(its name is not valid UTF-8, .*\): it must be"):
        load_settings()


def test_all_values_that_are_not_valid_are_in_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACHATA_DATA_DIR", "~no-such-user")  # the default of the allowed roots depends on it
    monkeypatch.setenv("BACHATA_GRACE_S", "ten")
    with pytest.raises(Poison) as caught:
        load_settings()
    assert [part.split(" is ")[0] for part in str(caught.value).split("; ")] == ["BACHATA_DATA_DIR", "BACHATA_GRACE_S"]


@pytest.mark.parametrize("value", [f"{_SECRET} x", f"{_SECRET}\u00e9", f"{_SECRET}\n"])
def test_a_secret_that_is_not_valid_is_not_in_the_error(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACHATA_QDRANT_API_KEY", value)
    with pytest.raises(Poison) as caught:
        load_settings()
    valid = "printable ASCII characters without spaces"
    assert str(caught.value) == f"BACHATA_QDRANT_API_KEY is not valid: it must be {valid}"
    assert caught.value.__context__ is None  # a traceback would print it


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BACHATA_QDRANT_URL", f"http://user:{_SECRET}@qdrant:6333"),
        ("BACHATA_QDRANT_URL", f"http://user:{_SECRET}/@{_SECRET}@qdrant:6333"),
        ("BACHATA_KAFKA", f"user:{_SECRET}@kafka:9092"),
    ],
)
def test_a_password_in_an_address_is_refused_and_masked(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Poison, match=rf"{variable} is '\*\*\*@(qdrant:6333|kafka:9092)': it must be") as caught:
        load_settings()
    assert _SECRET not in str(caught.value)


def test_a_secret_is_masked_wherever_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACHATA_QDRANT_API_KEY", _SECRET)
    monkeypatch.setenv("BACHATA_KAFKA", "kafka.test:9092")
    monkeypatch.setenv("BACHATA_KAFKA_USERNAME", "user")
    monkeypatch.setenv("BACHATA_KAFKA_PASSWORD", _SECRET)
    settings = load_settings()
    printed = (repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump()))
    assert all(_SECRET not in text and "**********" in text for text in printed)


@pytest.mark.parametrize(
    ("variables", "missing"),
    [
        ({"BACHATA_KAFKA": "kafka.test:9092", "BACHATA_KAFKA_USERNAME": "user"}, "BACHATA_KAFKA_PASSWORD"),
        ({"BACHATA_KAFKA": "kafka.test:9092", "BACHATA_KAFKA_PASSWORD": _SECRET}, "BACHATA_KAFKA_USERNAME"),
        ({"BACHATA_KAFKA_USERNAME": "user", "BACHATA_KAFKA_PASSWORD": _SECRET}, "BACHATA_KAFKA"),
    ],
)
def test_a_login_of_which_a_part_is_missing_is_refused(
    variables: dict[str, str], missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(Poison, match=f"is set and {missing} is not") as caught:
        load_settings()
    assert _SECRET not in str(caught.value)


def test_the_api_key_reaches_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BACHATA_QDRANT_URL", "https://127.0.0.1:1")
    monkeypatch.setenv("BACHATA_QDRANT_API_KEY", _SECRET)
    index = open_index(load_settings(), tmp_path)
    assert isinstance(index, QdrantServerMoveIndex)
    assert index._client._client._rest_headers["api-key"] == _SECRET  # type: ignore[attr-defined]
    index.close()


def test_settings_cannot_be_changed() -> None:
    settings = load_settings()
    with pytest.raises(ValidationError):
        settings.grace_s = 1.0


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("BACHATA_GRACE", "did you mean BACHATA_GRACE_S?"),
        ("BACHATA_QDRANT_KEY", "did you mean BACHATA_QDRANT_API_KEY?"),
        ("BACHATA_DATADIR", "did you mean BACHATA_DATA_DIR?"),
        ("BACHATA_CHILDREN", "did you mean BACHATA_STEP_PROCESSES?"),
        ("BACHATA_XYZ", "`bachata settings` lists all settings"),
    ],
)
def test_an_unknown_variable_is_one_line_with_the_nearest_name_and_without_its_value(
    variable: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, _SECRET)
    monkeypatch.setenv("BACHATA_MIN_FREE_MB", "7")
    monkeypatch.setenv("OTHER_GRACE", "7")
    assert list(unknown_variables()) == [f"{variable} is not a setting and has no effect; {hint}"]


def test_variables_of_the_tests_are_no_misspelt_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("BACHATA_SHARED", "BACHATA_TEST_QDRANT_URL"):
        monkeypatch.setenv(variable, "x")
    assert list(unknown_variables()) == []


def test_each_setting_is_described() -> None:
    described = descriptions()
    assert [setting.name for setting in described] == list(Settings.model_fields)
    for setting in described:
        assert setting.description.endswith(".")
        assert setting.description.count(".") == 1
        assert setting.heading
        assert setting.valid
        assert setting.default_text != "None"
        assert "|" not in setting.description + setting.valid + setting.default_text
    assert {s.variable: s.unit for s in described if s.unit} == {
        "BACHATA_QDRANT_TIMEOUT_S": "s",
        "BACHATA_URL_TIMEOUT_S": "s",
        "BACHATA_GRACE_S": "s",
        "BACHATA_MIN_FREE_MB": "MiB",
        "BACHATA_MAX_CACHE_MB": "MiB",
    }
    assert [setting.variable for setting in described if setting.is_secret] == [
        "BACHATA_KAFKA_PASSWORD",
        "BACHATA_QDRANT_API_KEY",
        "BACHATA_API_TOKEN",
        "BACHATA_WEBHOOK_SECRET",
    ]


def test_each_heading_stands_once() -> None:
    headings = [line for line in document().splitlines() if line.startswith("## ")]
    assert len(headings) == len(set(headings)) == len({setting.heading for setting in descriptions()})


def test_the_document_is_up_to_date() -> None:
    assert (PROJECT / "docs" / "settings.md").read_text() == document(), "run `make docs`"


def test_the_document_is_the_same_on_every_machine(tmp_path: Path) -> None:
    environment = {
        "HOME": str(tmp_path),
        "BACHATA_DATA_DIR": "/srv",
        "XDG_CACHE_HOME": "/x",
        "PYTHONPATH": str(PROJECT),
    }
    command = [sys.executable, "-m", "infra.settings"]
    assert subprocess.check_output(command, env=environment, cwd=tmp_path, text=True) == document()


def test_no_other_module_reads_a_setting_from_the_environment() -> None:
    files = [file for folder in ("agents", "infra", "streams", "schemas") for file in (PROJECT / folder).rglob("*.py")]
    reading = [
        file.name
        for file in files
        if 'environ.get("BACHATA_' in (text := file.read_text()) or 'environ["BACHATA_' in text
    ]
    assert reading == []


_WEBHOOK_SECRET = "whsec_" + "a2tr" * 8  # 24 bytes


@pytest.mark.parametrize(
    "url",
    [
        "example.org",
        "ftp://example.org/",
        "https://user:secret@example.org/",
        "https://example.org/#x",
        "file:///etc/x",
    ],
)
def test_the_url_of_a_webhook_is_http_without_a_user_name(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACHATA_WEBHOOK_URL", url)
    monkeypatch.setenv("BACHATA_WEBHOOK_SECRET", _WEBHOOK_SECRET)
    with pytest.raises(Poison, match="BACHATA_WEBHOOK_URL is"):
        load_settings()


@pytest.mark.parametrize("secret", ["whsec_", "whsec_a2tr", "a2tr" * 8, "whsec_%%%%", f"{_WEBHOOK_SECRET} " * 3])
def test_the_secret_of_a_webhook_is_as_standard_webhooks_writes_it(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACHATA_WEBHOOK_SECRET", secret)
    with pytest.raises(Poison, match="BACHATA_WEBHOOK_SECRET is not valid: it must be `whsec_`") as refused:
        load_settings()
    assert not secret.removeprefix("whsec_") or secret.strip() not in str(refused.value)


def test_a_webhook_needs_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACHATA_WEBHOOK_URL", "https://example.org/hook?key=1")
    with pytest.raises(Poison, match="BACHATA_WEBHOOK_SECRET is not: every outcome is signed"):
        load_settings()
    monkeypatch.setenv("BACHATA_WEBHOOK_SECRET", f"{_WEBHOOK_SECRET} {_WEBHOOK_SECRET}")
    assert load_settings().webhook_url == "https://example.org/hook?key=1"
    assert not load_settings().webhook_private


@pytest.mark.parametrize("address", ["0.0.0.0:8080", "[::]:8080", "10.0.0.5:80", "example.org:443"])
def test_an_api_that_others_can_reach_needs_a_token_of_its_own(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACHATA_API", address)
    with pytest.raises(Poison, match="set BACHATA_API_TOKEN too"):
        load_settings()
    monkeypatch.setenv("BACHATA_API_TOKEN", "short")
    with pytest.raises(Poison, match="BACHATA_API_TOKEN is too short"):
        load_settings()
    monkeypatch.setenv("BACHATA_API_TOKEN", "t" * 16)
    assert load_settings().api == address


def test_an_api_on_this_machine_alone_needs_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for address, expected in {"127.0.0.1:8080": ("127.0.0.1", 8080), "[::1]:1": ("::1", 1)}.items():
        monkeypatch.setenv("BACHATA_API", address)
        assert load_settings().api_address == expected
