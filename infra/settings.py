"""Every setting: its environment variable, description, unit, valid values and default.

`docs/settings.md` is printed from this model by `make docs`.
"""

from __future__ import annotations

import base64
import os
import ssl
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from infra.base.public_address import is_loopback
from infra.downloads.hosts import normalised_entry
from schemas.faults import Poison
from schemas.limits import MAX_DOWNLOAD_S

QDRANT_COLLECTION = "bachata_moves"
SECRET_PREFIX = "whsec_"  # noqa: S105 - of the Standard Webhooks specification
_PREFIX = "BACHATA_"
_OF_TESTS = ("shared", "test_")  # variables of the project's tests: their media, their servers
_RENAMED = {"children": "step_processes"}  # names of earlier versions
_PROJECT = Path(__file__).resolve().parent.parent
_SYSTEM_FOLDERS = frozenset(map(Path, ("/", "/boot", "/dev", "/etc", "/home", "/run", "/usr", "/var")))
_MIN_TOKEN_CHARACTERS = 16
_MAX_WEBHOOK_SECRETS = 2  # the new and the old one, while a receiver changes
_MAX_VALUE_CHARACTERS = 200  # of a value that an error message repeats

_LABEL = r"[0-9A-Za-z_-]{1,63}"  # a part of a host name, which no resolver takes if it is longer
_HOST = rf"(?:\[[0-9A-Fa-f:.]+\]|{_LABEL}(?:\.{_LABEL})*\.?)"
_PORT = r"(?:6553[0-5]|655[0-2]\d|65[0-4]\d\d|6[0-4]\d{3}|[1-5]\d{4}|[1-9]\d{0,3})"
KAFKA_ADDRESS = f"{_HOST}:{_PORT}(?:,{_HOST}:{_PORT})*"


def _default_data_dir() -> Path:
    if (_PROJECT / "pyproject.toml").is_file():
        return _PROJECT / "data"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "bachata-streams"


def _default_cache_dir() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bachata-streams"


def _default_roots(values: dict[str, Any]) -> tuple[Path, ...]:
    data_dir: Path = values["data_dir"]
    return (data_dir / "songs", data_dir / "moves", _PROJECT / "data" / "demo")


def _as_folder(path: Path) -> Path:
    try:
        folder = path.expanduser().resolve()
        is_loop, is_file = folder.is_symlink(), folder.is_file()
    except (OSError, RuntimeError) as error:  # an unknown user's home, a link to itself, a name that is too long
        raise ValueError(str(error)) from error
    if is_loop:  # from Python 3.13 on, resolve() leaves a link to itself as it is
        raise ValueError("it is a link to itself")
    if is_file:
        raise ValueError("it is a file")
    if not _is_utf8(folder):
        raise ValueError("its name is not valid UTF-8, so that Java cannot open it")
    return folder


def _is_utf8(folder: Path) -> bool:
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_own_folder(path: Path) -> Path:
    """Return the folder. Raises: `ValueError` where another user owns it, can fill it, or has planted a link to it."""
    folder = _as_folder(path)
    given = Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - resolve() would follow the links
    if folder in _SYSTEM_FOLDERS:  # closing it to other users would stop their programs
        raise ValueError("it is a folder of the system")
    found = [part.lstat() for part in (given, *given.parents) if part.is_symlink()]
    if folder.exists():
        found.append(folder.stat())
        if found[-1].st_mode & stat.S_ISVTX:
            raise ValueError("it is a folder for everybody")
    if any(status.st_uid not in {0, os.geteuid()} for status in found):
        raise ValueError("it belongs to another user")
    return folder


def _split(value: Any) -> Any:
    return [part for part in value.split(":") if part] if isinstance(value, str) else value


def _split_hosts(value: Any) -> Any:
    return [part for part in map(str.strip, value.split(",")) if part] if isinstance(value, str) else value


def _as_tls(value: Any) -> Any:
    return Path(value) if isinstance(value, str) and "/" in value else value


def _check_ca_file(value: bool | Path) -> bool | Path:
    if isinstance(value, bool):
        return value
    file = value.expanduser().resolve()
    try:
        ssl.create_default_context(cafile=file)
    except OSError as error:  # also for a file without certificates
        raise ValueError(str(error)) from error
    return file


