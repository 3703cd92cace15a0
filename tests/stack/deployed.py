"""What deploy/ describes, started on loopback: its files with only paths, hosts and ports replaced."""

import ssl
import subprocess
from collections.abc import Iterable
from pathlib import Path

from sim.child import Child
from sim.clients import HttpClient
from sim.stack import free_port, menjin
from tests.server.mosquitto import PROGRAM

DEPLOY = Path(__file__).parents[2] / "deploy"
SITE, EDGE, OTHER_EDGE, BARRED_EDGE = "dc1", "edge-1", "edge-2", "edge-3"
COMMAND_S = 60.0


def example(name: str, *replaced: tuple[str, str]) -> str:
    """A file of deploy/ with each text replaced; one that is not there any more fails the test."""
    text = (DEPLOY / name).read_text("utf-8")
    for old, new in replaced:
        assert old in text, f"deploy/{name} says {old!r} no more"
        text = text.replace(old, new)
    return text


def run(*command: str, cwd: Path | None = None, error: bool = False) -> str:
    """A program to its end; its output."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_S, check=False, cwd=cwd)
    assert (done.returncode != 0) == error, done.stderr
    return done.stderr if error else done.stdout


def make_certificates(folder: Path, clients: Iterable[str]) -> None:
    """With the script that docs/install.md names."""
    folder.mkdir()
    script = str(DEPLOY / "mosquitto" / "certificates.sh")
    run(script, "ca", cwd=folder)
    run(script, "broker", "localhost", "127.0.0.1", cwd=folder)
    for name in clients:
        run(script, "client", name, cwd=folder)


class Deployed:
    """mosquitto, server, simulated hall and edge in one folder. The certificates are in ``certs``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certs = folder / "certs"
        make_certificates(self.certs, ("menjin-server", EDGE, OTHER_EDGE, BARRED_EDGE))
        self.port = free_port()
        self.children: list[Child] = []
        self._clients: list[HttpClient] = []

    def start_broker(self) -> None:
        """mosquitto on deploy/mosquitto, with one edge barred as docs/install.md says."""
        assert PROGRAM is not None
        access = self.folder / "mosquitto.acl"
        access.write_text(example("mosquitto/mosquitto.acl") + f"\nuser {BARRED_EDGE}\ntopic deny menjin/#\n")
        config = self.folder / "mosquitto.conf"
        config.write_text(
            example(
                "mosquitto/mosquitto.conf",
                ("/etc/mosquitto/certs", str(self.certs)),
                ("/etc/mosquitto/mosquitto.acl", str(access)),
                ("listener 8883", f"listener {self.port} 127.0.0.1"),
            )
            + "user root\n"  # mosquitto would give up root and could not read this folder
        )
        self._start("broker", PROGRAM, "-c", str(config))

    def start_server(self, **changes: str) -> tuple[Child, Path]:
        """The server on deploy/server.toml and deploy/site.toml; with the file of its own certificate."""
        state = self.folder / "server"
        config = self.folder / "server.toml"
        (self.folder / "site").mkdir(exist_ok=True)
        (self.folder / "site" / "site.toml").write_text(example("site.toml"))
        config.write_text(
            example(
                "server.toml",
                ("/var/lib/menjin-server", str(state)),
                ("/etc/menjin/site.toml", str(self.folder / "site" / "site.toml")),
                ('host = "0.0.0.0"', 'host = "127.0.0.1"\ntls = true'),
                ("port = 8443", "port = 0"),
                ("mqtts://broker.example:8883", f"mqtts://localhost:{self.port}"),
                ("/etc/menjin/", f"{self.certs}/"),
            )
        )
        return self._start("server", *menjin("server", "--config", str(config))), state / "site-certificate.pem"

    def start_hall(self) -> HttpClient:
        """The simulated hardware of deploy/edge.toml; it writes the edge's configuration."""
        card_keys = self.folder / "card.keys"
        run(*menjin("keys", "cards", "--out", str(card_keys)))
        (self.folder / "site" / "edge.toml").write_text(
            example(
                "edge.toml",
                ("/var/lib/menjin-edge", "@STATE@"),
                ("/etc/menjin/edge.bundle", "@BUNDLE@"),
                ("mqtts://broker.example:8883", "@BROKER@"),
                ("/etc/menjin/", f"{self.certs}/"),
                ("/dev/serial/by-id/usb-reader-", "@DEV@/"),
                ("/dev/serial/by-id/usb-", "@DEV@/"),
                ('trust = "system"', 'trust = "always"'),  # nobody vouches for the clock of a test machine
            )
        )
        (self.folder / "edge").mkdir()
        hall = self._start(
            "hall",
            *menjin("sim", "hall", "--site", str(self.folder / "site"), "--dir", str(self.folder / "hall")),
            *("--card-keys", str(card_keys), "--port", "0", "--broker", f"mqtts://localhost:{self.port}"),
            *("--edge-state", str(self.folder / "edge"), "--bundle", str(self.folder / "edge" / "edge.bundle")),
        )
        return self.client(hall.ready["X_URL"])

    def enrol_and_start_edge(self, server_url: str, token: str, ca: Path) -> Child:
        """Enrolment over the server's own TLS, then the edge."""
        run(
            *menjin("edge", "enrol", "--server", server_url, "--token", token, "--ca", str(ca)),
            *("--card-keys", str(self.folder / "card.keys"), "--out", str(self.folder / "edge" / "edge.bundle")),
        )
        return self._start("edge", *menjin("edge", "--config", str(self.folder / "hall" / "edge.toml")))

    def token(self) -> str:
        """An administrator's API token, made on the server's own machine."""
        config = str(self.folder / "server.toml")
        made = run(*menjin("server", "token", "--config", config, "--role", "administrator", "--name", "test"))
        return made.split()[-1]

    def client(self, url: str, token: str | None = None, ca: Path | None = None) -> HttpClient:
        client = HttpClient(url, token, verify=ssl.create_default_context(cafile=ca) if ca is not None else True)
        self._clients.append(client)
        return client

    def stop(self) -> None:
        for client in self._clients:
            client.close()
        for child in reversed(self.children):
            child.stop()

    def _start(self, name: str, *command: str) -> Child:
        child = Child(name, command, self.folder / f"{name}.log")
        self.children.append(child)
        child.start()
        return child
