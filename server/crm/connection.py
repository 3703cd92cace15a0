"""How the CRM is reached, and by what its messages are believed: from the configuration and two secret files."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from server.config import Config, ConfigError, is_loopback
from server.crm.signature import SecretError, secret_of


@dataclass(frozen=True)
class CrmConnection:
    """One CRM. ``name`` is the ``source_system`` of its rows. ``url`` empty: it is never asked. ``secret`` None: webhooks are refused."""

    name: str
    url: str
    token: str | None = field(repr=False)
    secret: bytes | None = field(repr=False)
    ca: Path | None = None

    def tls(self) -> ssl.SSLContext:
        """What its certificate is checked against."""
        return ssl.create_default_context(cafile=self.ca)


def load_connection(config: Config) -> CrmConnection | None:
    """The CRM that the configuration names; None when it names none. Raises :class:`ConfigError`."""
    given = (config.crm_url, config.crm_token_file, config.crm_webhook_secret_file, config.crm_ca)
    if not config.crm_name:
        if any(given):
            raise ConfigError("crm_name: missing; the source_system of the CRM's rows")
        return None
    if config.crm_url:
        url = urlsplit(config.crm_url)
        if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment or url.username:
            raise ConfigError("crm_url: write https://HOST/PATH without user, query and fragment")
        if url.scheme == "http" and not is_loopback(url.hostname):
            raise ConfigError("crm_url: plain HTTP is only for loopback; write https://")
    secret = None
    if config.crm_webhook_secret_file is not None:
        try:
            secret = secret_of(_secret_text(config.crm_webhook_secret_file, "crm_webhook_secret_file"))
        except SecretError as error:
            raise ConfigError(f"crm_webhook_secret_file: {config.crm_webhook_secret_file}: {error}") from error
    token = _secret_text(config.crm_token_file, "crm_token_file") if config.crm_token_file is not None else None
    return CrmConnection(config.crm_name, config.crm_url.rstrip("/"), token, secret, config.crm_ca)


def _secret_text(path: Path, key: str) -> str:
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"{key}: {path} can be read by others; run chmod 600 on it")
        text = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{key}: {path}: cannot be read: {error}") from error
    if not text or any(character.isspace() for character in text):
        raise ConfigError(f"{key}: {path}: one line with the secret is expected")
    return text
