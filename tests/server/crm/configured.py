"""A configuration that names a CRM."""

from pathlib import Path

from server.config import Config
from tests.server.crm.crm import TOKEN

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def with_crm(config: Config, folder: Path, url: str) -> Config:
    """``config`` with the CRM ``crm`` at ``url``, its secrets in files of mode 600."""
    for name, text in (("crm.token", TOKEN), ("crm.webhook", SECRET)):
        (folder / name).write_text(text + "\n")
        (folder / name).chmod(0o600)
    files = {"crm_token_file": folder / "crm.token", "crm_webhook_secret_file": folder / "crm.webhook"}
    return config.model_copy(update={"crm_name": "crm", "crm_url": url, **files})
