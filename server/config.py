"""Configuration of ``menjin server``: a TOML file, each key also as ``MENJIN_SERVER_KEY`` (which wins).

dir = "/var/lib/menjin-server"       # database, keys, certificate; made mode 700 when missing
site_file = "site.toml"              # relative paths: from the configuration file's folder
database_url = "postgresql:///menjin"  # default: SQLite in dir
broker_url = "mqtts://broker:8883"
broker_ca = "ca.pem"                 # with mqtts; broker_certificate and broker_key for a client certificate
host = "127.0.0.1"
port = 8080
tls = true                           # default: off on loopback, on elsewhere, where it cannot be turned off
tls_certificate = "cert.pem"         # default: a site certificate made on first start
tls_key = "key.pem"
erasable_keys_url = "sqlite:///…"    # keys of photos and letters; default: erasable-keys.db in dir; kept apart from backups of the database
erase_after_days = 30                # so long after a badge came back its photo and ID copy are erased
password_max_age_days = 30           # a password ends after so many days (D2); 0: never. More than 31 or 0 only with the decision's who and why:
password_max_age_reason = ""         # who decided it and why: written into the audit log at start
order_notice_h = 24                  # notice of work orders (E1); a customer's first racking has 24 h at least
allow_uid_cards = false              # whether a bare UID may be bound to a badge (identified, not authenticated)
crm_name = "crm"                     # the CRM: source_system of its rows, and the way to fetch from it (docs/registry.md)
crm_url = "https://crm.example/api"
crm_token_file = "crm.token"         # mode 600
crm_webhook_secret_file = "crm.webhook"   # mode 600: whsec_…
console_url = "https://menjin.example:8443"   # as the guards open it, for links in messages; default: from host and port
[[escalation]]                       # the second channel of alarms, any number of them (docs/escalation.md)
name = "on-call"
priority = 1                         # alarms of this priority and more urgent ones
after_s = 120                        # unacknowledged for so long
alarms = ["LONE_OCCUPANT"]           # only these; default: all
url_file = "on-call.urls"            # mode 600: a webhook or apprise URL a line
ca = "receivers-ca.pem"              # for webhooks: instead of the system's authorities
"""

import ipaddress
import os
import socket
import ssl
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from server.escalation.settings import EscalationSettings

ENV_PREFIX = "MENJIN_SERVER_"
MONTH_DAYS = 31
MIN_REASON_CHARS = 10
"""A name and a reason do not fit into less."""
_PATH_KEYS = (
    "dir",
    "site_file",
    "tls_certificate",
    "tls_key",
    "broker_ca",
    "broker_certificate",
    "broker_key",
    "crm_ca",
    "crm_token_file",
    "crm_webhook_secret_file",
)


class ConfigError(Exception):
    """The configuration cannot be used: one line that says what, where and what to do. Exit code 2."""


class Config(BaseSettings):
    """One server's configuration. Made by :func:`load_config`."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="forbid", frozen=True)

    dir: Path
    site_file: Path
    database_url: str = ""
    broker_url: str = "mqtt://127.0.0.1:1883"
    broker_ca: Path | None = None
    broker_certificate: Path | None = None
    broker_key: Path | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    tls: bool | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    session_hours: Annotated[float, Field(gt=0, le=24)] = 12
    password_max_age_days: Annotated[int, Field(ge=0, le=3650)] = 30
    password_max_age_reason: Annotated[str, StringConstraints(max_length=500, strip_whitespace=True)] = ""
    max_body_bytes: Annotated[int, Field(ge=1024)] = 1_048_576
    body_timeout_s: Annotated[float, Field(gt=0)] = 15
    erasable_keys_url: str = ""
    erase_after_days: Annotated[int, Field(ge=0, le=3650)] = 30
    max_attachment_bytes: Annotated[int, Field(ge=1024, le=10_485_760)] = 10_485_760
    allow_uid_cards: bool = False
    order_notice_h: Annotated[int, Field(ge=0, le=720)] = 24
    crm_name: str = ""
    crm_url: str = ""
    crm_ca: Path | None = None
    crm_token_file: Path | None = None
    crm_webhook_secret_file: Path | None = None
    console_url: Annotated[str, StringConstraints(max_length=200, pattern=r"^(https?://[^\s/@]+(/\S*)?)?$")] = ""
    escalation: tuple[EscalationSettings, ...] = ()
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, whose values arrive as arguments."""
        return env_settings, init_settings

    @property
    def uses_tls(self) -> bool:
        """Whether the server speaks TLS itself (DESIGN 18)."""
        return not is_loopback(self.host) if self.tls is None else self.tls

    @property
    def console(self) -> str:
        """Where the console is opened, for links in messages."""
        if self.console_url:
            return self.console_url
        host = self.host if is_loopback(self.host) else socket.gethostname()
        return f"{'https' if self.uses_tls else 'http'}://{host}:{self.port}/"


