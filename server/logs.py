"""Logs: one line an event on stderr, ours and the libraries', with secrets and personal data blanked (D6)."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor

_SECRET_WORDS = ("password", "secret", "token", "cookie", "authorization", "private_key", "hash_key", "signature")
_PERSONAL_WORDS = ("phone", "email", "id_number", "_clear", "_cipher")
_NOISY = (
    "amqtt", "transitions", "alembic", "multipart", "asyncio", "PIL", "pypdf", "sqlalchemy", "httpx2", "httpcore2", "urllib3", "requests",
)  # fmt: skip
"""Of these warnings only. At debug level SQLAlchemy would print rows, and Pillow what a picture says about where it was taken; the HTTP
clients print URLs, which are secrets where a message service's robot is told something."""
_ROW = re.compile(
    r"(?P<head>DETAIL: +Failing row contains ).*?(?=\n(?:HINT|CONTEXT|\[SQL|\(Background|The above|During handling|Traceback)|\Z)",
    re.DOTALL,
)


def start_logs(level: str) -> None:
    """Configure structlog and the standard library's logging. Libraries that chatter speak from warnings on."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=processors(),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_RowlessFormatter("%(asctime)s [%(levelname)s] %(name)s: %(message)s"))
    logging.basicConfig(level=number, handlers=[handler], force=True)
    calm_libraries()


def processors() -> list[Processor]:
    """What makes an event's line: an exception as Python prints it, without the values of locals, which may be somebody's."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        blank_secrets,
        structlog.processors.format_exc_info,
        blank_rows,
        structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0),
    ]


def calm_libraries() -> None:
    """Libraries that chatter speak from warnings on, whatever the level is."""
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


def blank_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the value of every key that names a secret or something personal."""
    for key in event:
        if any(word in key.lower() for word in _SECRET_WORDS + _PERSONAL_WORDS):
            event[key] = "***"
    return event


def blank_rows(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blank the row that PostgreSQL quotes in the error of a failed CHECK."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = without_row(value)
    return event


def without_row(text: str) -> str:
    """``text`` without the values of a row that PostgreSQL refused: they may be what a CRM wrote in clear."""
    return _ROW.sub(r"\g<head>(***)", text) if "DETAIL:" in text else text


class _RowlessFormatter(logging.Formatter):
    """Libraries, uvicorn above all, print whole exceptions."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, its traceback included."""
        return without_row(super().format(record))
