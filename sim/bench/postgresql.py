"""A PostgreSQL cluster for a bench: made by initdb in a temporary folder, as durable as it is by default, gone afterwards."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sim.bench.figures import BenchFailed, BenchMissing

PROGRAMS = Path("/usr/lib/postgresql")
COMMAND_TIMEOUT_S = 60.0
INSTALL = "PostgreSQL is not installed: apt-get install postgresql"


@contextmanager
def postgresql_cluster() -> Iterator[str]:
    """Start a cluster on a Unix socket, yield the URL of its maintenance database, stop it. Under root it runs as user
    postgres: initdb refuses root. Raises :class:`BenchMissing` where there is no PostgreSQL."""
    binaries = max(PROGRAMS.glob("*/bin"), default=None, key=lambda path: int(path.parent.name))
    if binaries is None:
        raise BenchMissing(INSTALL)
    user = pwd.getpwuid(os.geteuid()).pw_name
    prefix: list[str] = []
    with tempfile.TemporaryDirectory(prefix="menjin-pg-") as folder:
        if os.geteuid() == 0:
            if shutil.which("runuser") is None or "postgres" not in {entry.pw_name for entry in pwd.getpwall()}:
                raise BenchMissing(INSTALL)
            prefix, user = ["runuser", "-u", "postgres", "--"], "postgres"
            shutil.chown(folder, "postgres", "postgres")

        def run(program: str, *arguments: str) -> None:
            done = subprocess.run(
                [*prefix, str(binaries / program), "-D", f"{folder}/data", *arguments],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=COMMAND_TIMEOUT_S,
                check=False,
            )
            if done.returncode != 0:
                raise BenchFailed(f"{program}: {done.stderr.strip() or done.stdout.strip()}")

        run("initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C")
        options = f"-c listen_addresses= -c unix_socket_directories={folder}"
        run("pg_ctl", "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield f"postgresql://{user}@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