def is_loopback(host: str) -> bool:
    """Whether a host name or address reaches this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load_config(path: Path) -> Config:
    """Read the file and the environment, check them, and make ``dir``. Raises :class:`ConfigError`."""
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; name a server.toml with --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    _refuse_unknown_environment(path)
    try:
        config = Config(**values)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_first_line(error)}") from error
    except ValueError as error:  # pydantic-settings: an environment value that is not even JSON
        raise ConfigError(f"{ENV_PREFIX}…: {str(error).splitlines()[0]}") from error
    return _checked(_absolute(config, path.parent), path)


def _refuse_unknown_environment(path: Path) -> None:
    for name in sorted(os.environ):
        key = name.removeprefix(ENV_PREFIX).lower()
        if name.startswith(ENV_PREFIX) and key not in Config.model_fields:
            raise ConfigError(f"environment {name}: unknown key {key!r}; known keys are those of {path.name}")


def _first_line(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in first["loc"]) or "?"
    if first["type"] == "extra_forbidden":
        return f"{key}: unknown key; known keys: {', '.join(Config.model_fields)}"
    if first["type"] == "missing":
        return f"{key}: missing; add it or set {ENV_PREFIX}{key.upper()}"
    return f"{key}: {first['msg']}"


def _absolute(config: Config, folder: Path) -> Config:
    changes: dict[str, Any] = {}
    for key in _PATH_KEYS:
        value: Path | None = getattr(config, key)
        if value is not None:
            changes[key] = (folder / value).absolute()
    changes["escalation"] = tuple(
        channel.model_copy(
            update={
                "url_file": (folder / channel.url_file).absolute(),
                "ca": None if channel.ca is None else (folder / channel.ca).absolute(),
            }
        )
        for channel in config.escalation
    )
    if not config.database_url:
        changes["database_url"] = f"sqlite:///{changes['dir'] / 'menjin.db'}"
    return config.model_copy(update=changes)


def _names_a_broker(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("mqtt", "mqtts") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        return False


def _refuse_unusable_pem(keys: str, path: Path, certificate: Path | None, key: Path | None = None) -> None:
    """A certificate alone is an authority to check others by; with its key it is our own."""
    if certificate is None:
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if key is None:
            context.load_verify_locations(certificate)
        else:
            context.load_cert_chain(certificate, key, password="")  # one with a passphrase is refused, not asked for
    except (OSError, ValueError) as error:
        files = ", ".join(str(name) for name in (certificate, key) if name is not None)
        raise ConfigError(f"{path}: {keys}: {files}: {error}") from error


def _checked(config: Config, path: Path) -> Config:
    for key in _PATH_KEYS[1:]:
        value: Path | None = getattr(config, key)
        if value is not None and not value.is_file():
            raise ConfigError(f"{path}: {key}: there is no file {value}; correct the path")
    if not 0 < config.password_max_age_days <= MONTH_DAYS and len(config.password_max_age_reason) < MIN_REASON_CHARS:
        raise ConfigError(
            f"{path}: password_max_age_days = {config.password_max_age_days}: passwords change within a month (D2); say in"
            " password_max_age_reason who decided otherwise and why, or take the key out"
        )
    for channel in config.escalation:
        for name in (channel.url_file, channel.ca):
            if name is not None and not name.is_file():
                raise ConfigError(f"{path}: escalation {channel.name!r}: there is no file {name}; correct the path")
        _refuse_unusable_pem(f"escalation {channel.name!r}: ca", path, channel.ca)
    if (config.broker_certificate is None) != (config.broker_key is None):
        raise ConfigError(f"{path}: broker_certificate and broker_key go together; give both or neither")
    if (config.tls_certificate is None) != (config.tls_key is None):
        raise ConfigError(f"{path}: tls_certificate and tls_key: give both, or neither for a certificate made here")
    for key in ("tls_key", "broker_key"):
        value = getattr(config, key)
        if value is not None and value.stat().st_mode & 0o007:
            raise ConfigError(f"{path}: {key}: {value} can be read by anyone; run chmod 600 on it")
    if config.tls is False and not is_loopback(config.host):
        raise ConfigError(
            f'{path}: host {config.host}: plain HTTP is only for loopback; set tls = true, or host = "127.0.0.1"'
        )
    if not _names_a_broker(config.broker_url):
        raise ConfigError(f"{path}: broker_url: write mqtt://HOST:PORT or mqtts://HOST:PORT")
    if config.broker_url.startswith("mqtt:") and (config.broker_ca or config.broker_certificate):
        raise ConfigError(f"{path}: broker_url is not encrypted but certificates are given; write mqtts://")
    _refuse_unusable_pem("broker_ca", path, config.broker_ca)
    _refuse_unusable_pem("broker_certificate, broker_key", path, config.broker_certificate, config.broker_key)
    _refuse_unusable_pem("tls_certificate, tls_key", path, config.tls_certificate, config.tls_key)
    try:
        config.dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{path}: dir {config.dir}: cannot be made: {error.strerror}") from error
    return config
