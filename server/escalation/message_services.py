"""WeCom, DingTalk, Feishu, mail and the like, through ``apprise``: the only file that imports it, and only when a channel needs it.

Its plugins keep their own time: each message is given to a thread that is waited for :data:`ANSWER_S`. One that hangs is left behind, and its
receiver gets no second thread before it ends.
"""

import logging
import threading  # noqa: TID251 - named in tests/test_architecture.py
import warnings
from typing import Any

from server.config import is_loopback
from server.escalation.message import Message
from server.escalation.target import NotSent, fingerprint_of

ANSWER_S = 30.0


class ServiceUrlError(ValueError):
    """The URL cannot be used. One line, without the URL."""


class MessageService:
    """One apprise URL. Raises :class:`ServiceUrlError` when apprise does not know it, or it would travel in clear."""

    def __init__(self, url: str) -> None:
        logging.getLogger("apprise").setLevel(logging.CRITICAL)  # below it shows payloads and parts of URLs
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of modules that apprise's own libraries import
            self._load(url)

    def _load(self, url: str) -> None:
        import apprise

        self._asset = apprise.AppriseAsset(
            app_id="menjin", app_desc="menjin", async_mode=False, http_redirects=False, secure_logging=True
        )
        plugin: Any = apprise.Apprise.instantiate(url, asset=self._asset)
        if plugin is None:
            raise ServiceUrlError("apprise does not know this URL; see its documentation of the service")
        scheme = url.partition(":")[0].lower()
        if scheme in _names(type(plugin).protocol) and not is_loopback(str(getattr(plugin, "host", ""))):
            raise ServiceUrlError(
                f"{scheme}:// travels in clear; use {' or '.join(_names(type(plugin).secure_protocol)) or 'another'}"
            )
        self._apprise = apprise.Apprise(asset=self._asset)
        self._apprise.add(plugin)
        self._warning = apprise.NotifyType.WARNING
        self._thread: threading.Thread | None = None
        self.fingerprint = fingerprint_of(url)
        self.kind = str(plugin.service_name)

    def send(self, message: Message, now_s: int) -> None:  # noqa: ARG002
        """Give it to the service, which says whether it took it."""
        if self._thread is not None and self._thread.is_alive():
            raise NotSent("the service has not answered the message before yet")
        taken: list[bool] = []

        def notify() -> None:
            try:
                taken.append(
                    bool(self._apprise.notify(body=message.text, title=message.title, notify_type=self._warning))
                )
            except Exception:  # noqa: BLE001 - whatever a plugin raises, the message was not taken; its text may hold the URL
                taken.append(False)

        self._thread = threading.Thread(target=notify, name="escalation-service", daemon=True)
        self._thread.start()
        self._thread.join(ANSWER_S)
        if not taken:
            raise NotSent(f"the service did not answer in {ANSWER_S:.0f} s")
        if not taken[0]:
            raise NotSent("the service did not take it")


def _names(protocol: Any) -> tuple[str, ...]:
    if not protocol:
        return ()
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)
