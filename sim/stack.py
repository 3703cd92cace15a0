"""Starts everything by command line: broker, server, simulated hall and edge, as real processes (DESIGN 19).

The order: keys → broker and server → enrolment → hall → edge. ``directory`` holds all of it::

    card.keys  server.toml  server/  site/ (site.toml, edge.toml, population)  hall/ (hall.json, dev/)  edge/  logs/
"""

import contextlib
import json
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from controller.site_checks import parse_site
from sim.child import Child, ChildError
from sim.clients import HttpClient
from sim.site_rules import Rules, changed_site, site_toml

EDGE = "edge-1"
DESK = "desk-1"
COMMAND_TIMEOUT_S = 60.0
SITES = Path(__file__).parent / "sites"
EDGE_STOP_TIMEOUT_S = 5.0
PORTS = range(12_000, 32_000)
PORT_TRIES = 100

BrokerKind = Literal["amqtt", "mosquitto"]
PROCESSES = ("broker", "server", "hall", "edge", "desk")

Progress = Callable[[str], None]


def menjin(*arguments: str) -> list[str]:
    """The argument list that runs ``menjin`` with this very interpreter."""
    return [sys.executable, "-m", "menjin", *arguments]


def find_site(name: str) -> Path:
    """The folder of a bundled site, or of a path. Raises :class:`ChildError` naming what is bundled."""
    for candidate in (SITES / name, Path(name)):
        if (candidate / "site.toml").is_file():
            return candidate
    bundled = ", ".join(sorted(path.name for path in SITES.iterdir() if (path / "site.toml").is_file()))
    raise ChildError(f"no site {name!r}: neither bundled ({bundled}) nor a folder with a site.toml")


