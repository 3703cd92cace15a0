"""mosquitto and real servers on one database, as the benches measure them: started by command line, signed in as administrator."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sim.bench.figures import BenchFailed
from sim.child import Child
from sim.clients import HttpClient
from sim.stack import free_port, menjin, mosquitto_command

SITE_FILE = Path(__file__).parent / "doors" / "site.toml"
COMMAND_TIMEOUT_S = 60.0
READY_TIMEOUT_S = 300.0
"""A server with a large registry compiles before it is ready."""


@dataclass(frozen=True)
class Place:
    """A server's configuration in its folder, the broker that goes with it, and an administrator's token. The schema is made."""

    folder: Path
    config: Path
    broker_port: int
    token: str

    @property
    def broker_url(self) -> str:
        return f"mqtt://127.0.0.1:{self.broker_port}"


@dataclass(frozen=True)
class Served:
    """Servers on one database. ``api``: a connection to the first."""

    urls: Sequence[str]
    token: str
    api: HttpClient


def place(folder: Path, database_url: str, site_file: Path = SITE_FILE) -> Place:
    """Write ``server.toml`` and make the first token, and with it the schema. Raises :class:`BenchFailed`."""
    port = free_port()
    config = folder / "server.toml"
    keys = {
        "dir": str(folder / "server"),
        "database_url": database_url,
        "broker_url": f"mqtt://127.0.0.1:{port}",
        "site_file": str(site_file),
        "host": "127.0.0.1",
        "port": 0,
    }
    config.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items()), encoding="utf-8")
    return Place(folder, config, port, _token(config))


@contextmanager
def broker(at: Place) -> Iterator[None]:
    """mosquitto at the place's port."""
    child = Child("broker", mosquitto_command(at.folder, at.broker_port), at.folder / "broker.log")
    try:
        child.start()
        yield
    finally:
        child.stop()


@contextmanager
def servers(at: Place, count: int = 1) -> Iterator[Served]:
    """So many server processes, ready."""
    with ExitStack() as ends:
        urls = []
        for number in range(1, count + 1):
            child = Child("server", menjin("server", "--config", str(at.config)), at.folder / f"server-{number}.log")
            ends.callback(child.stop)
            child.start(READY_TIMEOUT_S)
            urls.append(child.ready["X_URL"])
        api = HttpClient(urls[0], at.token)
        ends.callback(api.close)
        yield Served(urls, at.token, api)


def _token(config: Path) -> str:
    command = menjin("server", "token", "--config", str(config), "--role", "administrator", "--name", "bench")
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode != 0:
        raise BenchFailed(done.stderr.strip())
    return done.stdout.strip().splitlines()[-1]
