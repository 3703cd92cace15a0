"""A PostgreSQL cluster of the tests' own: made by initdb in a temporary folder, on a Unix socket, gone afterwards."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
START_S = 60


@contextmanager
def postgresql_cluster() -> Iterator[str]:
    """Start a cluster, yield the URL of its maintenance database, stop it. As root it runs as user postgres, because
    initdb refuses root. A missing PostgreSQL fails with what to install."""
    if not BINARIES:
        pytest.fail("PostgreSQL is not installed: apt-get install postgresql", pytrace=False)
    binaries = BINARIES[-1]
    folder = Path(tempfile.mkdtemp(prefix="menjin-pg-"))
    as_user: list[str] = []
    owner = pwd.getpwuid(os.geteuid()).pw_name
    if os.geteuid() == 0:
        if shutil.which("runuser") is None or "postgres" not in {entry.pw_name for entry in pwd.getpwall()}:
            pytest.fail(
                "root cannot run PostgreSQL and there is no user postgres: apt-get install postgresql", pytrace=False
            )
        as_user, owner = ["runuser", "-u", "postgres", "--"], "postgres"
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"

    def run(*command: str | Path) -> None:
        done = subprocess.run(
            [*as_user, *map(str, command)], cwd=folder, capture_output=True, text=True, timeout=START_S, check=False
        )
        if done.returncode != 0:
            pytest.fail(f"{Path(command[0]).name}: {done.stderr.strip() or done.stdout.strip()}", pytrace=False)

    try:
        run(binaries / "initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", "-D", data)
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off -c max_connections=200"
        run(binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
        try:
            yield f"postgresql://{owner}@/postgres?host={folder}"
        finally:
            run(binaries / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