class Stack:
    """All processes of one site on loopback, each port chosen by the system.

    ``settings`` overrides named limits of the site, ``rules`` what its areas and doors ask for. ``database_url`` None: SQLite in ``directory``. ``progress`` is told each
    step before it begins. ``desk``: start the desk's edge too, which writes badges.
    """

    def __init__(
        self,
        directory: Path,
        site: str = "demo",
        broker: BrokerKind = "amqtt",
        database_url: str | None = None,
        settings: Mapping[str, float] | None = None,
        progress: Progress = lambda _line: None,
        ports: Mapping[str, int] | None = None,
        desk: bool = False,
        rules: Rules | None = None,
    ) -> None:
        self.directory = directory
        self.site = site
        self.broker_kind: BrokerKind = broker
        self.database_url = database_url
        self.settings = dict(settings or {})
        self.rules = dict(rules or {})
        self._with_desk = desk
        self._progress = progress
        self._ports = {"server": 0, "hall": 0, "broker": 0, **(ports or {})}
        self.children: dict[str, Child] = {}
        self._api: HttpClient | None = None
        self._hall: HttpClient | None = None
        self._token = ""

    # what the others use

    @property
    def api(self) -> HttpClient:
        """The server's API, signed in with an administrator's token."""
        assert self._api is not None, "the stack is not started"
        return self._api

    @property
    def hall(self) -> HttpClient:
        """The simulated hall."""
        assert self._hall is not None, "the stack is not started"
        return self._hall

    @property
    def server_url(self) -> str:
        return self.children["server"].ready["X_URL"]

    @property
    def hall_url(self) -> str:
        return self.children["hall"].ready["X_URL"]

    @property
    def edge_state(self) -> Path:
        """The folder with the edge's journal and policy store."""
        return self.directory / "edge"

    @property
    def shared_database_url(self) -> str:
        """Where a CRM that shares the registry in place writes."""
        return self.database_url or f"sqlite:///{self.directory / 'server' / 'menjin.db'}"

    def token(self, role: str) -> str:
        """A bearer token of that role, made on the server's own machine."""
        name = f"sim-{role}"
        answer = self._run("server", "token", "--config", str(self._server_toml), "--role", role, "--name", name)
        return answer.strip().splitlines()[-1]

    # life

    def start(self) -> None:
        """Start all; on any failure everything is stopped again and :class:`ChildError` says why."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all, the edge first so that its outputs go to rest while the boards still answer."""
        for client in (self._api, self._hall):
            if client is not None:
                client.close()
        self._api = self._hall = None
        for name in reversed(PROCESSES):
            child = self.children.get(name)
            if child is not None:
                child.stop(EDGE_STOP_TIMEOUT_S if name in ("edge", "desk") else 10.0)

    def kill(self, name: str) -> None:
        """kill -9 one process."""
        self.children[name].kill()

    def restore(self, name: str) -> None:
        """Start a killed process again, on the same ports, and return when it is ready."""
        if not self.children[name].running:
            self.children[name].start()

    def __enter__(self) -> "Stack":
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    # the steps

    def _start(self) -> None:
        for folder in ("server", "hall", "edge", "desk", "logs", "site"):
            (self.directory / folder).mkdir(parents=True, exist_ok=True)
        self._copy_site()
        self._progress("keys")
        self._run("keys", "cards", "--out", str(self._card_keys))
        self._progress("broker")
        broker_port = self._start_broker()
        self._write_server_toml(broker_port)
        self._progress("server")
        server = self._add("server", menjin("server", "--config", str(self._server_toml)))
        hall = self._add(
            "hall",
            menjin(
                *("sim", "hall", "--site", str(self.directory / "site"), "--dir", str(self.directory / "hall")),
                *("--card-keys", str(self._card_keys), "--port", str(self._ports["hall"])),
                *("--edge-state", str(self.edge_state), "--bundle", str(self._bundle)),
                *("--desk-state", str(self.directory / "desk"), "--desk-bundle", str(self._desk_bundle)),
                *("--broker-upstream", f"127.0.0.1:{broker_port}"),
            ),
        )
        server.launch()
        hall.launch()
        server.wait_ready()
        self._keep_port("server", self._server_toml)
        self._token = self.token("administrator")
        self._api = HttpClient(self.server_url, self._token)
        self._progress("simulated hall")
        hall.wait_ready()
        self._hall = HttpClient(self.hall_url)
        self._progress("enrolment of the edge")
        self._enrol({"name": EDGE}, self._bundle)
        self._progress("edge")
        self._add("edge", menjin("edge", "--config", str(self.directory / "hall" / "edge.toml"))).start()
        if self._with_desk:
            self._progress("desk")
            self._enrol({"name": DESK, "role": "desk"}, self._desk_bundle, "--desk")
            self._add("desk", menjin("edge", "--config", str(self.directory / "hall" / "desk.toml"))).start()

    def _enrol(self, edge: dict[str, str], bundle: Path, *more: str) -> None:
        token = self.api.post("/api/v1/edges", edge)["token"]
        self._run(
            *("edge", "enrol", "--server", self.server_url, "--token", token),
            *("--card-keys", str(self._card_keys), "--out", str(bundle), *more),
        )

    def _copy_site(self) -> None:
        target = self.directory / "site"
        shutil.copytree(find_site(self.site), target, dirs_exist_ok=True)
        if self.settings or self.rules:
            site_file = target / "site.toml"
            site = parse_site(site_file.read_text(encoding="utf-8"), str(site_file))
            site_file.write_text(site_toml(changed_site(site, self.settings, self.rules)), encoding="utf-8")

    def _start_broker(self) -> int:
        if self.broker_kind == "mosquitto":
            return self._start_mosquitto()
        child = self._add("broker", menjin("broker", "--port", str(self._ports["broker"])))
        child.start()
        port = urlsplit(child.ready["X_URL"]).port
        assert port is not None
        child.command = menjin("broker", "--port", str(port))
        return port

    def _start_mosquitto(self) -> int:
        port = self._ports["broker"] or free_port()
        child = self._add("broker", mosquitto_command(self.directory, port), notifies=True)
        child.start()
        return port

    def _write_server_toml(self, broker_port: int) -> None:
        keys: dict[str, Any] = {
            "dir": str(self.directory / "server"),
            "broker_url": f"mqtt://127.0.0.1:{broker_port}",
            "site_file": str(self.directory / "site" / "site.toml"),
            "host": "127.0.0.1",
            "port": self._ports["server"],
            "allow_uid_cards": True,
        }
        if self.database_url is not None:
            keys["database_url"] = self.database_url
        # JSON's strings and numbers are TOML's.
        self._server_toml.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items()))
        self._server_toml.chmod(0o600)

    def _keep_port(self, name: str, toml: Path) -> None:
        """A restarted server comes back where it was."""
        port = urlsplit(self.children[name].ready["X_URL"]).port
        toml.write_text(toml.read_text().replace("port = 0\n", f"port = {port}\n"))

    def _add(self, name: str, command: list[str], notifies: bool = True) -> Child:
        child = Child(name, command, self.directory / "logs" / f"{name}.log", notifies)
        self.children[name] = child
        return child

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            menjin(*arguments),
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode != 0:
            raise ChildError(f"menjin {arguments[0]} {arguments[1]} failed:\n{done.stderr.strip()}")
        return done.stdout

    @property
    def _card_keys(self) -> Path:
        return self.directory / "card.keys"

    @property
    def _bundle(self) -> Path:
        return self.directory / "edge" / "edge.bundle"

    @property
    def _desk_bundle(self) -> Path:
        return self.directory / "desk" / "desk.bundle"

    @property
    def _server_toml(self) -> Path:
        return self.directory / "server.toml"


def mosquitto_command(folder: Path, port: int) -> list[str]:
    """What starts Debian's mosquitto on loopback, with its configuration in ``folder``. Raises :class:`ChildError` where it is
    not installed."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        raise ChildError("mosquitto is not installed: apt-get install mosquitto")
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nuser root\n"
        "max_queued_messages 0\nmax_inflight_messages 100\n"
    )
    return [program, "-c", str(config)]


def free_port() -> int:
    """A port that is free now, for programs that cannot choose one themselves (mosquitto). Below those that the system hands out: nobody else gets
    it while the program starts, or is down for a while."""
    for _ in range(PORT_TRIES):
        port = secrets.choice(PORTS)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise ChildError(f"no free port from {PORTS.start} to {PORTS.stop - 1}")
