"""The server's commands, run inside the tests' process."""

import sys

import pytest
import structlog
from typer import Typer
from typer.testing import CliRunner, Result


def invoke(app: Typer, arguments: list[str], typed: str | None = None) -> Result:
    """Its exit code, stdout, stderr; ``typed`` is its standard input. Its stderr is gone afterwards: it must not stay where everybody's logs go."""

    def start_logs(level: str) -> None:
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(level),
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
            cache_logger_on_first_use=False,
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("server.logs.start_logs", start_logs)
        patch.setattr("server.registry.cli.start_logs", start_logs)
        before = structlog.get_config()
        try:
            return CliRunner().invoke(app, arguments, input=typed)
        finally:
            structlog.configure(**before)