def _check_header_value(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not all("!" <= character <= "~" for character in text):
        raise ValueError("it is not valid in an HTTP header")
    return secret


def _check_webhook_secret(secret: SecretStr) -> SecretStr:
    parts = secret.get_secret_value().split()
    keys = [base64.b64decode(part.removeprefix(SECRET_PREFIX), validate=True) for part in parts]
    if not 1 <= len(keys) <= _MAX_WEBHOOK_SECRETS or not all(24 <= len(key) <= 64 for key in keys):
        raise ValueError("it has the wrong length")
    if not all(part.startswith(SECRET_PREFIX) for part in parts):
        raise ValueError(f"it does not begin with {SECRET_PREFIX}")
    return secret


_HostEntry = Annotated[str, AfterValidator(normalised_entry)]
_Folder = Annotated[Path, AfterValidator(_as_folder)]
_OwnFolder = Annotated[Path, AfterValidator(_as_own_folder)]
_HeaderSecret = Annotated[SecretStr, AfterValidator(_check_header_value)]
_WebhookSecret = Annotated[SecretStr, AfterValidator(_check_webhook_secret)]
_Tls = Annotated[bool | Path, BeforeValidator(_as_tls), AfterValidator(_check_ca_file)]


def _setting(  # noqa: PLR0913 - the parts of a setting
    heading: str,
    description: str,
    default: Any = None,
    *,
    valid: str,
    unit: str = "",
    default_text: str = "",
    limits: tuple[int, int] | None = None,
    pattern: str | None = None,
) -> Any:
    """Return a field with what the table, `bachata settings` and error messages need.

    `default` may be a function that returns it. `valid` completes "it must be …". `default_text` replaces in the
    table a default that depends on the machine or means more than its value. `limits` are the lowest and highest
    number.
    """
    low, high = limits or (None, None)
    extra = {
        "heading": heading,
        "valid": valid if limits is None else f"{valid} from {low} to {high}",
        "unit": unit,
        "default_text": default_text or str(default),
    }
    kind = "default_factory" if callable(default) else "default"
    return Field(
        **{kind: default},
        description=description,
        ge=low,
        le=high,
        pattern=pattern,
        json_schema_extra=cast("Any", extra),
    )


class Settings(BaseSettings):
    """The settings in force. All state is below `data_dir`; `cache_dir` is for all data folders of this user."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_ignore_empty=True, frozen=True, hide_input_in_errors=True, allow_inf_nan=False
    )

    data_dir: _OwnFolder = _setting(
        "Folders",
        "Folder of all state: Kafka's log, media, tables, videos; other users of the machine cannot enter it.",
        _default_data_dir,
        valid="the path of a folder that belongs to you and not to everybody",
        default_text="`data/` of the project; where it is installed without its sources, "
        "`bachata-streams` below `XDG_DATA_HOME` or `~/.local/share`",
    )
    cache_dir: _Folder = _setting(
        "Folders",
        "Folder of what `bachata setup` downloads: Kafka's jars and the pose model; "
        "it is not the folder `cache` in the data folder.",
        _default_cache_dir,
        valid="the path of a folder",
        default_text="`bachata-streams` below `XDG_CACHE_HOME` or `~/.cache`",
    )
    allowed_roots: Annotated[tuple[_Folder, ...], NoDecode, BeforeValidator(_split)] = _setting(
        "Folders",
        "Folders below which an event may name a file by its path; the value replaces the default folders.",
        _default_roots,
        valid="paths of folders with ':' between them",
        default_text="`songs` and `moves` in the data folder, and `data/demo` of the project",
    )
    url_hosts: Annotated[tuple[_HostEntry, ...], NoDecode, BeforeValidator(_split_hosts)] = _setting(
        "Downloads",
        "Hosts that an event may name the URL of a song or clip at; `youtube` stands for YouTube's hosts, whose pages "
        "need yt-dlp.",
        (),
        valid="youtube, hosts, or hosts with a port, with ',' between them",
        default_text="not set: nothing is downloaded",
    )
    url_private: bool = _setting(
        "Downloads",
        "Whether the hosts of `BACHATA_URL_HOSTS` may have addresses that are not of the public Internet, such as "
        "those of this machine and its network.",
        default=False,
        valid="1 or 0 (or true, false, yes, no, on, off)",
        default_text="0",
    )
    url_timeout_s: int = _setting(
        "Downloads",
        "How long the download of a song or clip may take.",
        300,
        valid="a whole number",
        unit="s",
        limits=(1, MAX_DOWNLOAD_S),
    )
    watch: Annotated[tuple[_Folder, ...], NoDecode, BeforeValidator(_split)] = _setting(
        "Watched folders",
        "Folders that `bachata up` watches: clips in them become moves, and songs choreography videos.",
        (),
        valid="paths of folders with ':' between them",
        default_text="not set: no folder is watched",
    )
    watch_results: Literal["beside", "move", "none"] = _setting(
        "Watched folders",
        "Where the outcome of a file is written: in a file beside it, after a move of both to the folder `done` or "
        "`failed` of the watched folder, or nowhere.",
        "beside",
        valid="beside, move or none",
    )
    watch_songs_to: _Folder | None = _setting(
        "Watched folders",
        "Folder for the videos of songs in watched folders.",
        valid="the path of a folder",
        default_text="not set: they stay in `output` in the data folder",
    )
    watch_polling: bool = _setting(
        "Watched folders",
        "Whether watched folders are searched for changes all the time, instead of a notice by the system; network "
        "folders always are.",
        default=False,
        valid="1 or 0 (or true, false, yes, no, on, off)",
        default_text="0",
    )
    kafka: str | None = _setting(
        "Kafka",
        "Address of the Kafka to use instead of a local one.",
        valid="host:port, or several with ',' between them",
        pattern=f"^{KAFKA_ADDRESS}$",
        default_text="not set: a local Kafka is started",
    )
    kafka_username: str | None = _setting(
        "Kafka",
        "User name of the login (SASL) at the Kafka of `BACHATA_KAFKA`.",
        valid="a user name, together with a password",
        default_text="not set: no login",
    )
    kafka_password: SecretStr | None = _setting(
        "Kafka",
        "Password of `BACHATA_KAFKA_USERNAME`.",
        valid="a password, together with a user name",
        default_text="not set: no login",
    )
    kafka_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = _setting(
        "Kafka",
        "SASL mechanism of the login.",
        "SCRAM-SHA-512",
        valid="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
    )
    kafka_tls: _Tls = _setting(
        "Kafka",
        "Whether to connect to the Kafka of `BACHATA_KAFKA` with TLS; a path names the certificates to trust instead "
        "of the system's.",
        default=False,
        valid="1, 0, or the path of a PEM file with '/' in it",
        default_text="0",
    )
    qdrant_url: str | None = _setting(
        "Qdrant",
        "Address of the Qdrant server to use instead of the engine inside the worker.",
        valid="a URL such as http://localhost:6333 or https://host/path, without a user name, password or query",
        pattern=f"^https?://{_HOST}(?::{_PORT})?(?:/[0-9A-Za-z._~%/-]*)?$",
        default_text="not set: Qdrant's engine runs inside the worker",
    )
    qdrant_api_key: _HeaderSecret | None = _setting(
        "Qdrant",
        "API key of the Qdrant server.",
        valid="printable ASCII characters without spaces",
        default_text="not set",
    )
    qdrant_collection: str = _setting(
        "Qdrant",
        "Name of the collection of moves on the Qdrant server: an alias, so that a rebuilt one can take its place.",
        QDRANT_COLLECTION,
        valid="letters, digits, '_' and '-'",
        pattern=r"^[0-9A-Za-z_-]{1,128}$",
    )
    qdrant_grpc_port: int | None = _setting(
        "Qdrant",
        "gRPC port of the Qdrant server, such as 6334, to use gRPC for moves and searches.",
        valid="a whole number",
        limits=(1, 65535),
        default_text="not set: HTTP is used",
    )
    qdrant_timeout_s: int = _setting(
        "Qdrant",
        "How long a request to the Qdrant server may take; a write that took longer is repeated with fewer moves.",
        10,
        valid="a whole number",
        unit="s",
        limits=(1, 600),
    )
    api: str | None = _setting(
        "HTTP API",
        "Address at which a worker serves the HTTP API for programs that do not speak Kafka.",
        valid="host:port, such as 127.0.0.1:8080, where the host is an address of this machine",
        pattern=f"^{_HOST}:{_PORT}$",
        default_text="not set: there is no HTTP API",
    )
    api_token: _HeaderSecret | None = _setting(
        "HTTP API",
        "Token of the HTTP API; needed where its address is not one of this machine alone.",
        valid="at least 16 printable ASCII characters without spaces",
        default_text="not set: the token in the file `run/token` of the data folder",
    )
    webhook_url: str | None = _setting(
        "Webhook",
        "URL to which the outcome of each request is posted; set it for all workers alike.",
        valid="a URL such as https://host/path, without a user name or fragment",
        pattern=f"^https?://{_HOST}(?::{_PORT})?(?:[/?][0-9A-Za-z._~:/?&=+,;@!$'()*%-]*)?$",
        default_text="not set: outcomes are on the topic `request-ended` only",
    )
    webhook_secret: _WebhookSecret | None = _setting(
        "Webhook",
        "Secret by which the receiver verifies that an outcome is from here; needed with a URL.",
        valid="`whsec_` and the base64 of 24 to 64 random bytes; or two of these with a space between, while the "
        "receiver changes from one to the other",
        default_text="not set",
    )
    webhook_private: bool = _setting(
        "Webhook",
        "Whether the host of the URL may have an address that is not of the public Internet, such as one of this "
        "machine or of a private network.",
        default=False,
        valid="1 or 0 (or true, false, yes, no, on, off)",
        default_text="0",
    )
    step_processes: int = _setting(
        "Worker",
        "Number of processes in which a worker runs steps; move scoring runs in the worker itself.",
        lambda: min(4, os.cpu_count() or 2),
        valid="a whole number",
        limits=(1, 64),
        default_text="as many as cores, at most 4",
    )
    grace_s: float = _setting(
        "Worker",
        "How long a worker that is stopped by a signal continues with the events that it has begun.",
        10.0,
        valid="a number",
        unit="s",
        limits=(0, 3600),
        default_text="10",
    )
    min_free_mb: int = _setting(
        "Worker",
        "Free space below which all work pauses, on the disks of the data folder and of `cache` and `output` in it; "
        "0 turns this check off.",
        300,
        valid="a whole number",
        unit="MiB",
        limits=(0, 100_000_000),
    )
    max_cache_mb: int = _setting(
        "Worker",
        "Size of the encoded clips and songs and the detections in `cache` in the data folder, above which those used "
        "longest ago are removed, to be made again when they are needed; 0 turns this off.",
        10_000,
        valid="a whole number",
        unit="MiB",
        limits=(0, 100_000_000),
    )
    debug: bool = _setting(
        "Diagnostics",
        "Whether a command that fails prints a traceback before its one-line error.",
        default=False,
        valid="1 or 0 (or true, false, yes, no, on, off)",
        default_text="0",
    )

    @property
    def demo_dir(self) -> Path:
        """Return the folder of the demo set."""
        return _PROJECT / "data" / "demo"

    @property
    def api_address(self) -> tuple[str, int]:
        """Return the host, without brackets, and the port of the HTTP API. Raises: `ValueError` where none is set."""
        host, _, port = (self.api or "").rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def media_dir(self) -> Path:
        """Return the folder of the media store."""
        return self.data_dir / "media"

    @property
    def derived_dir(self) -> Path:
        """Return the folder of files that can be computed again: mezzanines, encoded songs."""
        return self.data_dir / "cache"

    @property
    def recordings_dir(self) -> Path:
        """Return the folder of the recordings that were cut into parts, with what was decided of the parts."""
        return self.data_dir / "recordings"

    @property
    def embeddings_dir(self) -> Path:
        """Return the folder of the moves that other programs store without a Qdrant server."""
        return self.data_dir / "embeddings"

    @property
    def output_dir(self) -> Path:
        """Return the folder of the finished videos."""
        return self.data_dir / "output"

    @property
    def kafka_dir(self) -> Path:
        """Return the folder of the local Kafka."""
        return self.data_dir / "kafka"

    @property
    def state_dir(self) -> Path:
        """Return the folder of the tables and the move index, which only the worker opens."""
        return self.data_dir / "state"

    @property
    def watch_dir(self) -> Path:
        """Return the folder of what is known of watched folders, and their locks."""
        return self.data_dir / "watch"

    @property
    def run_dir(self) -> Path:
        """Return the folder of locks, logs, the page's token and the addresses of running services."""
        return self.data_dir / "run"

    @property
    def pose_model(self) -> Path:
        """Return the path of the MediaPipe bundle that set-up builds."""
        return self.cache_dir / "pose_landmarker_full.task"


def _variable(name: str) -> str:
    return _PREFIX + name.upper()


@dataclass(frozen=True)
class Description:
    """The metadata of a setting. `unit` is empty where there is none."""

    name: str
    heading: str
    description: str
    valid: str
    unit: str
    default_text: str
    is_secret: bool

    @property
    def variable(self) -> str:
        """Return the environment variable."""
        return _variable(self.name)


def descriptions() -> list[Description]:
    """Return the description of each setting, in the order of the headings."""
    return [
        Description(
            name=name,
            description=field.description or "",
            is_secret=SecretStr.__name__ in str(field.annotation),
            **cast("dict[str, Any]", field.json_schema_extra),
        )
        for name, field in Settings.model_fields.items()
    ]


def load_settings() -> Settings:
    """Return the settings in force. Raises: `Poison` (`settings`), naming each variable whose value is not valid."""
    try:
        settings = Settings()
    except ValidationError as error:  # its text and its cause would show the value of a secret
        described = {description.name: description for description in descriptions()}
        messages = [_message(found, described[str(found["loc"][0])]) for found in error.errors() if _is_cause(found)]
    else:
        _check_login(settings)
        _check_webhook(settings)
        _check_api(settings)
        return settings
    raise Poison("; ".join(messages), reason="settings")


def _check_login(settings: Settings) -> None:
    """Raise `Poison` for a Kafka login of which a part is missing."""
    parts = {name: getattr(settings, name) for name in ("kafka", "kafka_username", "kafka_password")}
    missing = [_variable(name) for name, value in parts.items() if value is None]
    found = [_variable(name) for name, value in parts.items() if value is not None and name != "kafka"]
    if missing and found:
        raise Poison(f"{found[0]} is set and {missing[0]} is not: a login at a Kafka needs both", reason="settings")


def _check_api(settings: Settings) -> None:
    """Raise `Poison` for an API that others can reach and whose token is not set, or is short."""
    token = settings.api_token.get_secret_value() if settings.api_token else None
    if token is not None and len(token) < _MIN_TOKEN_CHARACTERS:
        raise Poison(f"{_variable('api_token')} is too short: 16 characters or more are needed", reason="settings")
    if token is None and settings.api is not None and not is_loopback(settings.api_address[0]):
        raise Poison(
            f"{_variable('api')} is an address that other machines can reach: set {_variable('api_token')} too",
            reason="settings",
        )


def _check_webhook(settings: Settings) -> None:
    """Raise `Poison` for a webhook without a secret."""
    if settings.webhook_url is not None and settings.webhook_secret is None:
        url, secret = _variable("webhook_url"), _variable("webhook_secret")
        raise Poison(f"{url} is set and {secret} is not: every outcome is signed", reason="settings")


def _is_cause(error: ErrorDetails) -> bool:
    return error["type"] != "default_factory_not_called"  # a default that depends on a value which is not valid


def _message(error: ErrorDetails, setting: Description) -> str:
    value = str(error["input"])
    if "@" in value:  # perhaps a URL with a password
        value = "***@" + value.rpartition("@")[2]
    problem = f"is {value[:_MAX_VALUE_CHARACTERS]!r}{_cause(error)}"
    return f"{setting.variable} {'is not valid' if setting.is_secret else problem}: it must be {setting.valid}"


def _cause(error: ErrorDetails) -> str:
    """Return what our own checks say is wrong, in parentheses; the value's pattern or limits need no more words."""
    cause = str(error.get("ctx", {}).get("error", "")) if error["type"] == "value_error" else ""
    return f" ({cause[:_MAX_VALUE_CHARACTERS]})" if cause else ""


def unknown_variables() -> Iterator[str]:
    """Yield one line, without the value, for each variable that begins with BACHATA_ and is not a setting."""
    for variable in sorted(os.environ):
        name = variable.lower().removeprefix(_PREFIX.lower())
        if (
            variable.upper().startswith(_PREFIX)
            and name not in Settings.model_fields
            and not name.startswith(_OF_TESTS)
        ):
            yield f"{variable} is not a setting and has no effect; {_hint(name)}"


def _hint(name: str) -> str:
    from difflib import get_close_matches

    nearest = _RENAMED.get(name) or next(iter(get_close_matches(name, Settings.model_fields, n=1)), None)
    return f"did you mean {_variable(nearest)}?" if nearest else "`bachata settings` lists all settings"


_INTRODUCTION = """# Settings

Settings are environment variables; an empty one counts as not set. `bachata settings` prints the values in force, where
each comes from, and never the value of a secret. A value that is not valid ends each command with one line and exit
status 2; a variable that begins with `BACHATA_` and is not in this list causes a warning.
This page is printed from `infra/settings.py` by `make docs`."""


def document() -> str:
    """Return all settings as a Markdown document."""
    groups = groupby(descriptions(), attrgetter("heading"))
    sections = [f"## {heading}\n\n{_table(list(settings))}" for heading, settings in groups]
    return "\n\n".join([_INTRODUCTION, *sections]) + "\n"


def _table(settings: list[Description]) -> str:
    rows = [
        f"| `{setting.variable}` | {setting.description}{' Secret.' if setting.is_secret else ''} "
        f"| {setting.valid} | {setting.unit} | {setting.default_text} |"
        for setting in settings
    ]
    return "\n".join(["| variable | meaning | valid values | unit | default |", "|---|---|---|---|---|", *rows])


if __name__ == "__main__":
    print(document(), end="")
