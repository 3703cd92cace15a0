"""A webhook: JSON by POST, signed after Standard Webhooks (:mod:`server.crm.signature`), without redirects, bounded in time and size."""

import ssl
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from server.crm.signature import sign
from server.escalation.message import Message
from server.escalation.target import NotSent, fingerprint_of

CONNECT_S = 5.0
ANSWER_S = 10.0
MAX_BODY_BYTES = 32_768


class Webhook:
    """One URL with its secret. A connection per message: they are rare."""

    def __init__(self, url: str, secret: bytes, ca: Path | None) -> None:
        self._url, self._secret, self._ca = url, secret, ca
        self.fingerprint = fingerprint_of(url)
        self.kind = f"webhook {urlsplit(url).hostname}"

    def send(self, message: Message, now_s: int) -> None:
        """POST; any 2xx has taken it. What the answer says is not read."""
        if len(message.body) > MAX_BODY_BYTES:
            raise NotSent(f"the message has {len(message.body)} bytes, at most {MAX_BODY_BYTES} are sent")
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "menjin",
            "webhook-id": message.id,
            "webhook-timestamp": str(now_s),
            "webhook-signature": sign(self._secret, message.id, now_s, message.body),
        }
        try:
            with (
                httpx2.Client(
                    timeout=httpx2.Timeout(ANSWER_S, connect=CONNECT_S),
                    verify=ssl.create_default_context(cafile=self._ca) if self._url.startswith("https:") else True,
                    follow_redirects=False,
                    trust_env=False,
                ) as client,
                client.stream("POST", self._url, content=message.body, headers=headers) as answer,
            ):
                if not answer.is_success:
                    raise NotSent(f"the receiver answered {answer.status_code}")
        except (httpx2.HTTPError, OSError) as error:
            raise NotSent(f"{type(error).__name__}: no answer from the receiver") from error
