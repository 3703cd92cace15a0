"""The channels that the configuration names, with their secrets read from files of mode 600. Nothing here is ever logged."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from server.config import Config, ConfigError, is_loopback
from server.crm.signature import SecretError, secret_of
from server.escalation.message import names_of_priority
from server.escalation.message_services import MessageService, ServiceUrlError
from server.escalation.settings import EscalationSettings
from server.escalation.target import Target
from server.escalation.webhook import Webhook

MAX_CHANNELS = 20
MAX_TARGETS = 20
MAX_FILE_BYTES = 65_536


@dataclass(frozen=True)
class Channel:
    """One second channel: which alarms, after how long, to whom."""

    name: str
    after_s: float
    alarms: frozenset[str]
    targets: tuple[Target, ...]


def load_channels(config: Config) -> tuple[Channel, ...]:
    """The channels of a configuration. Raises :class:`ConfigError`."""
    if len(config.escalation) > MAX_CHANNELS:
        raise ConfigError(f"escalation: at most {MAX_CHANNELS} channels")
    names = [settings.name for settings in config.escalation]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"escalation: two channels are called {name!r}; rename one")
    return tuple(_channel(settings) for settings in config.escalation)


def _channel(settings: EscalationSettings) -> Channel:
    priority = settings.priority or (3 if settings.alarms else 1)
    alarms = frozenset(names_of_priority(priority))
    if settings.alarms:
        alarms &= frozenset(settings.alarms)
    if not alarms:
        raise ConfigError(
            f"escalation {settings.name!r}: none of its alarms has priority {priority}; raise it, or leave it out"
        )
    where = f"escalation {settings.name!r}: {settings.url_file}"
    lines = _lines(settings.url_file, where)
    targets = tuple(_target(line, settings.ca, f"{where}: line {number}") for number, line in lines)
    if len({target.fingerprint for target in targets}) < len(targets):
        raise ConfigError(f"{where}: a URL stands there twice; keep one")
    return Channel(settings.name, settings.after_s, alarms, targets)


def _lines(path: Path, where: str) -> Sequence[tuple[int, str]]:
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"{where}: can be read by others; run chmod 600 on it")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{where}: larger than {MAX_FILE_BYTES} bytes")
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{where}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{where}: is not text") from error
    found = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    found = [(number, line) for number, line in found if line and not line.startswith("#")]
    if not 1 <= len(found) <= MAX_TARGETS:
        raise ConfigError(f"{where}: holds {len(found)} URLs; give 1 to {MAX_TARGETS}, one a line")
    return found


def _target(line: str, ca: Path | None, where: str) -> Target:
    """``https://… whsec_…``, or an apprise URL. The messages never hold the line."""
    url, *rest = line.split()
    if url.startswith(("https://", "http://")):
        return _webhook(url, rest, ca, where)
    if rest:
        raise ConfigError(f"{where}: one apprise URL and nothing else; write a blank within it as %20")
    try:
        return MessageService(url)
    except ServiceUrlError as error:
        raise ConfigError(f"{where}: {error}") from error


def _webhook(url: str, rest: Sequence[str], ca: Path | None, where: str) -> Webhook:
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"{where}: not a URL") from error
    if not host or parts.username or parts.password or parts.fragment:
        raise ConfigError(f"{where}: write https://HOST/PATH without user and fragment, then its secret")
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigError(f"{where}: plain HTTP is only for loopback; write https://")
    if len(rest) != 1:
        raise ConfigError(
            f"{where}: after a webhook's URL comes a blank and its secret, whsec_ and base64 of 24 to 64 random bytes"
        )
    try:
        return Webhook(url, secret_of(rest[0]), ca)
    except SecretError as error:
        raise ConfigError(f"{where}: secret: {error}") from error
